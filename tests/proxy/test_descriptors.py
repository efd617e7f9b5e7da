"""File descriptors in a process of its own, whose limits the test sets."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from readonly_guard_proxy.net.descriptors import provide
print(*provide(int(sys.argv[3])), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "sessions", "room", "end", "afterwards", "is_told"),
    [
        (3000, 4096, 100, 100, 2202, 3000, False),  # enough as it is
        (256, 8192, 1000, 1000, 3036, 4112, False),  # raised as far as is needed
        (256, 3264, 1000, 1000, 2400, 3264, False),  # as far as the system lets it, and there is room
        (256, 1064, 1000, 375, 750, 1064, True),  # and there is not
        (50, 50, 10, 0, 0, 50, True),
    ],
)
def test_as_many_as_the_sessions_need(soft, hard, sessions, room, end, afterwards, is_told):
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *map(str, (soft, hard, sessions))], capture_output=True, text=True, check=True
    )
    *told, last = done.stdout.splitlines()
    assert last == f"{room} {end} {afterwards}"
    assert any("too few file descriptors" in line for line in told) == is_told
