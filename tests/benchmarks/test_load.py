"""A load that ends too soon is put again, and its transactions are looked for in the record as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.wire import load
from benchmarks.wire.database import Database
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.load import run_case
from benchmarks.wire.pgbench import Run, TooShortError
from benchmarks.wire.processes import Cpu
from benchmarks.wire.routes import Route
from benchmarks.wire.stage import Stage
from benchmarks.wire.workloads import WORKLOADS, Case

_CASE = Case(WORKLOADS["select-only"], "simple", 8)
_RUN = Run(seconds=1, latencies_us=[1], cpu=Cpu(0, 0), processed=100)


class Program:
    """Ends too soon so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, too_short: int) -> None:
        self.too_short, self.spares = too_short, []
        monkeypatch.setattr(load, "run_pgbench", self)

    def __call__(self, *_: Any, spare_s: float, **__: Any) -> Run:
        self.spares.append(spare_s)
        if len(self.spares) <= self.too_short:
            raise TooShortError(10)
        return _RUN


def _stage(route: Route) -> Stage:
    return Stage(Database(Path(), 1, Path(), ""), [route], {}, "")


def test_it_is_given_more_time_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = iter([10, 10, 100])
    route = Route("guard", 1, decided=lambda: next(recorded))
    program = Program(monkeypatch, too_short=2)
    assert run_case(_stage(route), route, _CASE, seconds=1) == _RUN
    assert program.spares == sorted(program.spares)
    assert len(program.spares) == 3


def test_at_last_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route("direct", 1)
    Program(monkeypatch, too_short=99)
    with pytest.raises(BenchmarkError, match="select-only, simple, 8 clients, through direct: the machine is too busy"):
        run_case(_stage(route), route, _CASE, seconds=1)


@pytest.mark.parametrize(("too_short", "recorded"), [(0, 99), (1, 9)])
def test_what_is_missing_in_the_record_ends_it(monkeypatch: pytest.MonkeyPatch, too_short: int, recorded: int) -> None:
    route = Route("guard", 1, decided=lambda: recorded)
    Program(monkeypatch, too_short=too_short)
    with pytest.raises(BenchmarkError, match=f"recorded {recorded} allowed"):
        run_case(_stage(route), route, _CASE, seconds=1)
