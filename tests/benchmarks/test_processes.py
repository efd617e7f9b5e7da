"""What processes use, held against what they say themselves."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import pytest

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.processes import Cpu, cpu_of, memory_bytes, running, tree, wait_until

_FAMILY = """
import os, sys, time
child = os.fork()
print("child" if child == 0 else "parent", flush=True)
time.sleep(60)
"""


def test_cpu_time_is_what_the_process_itself_is_told() -> None:
    sum(range(3_000_000))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = (usage.ru_utime + usage.ru_stime) * 1e6
    assert cpu_of([os.getpid()]).total_us == pytest.approx(told, abs=100_000)


def test_what_was_used_between_two_looks() -> None:
    assert Cpu(50, 30).since(Cpu(20, 10)) == Cpu(30, 20)


def test_a_process_that_is_gone_uses_nothing(tmp_path: Path) -> None:
    with running("python", [sys.executable, "-c", ""], tmp_path / "log") as process:
        process.wait()
    assert cpu_of([process.pid]) == Cpu(0, 0)
    assert memory_bytes([process.pid]) == 0


def test_children_belong_to_their_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running("python", [sys.executable, "-c", _FAMILY], log) as process:
        wait_until("python", process, log, lambda: len(log.read_text().split()) == 2)
        family = tree(process.pid)
        assert len(family) == 2
        assert memory_bytes(family) > memory_bytes([process.pid]) > 1_000_000
        os.kill(family[1], 9)


def test_a_program_that_ends_at_once_says_why(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        pytest.raises(BenchmarkError, match="(?s)it did not start.*no such file"),
        running("it", [sys.executable, "-c", "exit('no such file')"], log) as process,
    ):
        wait_until("it", process, log, lambda: False)


def test_a_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="PgBouncer is not installed"), running("PgBouncer", ["/no/such"], tmp_path / "log"):  # fmt: skip
        pass
