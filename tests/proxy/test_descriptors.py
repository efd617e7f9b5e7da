"""File descriptors in a process of its own, whose limits the test sets."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from readonly_guard_proxy.lifecycle.descriptors import provide
print(provide(int(sys.argv[3])), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "sessions", "room", "afterwards", "is_told"),
    [
        (1024, 4096, 100, 100, 1024, False),  # enough as it is
        (256, 4096, 1000, 1000, 2064, False),  # raised as far as is needed
        (256, 1064, 1000, 500, 1064, True),  # raised as far as the system lets it
    ],
)
def test_as_many_as_the_sessions_need(soft, hard, sessions, room, afterwards, is_told):
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *map(str, (soft, hard, sessions))], capture_output=True, text=True, check=True
    )
    *told, last = done.stdout.splitlines()
    assert last == f"{room} {afterwards}"
    assert any("too few file descriptors" in line for line in told) == is_told
