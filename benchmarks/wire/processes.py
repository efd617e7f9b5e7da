"""Processes: started in a folder of their own, ended by their id, and what they and their children use.

CPU time is what the kernel charged to them, user and system, from `/proc/PID/stat` (proc(5), utime and stime, of all
threads); its unit is a hundredth of a second, so a window of seconds is measured within a per cent. Memory is the
proportional set size: pages shared by several processes are counted once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.wire.faults import BenchmarkError

__all__ = [
    "LOOPBACK",
    "Cpu",
    "cpu_of",
    "free_port",
    "memory_bytes",
    "peak_bytes",
    "reset_peak",
    "running",
    "tree",
    "wait_for_port",
    "wait_until",
]

LOOPBACK: Final = "127.0.0.1"
_TICK_US: Final = 1_000_000 // os.sysconf("SC_CLK_TCK")
_START_S: Final = 300.0
_END_S: Final = 30.0


class Cpu(NamedTuple):
    """CPU time in microseconds."""

    user_us: int
    system_us: int

    @property
    def total_us(self) -> int:
        """Both."""
        return self.user_us + self.system_us

    def since(self, earlier: Cpu) -> Cpu:
        """What was used between two looks."""
        return Cpu(self.user_us - earlier.user_us, self.system_us - earlier.system_us)


def tree(pid: int) -> list[int]:
    """A process and all that descend from it, as they are now."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):  # it may end while it is looked at
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_of(pids: Sequence[int]) -> Cpu:
    """CPU time of these processes so far."""
    user = system = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            # the second field is the program's name in parentheses, which may itself hold anything
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11])
            system += int(fields[12])
    return Cpu(user * _TICK_US, system * _TICK_US)


def memory_bytes(pids: Sequence[int]) -> int:
    """Proportional set size of these processes."""
    return 1024 * sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids)


def reset_peak(pids: Sequence[int]) -> None:
    """Let the peak of these processes' memory begin anew (proc(5), clear_refs)."""
    for pid in pids:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def peak_bytes(pids: Sequence[int]) -> int:
    """The most that each of these processes has had in memory since then, together."""
    return 1024 * sum(_kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:") for pid in pids)


def _kilobytes(path: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def free_port() -> int:
    """A TCP port on loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    ends_with: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the length of a block; what it says goes into ``log``.

    Raises:
        BenchmarkError: it is not installed.
    """
    with log.open("wb") as said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=log.parent,
                env=None if environment is None else {**os.environ, **environment},
                user=user,
                extra_groups=None if user is None else (),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise BenchmarkError(f"{name} is not installed: there is no {command[0]}") from error
    try:
        yield process
    finally:
        process.send_signal(ends_with)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(name: str, process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool]) -> None:
    """Wait until a program is ready.

    Raises:
        BenchmarkError: it has ended, or is not ready in time; the text holds its last words.
    """
    deadline = time.monotonic() + _START_S
    while not is_ready():
        if process.poll() is not None:
            raise BenchmarkError(f"{name} did not start:\n{_last_words(log)}")
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{name} was not ready within {_START_S:.0f} s:\n{_last_words(log)}")
        time.sleep(0.02)


def wait_for_port(name: str, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
    """Wait until a program takes connections on a port of loopback."""

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0

    wait_until(name, process, log, answers)


def _last_words(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
