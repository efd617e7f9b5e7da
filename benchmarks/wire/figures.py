"""From runs to figures: each run's own, the medians of rounds, and ratios between ways within a round.

A ratio is taken in each round, between runs that stood beside one another, and then its median: what slows the machine
down for a minute moves both sides of a fraction, but not two medians alike.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec

from benchmarks.wire.pgbench import Mode, Run
from benchmarks.wire.routes import DIRECT, PGBOUNCER
from benchmarks.wire.workloads import Case, case_name

__all__ = ["Figures", "Row", "figures_of", "percentile", "rows"]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one run, or the medians of several. Latency in microseconds, CPU in microseconds a transaction."""

    tps: float
    p50_us: float
    p99_us: float
    cpu_us: float
    user_us: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A way in a case: medians, and against the others; None where there is nothing to compare with.

    ``cpu_to_pgbouncer`` is CPU a transaction, less is better; ``tps_to_…`` throughput, more is better; ``added_p50_us``
    and ``added_p99_us`` what the way adds to the direct way's latency.
    """

    workload: str
    mode: Mode
    clients: int
    route: str
    rounds: int
    median: Figures
    cpu_to_pgbouncer: float | None = None
    tps_to_pgbouncer: float | None = None
    tps_to_direct: float | None = None
    added_p50_us: float | None = None
    added_p99_us: float | None = None

    @property
    def case(self) -> str:
        """The load's name."""
        return case_name(self.workload, self.mode, self.clients)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of sorted values that at least this share (0 to 1) of them do not exceed.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values, no percentile")
    return values[max(0, math.ceil(round(share * len(values), 6)) - 1)]  # 0.07 * 100 is a little more than 7


def figures_of(run: Run) -> Figures:
    """The figures of one run."""
    count = len(run.latencies_us)
    return Figures(
        tps=count / run.seconds,
        p50_us=percentile(run.latencies_us, 0.50),
        p99_us=percentile(run.latencies_us, 0.99),
        cpu_us=run.cpu.total_us / count,
        user_us=run.cpu.user_us / count,
    )


def rows(case: Case, rounds: Sequence[dict[str, Figures]]) -> list[Row]:
    """A case's rows: the ways in the order of the first round.

    Args:
        case: the load.
        rounds: in each, the figures of each way.
    """
    return [
        Row(
            workload=case.workload.name,
            mode=case.mode,
            clients=case.clients,
            route=route,
            rounds=len(rounds),
            median=_median([one[route] for one in rounds]),
            cpu_to_pgbouncer=_ratio(rounds, route, PGBOUNCER, "cpu_us") if route != DIRECT else None,
            tps_to_pgbouncer=_ratio(rounds, route, PGBOUNCER, "tps"),
            tps_to_direct=_ratio(rounds, route, DIRECT, "tps"),
            added_p50_us=_added(rounds, route, "p50_us"),
            added_p99_us=_added(rounds, route, "p99_us"),
        )
        for route in rounds[0]
    ]


def _median(several: Sequence[Figures]) -> Figures:
    names = Figures.__struct_fields__
    return Figures(**{name: statistics.median(getattr(one, name) for one in several) for name in names})


def _ratio(rounds: Sequence[dict[str, Figures]], route: str, other: str, name: str) -> float | None:
    pairs = [(getattr(one[route], name), getattr(one[other], name)) for one in rounds if other in one]
    ratios = [ours / theirs for ours, theirs in pairs if theirs]
    return statistics.median(ratios) if ratios else None


def _added(rounds: Sequence[dict[str, Figures]], route: str, name: str) -> float | None:
    differences = [getattr(one[route], name) - getattr(one[DIRECT], name) for one in rounds if DIRECT in one]
    return statistics.median(differences) if differences else None
