"""The rounds: every case through every way, one after the other, again and again.

The order of the ways turns by one from round to round, so that none always comes after the same neighbour. After each
run the guard's journal is held against pgbench's count: figures of a load that did not go through the guard, whole,
would be worth nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.wire.figures import Figures, Row, figures_of, rows
from benchmarks.wire.pgbench import Mode, run_pgbench
from benchmarks.wire.routes import Route

__all__ = ["Case", "select_only", "turned"]


class Case(NamedTuple):
    """A load: a protocol of pgbench's and so many clients."""

    mode: Mode
    clients: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.mode}, {self.clients} client{'s' if self.clients != 1 else ''}"


def turned(routes: Sequence[Route], by: int) -> list[Route]:
    """The same ways, beginning with another."""
    by %= len(routes)
    return [*routes[by:], *routes[:by]]


def select_only(
    program: Path,
    routes: Sequence[Route],
    cases: Sequence[Case],
    *,
    environment: Mapping[str, str],
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Row]:
    """Run pgbench's select-only script (`-S`) in every case through every way.

    Args:
        program: pgbench.
        routes: the ways.
        cases: the loads.
        environment: how clients log in.
        rounds: how often each.
        seconds: how long each.
        tell: is told how far it has come.
    """
    measured: dict[Case, list[dict[str, Figures]]] = {case: [{} for _ in range(rounds)] for case in cases}
    for number in range(rounds):
        for case in cases:
            for route in turned(routes, number):
                with tempfile.TemporaryDirectory(prefix="rg-bench-load-") as name:
                    run = run_pgbench(
                        program,
                        route,
                        Path(name),
                        arguments=["-S", "-M", case.mode],
                        environment=environment,
                        clients=case.clients,
                        seconds=seconds,
                    )
                route.check_recorded(run.processed)
                figures = measured[case][number][route.name] = figures_of(run)
                tell(
                    f"round {number + 1}/{rounds}  {case.name:22} {route.name:22}"
                    f" {figures.tps:9,.0f} tps {figures.cpu_us:7.1f} µs CPU"
                )
    order = [route.name for route in routes]
    return [
        row
        for case in cases
        for row in rows(case.name, [{name: one[name] for name in order} for one in measured[case]])
    ]
