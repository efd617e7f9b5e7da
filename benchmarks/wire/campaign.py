"""The rounds: every case through every way, one after the other, again and again.

The order of the ways turns by one from round to round, so that none always comes after the same neighbour. After each
run the guard's journal is held against pgbench's count: figures of a load that did not go through the guard, whole,
would be worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.wire.figures import Figures, Row, figures_of, rows
from benchmarks.wire.load import run_case
from benchmarks.wire.routes import Route
from benchmarks.wire.stage import Stage
from benchmarks.wire.workloads import Case

__all__ = ["run_cases", "turned"]


def turned(routes: Sequence[Route], by: int) -> list[Route]:
    """The same ways, beginning with another."""
    by %= len(routes)
    return [*routes[by:], *routes[:by]]


def run_cases(
    stage: Stage, cases: Sequence[Case], *, rounds: int, seconds: float, tell: Callable[[str], None]
) -> list[Row]:
    """Run pgbench in every case through every way.

    Args:
        stage: with the ways.
        cases: the loads.
        rounds: how often each.
        seconds: how long each.
        tell: is told how far it has come.
    """
    measured: dict[Case, list[dict[str, Figures]]] = {case: [{} for _ in range(rounds)] for case in cases}
    for number in range(rounds):
        for case in cases:
            for route in turned(stage.routes, number):
                figures = measured[case][number][route.name] = figures_of(run_case(stage, route, case, seconds=seconds))
                tell(
                    f"round {number + 1}/{rounds}  {case.name:34} {route.name:22}"
                    f" {figures.tps:9,.0f} tps {figures.cpu_us:7.1f} µs CPU"
                )
    order = [route.name for route in stage.routes]
    return [
        row
        for case, several in measured.items()
        for row in rows(case, [{route: one[route] for route in order} for one in several])
    ]
