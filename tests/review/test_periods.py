from datetime import UTC, datetime

import pytest

from readonly_guard import ConfigurationError
from readonly_guard.review import Period


def test_a_month_begins_and_ends_at_swedish_midnight():
    assert Period.parse("2026-10").since == "2026-09-30T22:00:00.000000Z"  # summer time
    assert Period.parse("2026-10").until == "2026-10-31T23:00:00.000000Z"
    assert Period.parse("2026-12").until == "2026-12-31T23:00:00.000000Z"


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "oktober", "0000-01", "2026-10-01", ""])
def test_what_is_no_month(text):
    with pytest.raises(ConfigurationError, match="write 2026-10"):
        Period.parse(text)


def test_the_month_before():
    assert str(Period.before(datetime(2026, 1, 5, tzinfo=UTC))) == "2025-12"
    assert str(Period.before(datetime(2026, 10, 31, 23, 30, tzinfo=UTC))) == "2026-10"  # November already in Sweden
