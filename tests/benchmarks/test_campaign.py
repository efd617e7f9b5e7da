"""Rounds, and that a load went through the guard."""

from __future__ import annotations

from benchmarks.wire.campaign import turned
from benchmarks.wire.routes import Route
from benchmarks.wire.workloads import Case, Workload

_LOAD = Workload("records", ("-S",))


def test_each_way_comes_first_once() -> None:
    routes = [Route(name, 1) for name in ("a", "b", "c")]
    assert [turned(routes, number)[0].name for number in range(4)] == ["a", "b", "c", "a"]
    assert sorted(turned(routes, 1)) == sorted(routes)


def test_a_case_is_called_by_its_load() -> None:
    assert [Case(_LOAD, "simple", 1).name, Case(_LOAD, "prepared", 8).name] == [
        "records, simple, 1 client",
        "records, prepared, 8 clients",
    ]
