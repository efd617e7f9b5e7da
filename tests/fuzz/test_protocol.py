"""A short run of the protocol fuzzer; the long ones are started by hand, see `protocol.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FRAMES = os.environ.get("READONLY_GUARD_FUZZ_FRAMES", "20000")
SEED = os.environ.get("READONLY_GUARD_SEED", "1")


def test_no_crash_no_hang_no_leak_no_release_no_loss():
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "protocol.py", "--frames", FRAMES, "--seed", SEED],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["frames"] >= int(FRAMES)
    for kind in "QPBE":  # it has really been at work
        assert figures["released"][kind] > 100
    assert sum(figures["denied"].values()) > 100
