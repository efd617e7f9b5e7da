"""The rounds: every case through every way, one after the other, again and again.

The order of the ways turns by one from round to round, so that none always comes after the same neighbour. After each
run the guard's journal is held against pgbench's count: figures of a load that did not go through the guard, whole,
would be worth nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.wire.figures import Figures, Row, figures_of, rows
from benchmarks.wire.pgbench import Mode, run_pgbench
from benchmarks.wire.routes import Route
from benchmarks.wire.stage import Stage
from benchmarks.wire.workloads import Workload

__all__ = ["Case", "run_cases", "turned"]


class Case(NamedTuple):
    """A load, in a protocol of pgbench's, with so many clients."""

    workload: Workload
    mode: Mode
    clients: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.workload.name}, {self.mode}, {self.clients} client{'s' if self.clients != 1 else ''}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of pgbench."""
        return (*self.workload.arguments, "-M", self.mode)


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
    measured: dict[str, list[dict[str, Figures]]] = {case.name: [{} for _ in range(rounds)] for case in cases}
    for number in range(rounds):
        for case in cases:
            for route in turned(stage.routes, number):
                with tempfile.TemporaryDirectory(prefix="rg-bench-load-") as name:
                    run = run_pgbench(
                        stage.pgbench,
                        route,
                        Path(name),
                        arguments=case.arguments,
                        environment=stage.environment,
                        clients=case.clients,
                        seconds=seconds,
                        is_whole=case.workload.is_whole,
                    )
                route.check_recorded(run.processed)
                figures = measured[case.name][number][route.name] = figures_of(run)
                tell(
                    f"round {number + 1}/{rounds}  {case.name:34} {route.name:22}"
                    f" {figures.tps:9,.0f} tps {figures.cpu_us:7.1f} µs CPU"
                )
    order = [route.name for route in stage.routes]
    return [
        row
        for name, several in measured.items()
        for row in rows(name, [{route: one[route] for route in order} for one in several])
    ]
