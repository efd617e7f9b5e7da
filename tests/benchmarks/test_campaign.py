"""Rounds, and that a load went through the guard."""

from __future__ import annotations

import pytest

from benchmarks.wire.campaign import Case, check_recorded, turned
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.pgbench import Run
from benchmarks.wire.processes import Cpu
from benchmarks.wire.routes import Route

_RUN = Run(seconds=1, latencies_us=[1], cpu=Cpu(0, 0), processed=100)


def test_each_way_comes_first_once() -> None:
    routes = [Route(name, 1) for name in ("a", "b", "c")]
    assert [turned(routes, number)[0].name for number in range(4)] == ["a", "b", "c", "a"]
    assert sorted(turned(routes, 1)) == sorted(routes)


def test_as_many_decisions_as_transactions() -> None:
    check_recorded(Route("guard", 1, decided=lambda: 100), _RUN)
    check_recorded(Route("direct", 1), _RUN)


@pytest.mark.parametrize("recorded", [0, 99, 101])
def test_a_load_that_went_past_the_guard_or_its_log_is_no_measurement(recorded: int) -> None:
    with pytest.raises(BenchmarkError, match=f"recorded {recorded} allowed statements, and pgbench made 100"):
        check_recorded(Route("guard", 1, decided=lambda: recorded), _RUN)


def test_a_case_is_called_by_its_load() -> None:
    assert [Case("simple", 1).name, Case("prepared", 8).name] == ["simple, 1 client", "prepared, 8 clients"]
