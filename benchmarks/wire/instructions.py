"""Instructions a transaction: what a proxy's process executes in user space, counted by callgrind.

CPU time on a machine shared with others moves by a tenth from run to run; a count of instructions does not. It leaves
out what the kernel does for the process, and says nothing about caches and memory: it shows whether a change of the
code helped, not how fast the whole is. The program runs some fifty times slower meanwhile, so it is a run of its own.

A short load and a longer one are counted, and the difference between the two: logging in is in both of them and falls
out. Only the serving process is counted, no reading workers.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.pgbench import run_transactions
from benchmarks.wire.routes import PGBOUNCER, Route
from benchmarks.wire.stage import Stage
from benchmarks.wire.workloads import Case

__all__ = ["Counted", "count_instructions", "parse_dump"]

_ANSWER_S: Final = 60.0
_SHORT: Final = 20
_LONG: Final = 120
_TOTALS: Final = re.compile(r"^(?:summary|totals): ([0-9]+)", re.MULTILINE)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Of a way in a case: instructions a transaction, and how many times PgBouncer's."""

    case: str
    route: str
    instructions: float
    to_pgbouncer: float | None = None


def parse_dump(text: str) -> int:
    """The instructions in a dump of callgrind's.

    Raises:
        BenchmarkError: it has no total.
    """
    found = _TOTALS.search(text)
    if found is None:
        raise BenchmarkError("callgrind's dump has no total")
    return int(found[1])


def count_instructions(stage: Stage, cases: Sequence[Case], *, tell: Callable[[str], None]) -> list[Counted]:
    """Count in every case through every way that has a proxy, which callgrind runs.

    Args:
        stage: with the ways.
        cases: the loads.
        tell: is told how far it has come.
    """
    found = []
    pids = {route: route.pid for route in stage.routes if route.pid is not None}
    for pid in pids.values():
        _ask(pid, "instrumentation on")
    for case in cases:
        of_case: dict[str, float] = {}
        for route, pid in pids.items():
            _count(stage, route, pid, case, _SHORT)  # what is seen for the first time is another matter
            short, long = (_count(stage, route, pid, case, length) for length in (_SHORT, _LONG))
            of_case[route.name] = (long - short) / (case.clients * (_LONG - _SHORT))
            tell(f"{case.name:34} {route.name:22} {of_case[route.name]:12,.0f} instructions a transaction")
        base = of_case.get(PGBOUNCER)
        found += [
            Counted(case=case.name, route=name, instructions=count, to_pgbouncer=count / base if base else None)
            for name, count in of_case.items()
        ]
    return found


def _count(stage: Stage, route: Route, pid: int, case: Case, transactions: int) -> int:
    """What a load of so many transactions of each client takes, logging in included."""
    _dump(pid)
    made = run_transactions(
        stage.pgbench,
        route,
        arguments=case.arguments,
        environment=stage.environment,
        clients=case.clients,
        transactions=transactions,
    )
    route.check_recorded(made)
    return _dump(pid)


def _ask(pid: int, what: str) -> None:
    owner = Path(f"/proc/{pid}").stat().st_uid  # no other user may open the pipes that it listens at
    command = ["vgdb", f"--pid={pid}", *what.split()]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_S,
            user=owner if os.geteuid() == 0 else None,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"callgrind does not answer {what!r} within {_ANSWER_S:.0f} s") from error
    if done.returncode:
        raise BenchmarkError(f"callgrind does not answer: {done.stderr.strip()}")


def _dump(pid: int) -> int:
    """What was executed since the last dump."""
    folder = Path(f"/proc/{pid}/cwd").readlink()
    before = set(folder.glob("callgrind.*"))
    _ask(pid, "dump")
    (made,) = set(folder.glob("callgrind.*")) - before
    return parse_dump(made.read_text(encoding="utf-8", errors="replace"))
