"""The load: pgbench, and what it did within a window of time in which nothing but the load went on.

Logging in costs a thousand times what a transaction does. So the window begins when every client is in and
transactions have begun to be logged, and ends before the first client leaves; the transactions in it are counted from
pgbench's own log (`--log`: client, number, latency in µs, script, and the moment it ended in seconds and µs).
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.processes import Cpu
from benchmarks.wire.routes import Route

__all__ = [
    "Mode",
    "Run",
    "TooShortError",
    "Transaction",
    "parse_log",
    "parse_processed",
    "run_pgbench",
    "run_transactions",
]

Mode = Literal["simple", "extended", "prepared"]
_PROCESSED: Final = re.compile(r"^number of transactions actually processed: ([0-9]+)", re.MULTILINE)
_FAILED: Final = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)
_BEGIN_S: Final = 60.0
_END_S: Final = 60.0
_WARM_S: Final = 0.1


class TooShortError(Exception):
    """The load ended before its window did. ``processed`` transactions were made all the same."""

    def __init__(self, processed: int) -> None:
        super().__init__(processed)
        self.processed = processed


class Transaction(NamedTuple):
    """A line of pgbench's log: when it ended, by the wall clock, and how long it took."""

    ended_us: int
    latency_us: int


class Run(NamedTuple):
    """What went on within a window.

    Attributes:
        seconds: how long it was.
        latencies_us: of its transactions, sorted.
        cpu: of the proxy's processes.
        processed: all transactions of the run, before and after the window, too.
    """

    seconds: float
    latencies_us: list[int]
    cpu: Cpu
    processed: int


def parse_log(text: str) -> list[Transaction]:
    """The transactions in a log of pgbench's.

    Raises:
        BenchmarkError: a line is not what pgbench writes.
    """
    found = []
    for line in text.splitlines():
        fields = line.split()
        try:
            found.append(Transaction(int(fields[4]) * 1_000_000 + int(fields[5]), int(fields[2])))
        except (IndexError, ValueError) as error:
            raise BenchmarkError(f"pgbench's log has a line that is none of its: {line!r}") from error
    return found


def parse_processed(said: str) -> int:
    """How many transactions pgbench says it made.

    Raises:
        BenchmarkError: it does not say, or some failed.
    """
    processed, failed = _PROCESSED.search(said), _FAILED.search(said)
    if processed is None:
        raise BenchmarkError(f"pgbench does not say how many transactions it made:\n{said}")
    if failed is not None and int(failed[1]):
        raise BenchmarkError(f"{failed[1]} transactions failed:\n{said}")
    return int(processed[1])


def run_pgbench(
    program: Path,
    route: Route,
    folder: Path,
    *,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    clients: int,
    seconds: float,
    spare_s: float,
    is_whole: bool = False,
) -> Run:
    """Put a route under load.

    Args:
        program: pgbench.
        route: where to.
        folder: an empty one, for its log.
        arguments: what it runs (``-S -M simple``).
        environment: how it logs in.
        clients: connections.
        seconds: length of the window.
        spare_s: how much longer than that the load goes on, logging in included.
        is_whole: the window begins with the first login and ends with the last session.

    Raises:
        BenchmarkError: a transaction failed.
        TooShortError: the load ended before the window did.
    """
    threads = min(clients, os.cpu_count() or 1)
    length_s = math.ceil(seconds if is_whole else seconds + _WARM_S + spare_s)
    load = f"-c {clients} -j {threads} -T {length_s} --log".split()
    before, begin = route.cpu(), time.time()
    process = subprocess.Popen(
        [program, "-n", *arguments, *load, "--log-prefix", folder / "log"],
        env={**os.environ, **environment, "PGPORT": str(route.port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        if is_whole:
            said, _ = process.communicate(timeout=length_s + _END_S)
            after, end = route.cpu(), time.time()
        else:
            _wait_for_transactions(process, folder)
            time.sleep(_WARM_S)
            before, begin = route.cpu(), time.time()
            time.sleep(seconds)
            after, end = route.cpu(), time.time()
            said, _ = process.communicate(timeout=length_s + _END_S)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode:
        raise BenchmarkError(f"pgbench failed through {route.name}:\n{said}")
    transactions = [one for log in folder.iterdir() for one in parse_log(log.read_text(encoding="ascii"))]
    if not is_whole and max((one.ended_us for one in transactions), default=0) < end * 1e6:
        raise TooShortError(parse_processed(said))
    within = sorted(one.latency_us for one in transactions if begin * 1e6 <= one.ended_us < end * 1e6)
    if not within:
        raise BenchmarkError(f"no transaction ended through {route.name} within {seconds} s")
    return Run(end - begin, within, after.since(before), parse_processed(said))


def run_transactions(
    program: Path,
    route: Route,
    *,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    clients: int,
    transactions: int,
) -> int:
    """Have each client make so many transactions; how many were made in all.

    Raises:
        BenchmarkError: one failed.
    """
    done = subprocess.run(
        [program, "-n", *arguments, "-c", str(clients), "-t", str(transactions)],
        env={**os.environ, **environment, "PGPORT": str(route.port)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"pgbench failed through {route.name}:\n{done.stderr}")
    return parse_processed(done.stdout)


def _wait_for_transactions(process: subprocess.Popen[str], folder: Path) -> None:
    deadline = time.monotonic() + _BEGIN_S
    while not any(log.stat().st_size for log in folder.iterdir()):
        if process.poll() is not None:
            return  # what it says is read by the caller
        if time.monotonic() > deadline:
            raise BenchmarkError(f"no transaction within {_BEGIN_S:.0f} s")
        time.sleep(0.01)
