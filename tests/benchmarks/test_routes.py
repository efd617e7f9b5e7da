"""That a load went through the guard."""

from __future__ import annotations

import pytest

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.routes import Route


def test_as_many_decisions_as_transactions() -> None:
    Route("guard", 1, decided=lambda: 100).check_recorded(100)
    Route("direct", 1).check_recorded(100)


@pytest.mark.parametrize("recorded", [0, 99, 101])
def test_a_load_that_went_past_the_guard_or_its_log_is_no_measurement(recorded: int) -> None:
    with pytest.raises(BenchmarkError, match=f"recorded {recorded} allowed statements, and 100 transactions were made"):
        Route("guard", 1, decided=lambda: recorded).check_recorded(100)
