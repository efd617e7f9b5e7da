"""A case put to a way, once: for long enough, and held against the guard's record."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.pgbench import Run, TooShortError, run_pgbench
from benchmarks.wire.routes import Route
from benchmarks.wire.stage import Stage
from benchmarks.wire.workloads import Case

__all__ = ["run_case"]

_SPARES_S: Final = (1.0, 4.0, 12.0)
"""How much longer than its window a load goes on, tried one after the other. pgbench's clock runs while clients log in,
and its log is written in blocks of a hundred transactions: on a busy machine both take long."""


def run_case(stage: Stage, route: Route, case: Case, *, seconds: float) -> Run:
    """Run pgbench.

    Args:
        stage: with the way.
        route: the way.
        case: the load.
        seconds: length of the window.

    Raises:
        BenchmarkError: a transaction failed, the machine is too busy to measure, or the guard's record is not of
            exactly the transactions that were made.
    """
    for spare_s in _SPARES_S:
        with tempfile.TemporaryDirectory(prefix="rg-bench-load-") as name:
            try:
                run = run_pgbench(
                    stage.pgbench,
                    route,
                    Path(name),
                    arguments=case.arguments,
                    environment=stage.environment,
                    clients=case.clients,
                    seconds=seconds,
                    spare_s=spare_s,
                    is_whole=case.workload.is_whole,
                )
            except TooShortError as error:
                route.check_recorded(error.processed)
            else:
                route.check_recorded(run.processed)
                return run
    raise BenchmarkError(f"{case.name}, through {route.name}: the machine is too busy to measure it")
