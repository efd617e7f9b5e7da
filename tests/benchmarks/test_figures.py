"""Medians, percentiles, ratios."""

from __future__ import annotations

import pytest

from benchmarks.wire.figures import Figures, figures_of, percentile, rows
from benchmarks.wire.pgbench import Run
from benchmarks.wire.processes import Cpu
from benchmarks.wire.workloads import WORKLOADS, Case


def _figures(tps: float, cpu_us: float, p50_us: float = 100) -> Figures:
    return Figures(tps=tps, p50_us=p50_us, p99_us=p50_us * 2, cpu_us=cpu_us, user_us=cpu_us / 2)


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(1, 0.99, 1), (100, 0.99, 99), (100, 0.07, 7), (100, 0.5, 50), (101, 0.5, 51), (3, 1, 3)]
)  # fmt: skip
def test_a_percentile_is_a_value_that_was_there(count: int, share: float, expected: int) -> None:
    assert percentile(range(1, count + 1), share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_cpu_time_is_shared_by_the_transactions_of_the_window_alone() -> None:
    found = figures_of(Run(seconds=2.0, latencies_us=[10, 20, 30, 90], cpu=Cpu(60, 20), processed=400))
    assert found == Figures(tps=2.0, p50_us=20, p99_us=90, cpu_us=20.0, user_us=15.0)


def test_ratios_are_of_a_round_and_not_of_medians() -> None:
    # the second round stands on a machine twice as slow: medians of each way would be compared across rounds
    found = rows(
        Case(WORKLOADS["select-only"], "simple", 8),
        [
            {"direct": _figures(1000, 0), "pgbouncer": _figures(500, 10), "guard": _figures(400, 12, 150)},
            {"direct": _figures(500, 0), "pgbouncer": _figures(250, 20), "guard": _figures(200, 24, 170)},
            {"direct": _figures(1000, 0), "pgbouncer": _figures(500, 10), "guard": _figures(250, 30, 160)},
        ],
    )
    by_route = {row.route: row for row in found}
    assert [row.route for row in found] == ["direct", "pgbouncer", "guard"]
    assert by_route["guard"].cpu_to_pgbouncer == pytest.approx(1.2)
    assert by_route["guard"].tps_to_pgbouncer == pytest.approx(0.8)
    assert by_route["guard"].tps_to_direct == pytest.approx(0.4)
    assert by_route["guard"].added_p50_us == 60
    assert by_route["guard"].median.tps == 250
    assert by_route["direct"].cpu_to_pgbouncer is None


def test_without_the_others_there_is_nothing_to_compare_with() -> None:
    (row,) = rows(Case(WORKLOADS["login"], "simple", 1), [{"guard": _figures(400, 12)}])
    assert (row.cpu_to_pgbouncer, row.tps_to_pgbouncer, row.tps_to_direct, row.added_p50_us) == (None,) * 4
