"""The operational log: lines stay whole."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

_PROGRAM = """
import structlog
from readonly_guard.settings import LoggingSettings
from readonly_guard_cli.operational_log import configure

configure(LoggingSettings(format={form!r}))
structlog.get_logger().info("one", number=1)
structlog.get_logger().warning("två", number=2)
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_line_is_one_write_for_several_workers_write_the_same_file(form, unbuffered):
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # which keeps writes apart
    with here, there:
        subprocess.run(
            [sys.executable, "-c", _PROGRAM.format(form=form)],
            stderr=there,
            check=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
        here.setblocking(False)
        writes = [here.recv(65536).decode() for _ in range(2)]
        with pytest.raises(BlockingIOError):
            here.recv(65536)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in writes)
    assert "one" in writes[0]
    assert "två" in writes[1]
    if form == "json":
        assert [json.loads(line)["number"] for line in writes] == [1, 2]
