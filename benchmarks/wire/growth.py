"""How the guard's cost grows: with statements and their number, with the policies' data, with results and sessions.

The first are measured in this process, where the guard's library decides as the proxy has it decide, down to a buffered
journal; the last two on the wire. All in CPU time.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.policies import questions, region
from benchmarks.wire.curves import Curve, Point
from benchmarks.wire.database import LARGE_TABLE
from benchmarks.wire.load import run_case
from benchmarks.wire.routes import Route
from benchmarks.wire.stage import Stage
from benchmarks.wire.transfer import fill_large_table, read_large
from benchmarks.wire.workloads import WORKLOADS, Case
from readonly_guard import Guard
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard_cli.demo import write_policy_data

__all__ = ["growth"]

_VALUES: Final = (1, 10, 30, 100, 300, 1000, 3000)
_TEXTS: Final = (10, 100, 1000, 3000, 10_000)
_RELATIONS: Final = (10, 100, 1000, 10_000, 100_000, 1_000_000)
_MEGABYTES: Final = (4, 16, 64, 256, 1024)
_SESSIONS: Final = (1, 4, 16, 64, 256)
_AGAIN: Final = 5
_DECISIONS: Final = 500
_ROWS_A_MEGABYTE: Final = 1000
_fresh_names: Final = itertools.count(1_000_000)


def growth(stage: Stage, *, megabytes: int, seconds: float, tell: Callable[[str], None]) -> list[Curve]:
    """All curves.

    Args:
        stage: with a way through the guard, the last of which is looked at.
        megabytes: of the largest result; with fewer than a thousand, policies' data and texts end sooner, too.
        seconds: of each load of sessions.
        tell: is told how far it has come.
    """
    route = stage.routes[-1]
    share = megabytes / 1024
    with _guard() as guard:
        found = [
            *_statements(guard),
            _distinct(guard, [count for count in _TEXTS if count <= max(1000, 10_000 * share)]),
        ]
    found.append(_policy([count for count in _RELATIONS if count <= max(1000, 1_000_000 * share)]))
    found.append(_results(stage, route, [size for size in _MEGABYTES if size <= megabytes]))
    found.append(_sessions(stage, route, seconds))
    for curve in found:
        tell(f"{curve.name:34} {curve.points[0].cost_us:12,.1f} … {curve.points[-1].cost_us:12,.1f} µs")
    return found


@contextlib.contextmanager
def _guard() -> Iterator[Guard]:
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as name:
        roster = write_policy_data(Path(name) / "roster.json")
        with Guard.open(journal=Path(name) / "journal", data=[roster], durability="buffered") as guard:
            yield guard


def _cost_us(guard: Guard, texts: Iterable[str]) -> float:
    """CPU time of a decision, on average."""
    asked = list(texts)
    began = time.process_time()
    for text in asked:
        decision = guard.check(text, subject="alind", purpose="TREAT")
        assert decision.allowed, decision.message()
    return (time.process_time() - began) / len(asked) * 1e6


def _text(name: int, first: int, values: int) -> str:
    """A read of a patient whose shape is its own for each name; the values are different for each first one."""
    listed = ", ".join(str(first + number) for number in range(values))
    return f"SELECT name_last AS n{name} FROM person WHERE person_id = {first} AND updt_id IN ({listed})"


def _statements(guard: Guard) -> list[Curve]:
    """The same statement longer and longer, by what is known of it already."""
    ways: dict[str, Callable[[int], Iterable[str]]] = {
        "statement never seen": lambda size: [_text(next(_fresh_names), 30000, size) for _ in range(_AGAIN)],
        "statement seen, other literals": lambda size: [
            _text(size, 30000 + n * 5000, size) for n in range(1, _AGAIN + 1)
        ],
        "statement seen": lambda size: [_text(size, 30000, size)] * _AGAIN,
    }
    for size in _VALUES:
        _cost_us(guard, [_text(size, 30000, size)])
    return [
        Curve(
            name=name,
            of="decision",
            over="bytes of the statement",
            points=tuple(
                Point(size=len(_text(size, 30000, size)), cost_us=_cost_us(guard, texts(size))) for size in _VALUES
            ),
        )
        for name, texts in ways.items()
    ]


def _distinct(guard: Guard, counts: list[int]) -> Curve:
    """So many statements of different shapes, asked in turn; counted is the second time."""
    points = []
    for count in counts:
        texts = [_text(10_000_000 + number, 30000, 1) for number in range(count)]
        _cost_us(guard, texts)
        points.append(Point(size=count, cost_us=_cost_us(guard, texts)))
    return Curve(name="distinct statements", of="decision", over="statements in turn", points=tuple(points))


def _policy(counts: list[int]) -> Curve:
    """A decision of the embedded engine that was not asked for before, over the care relations in its data."""
    shipped, points = load_policies(None), []
    for count in counts:
        staff = max(10, min(10_000, count // 100))
        engine = EmbeddedEngine(region(shipped, staff, count))
        asked = [
            msgspec.structs.replace(one, context=one.context | {"case_reference": f"{number}"})
            for number, one in enumerate(questions(staff, count, _DECISIONS + 1))
        ]
        engine.decide_now(asked.pop())
        began = time.process_time()
        for request in asked:
            assert engine.decide_now(request).allow
        points.append(Point(size=count, cost_us=(time.process_time() - began) / _DECISIONS * 1e6))
    return Curve(name="policy data", of="policy decision, embedded", over="care relations", points=tuple(points))


def _results(stage: Stage, route: Route, sizes: list[int]) -> Curve:
    """CPU time of the proxy for a whole result; small ones are read more often, because a tick is a hundredth."""
    fill_large_table(stage.server, sizes[-1])
    points = []
    for size in sizes:
        statement = f"SELECT id, filler FROM {LARGE_TABLE} WHERE person_id = 30000 LIMIT {size * _ROWS_A_MEGABYTE}"
        reads = [read_large(route, stage.conninfo, statement) for _ in range(max(1, sizes[-1] // size // 4))]
        cost_us = sum(read.cpu_us * read.megabytes for read in reads) / len(reads)
        points.append(Point(size=size, cost_us=max(cost_us, 1.0)))
    return Curve(name="result", of="result", over="MB", points=tuple(points))


def _sessions(stage: Stage, route: Route, seconds: float) -> Curve:
    """CPU time a transaction, select-only and prepared, with so many sessions at work."""
    points = []
    route.forget_recorded()
    for sessions in _SESSIONS:
        case = Case(WORKLOADS["select-only"], "prepared", sessions)
        run = run_case(stage, route, case, seconds=seconds)
        points.append(Point(size=sessions, cost_us=run.cpu.total_us / len(run.latencies_us)))
    return Curve(name="sessions", of="transaction", over="sessions at work", points=tuple(points))
