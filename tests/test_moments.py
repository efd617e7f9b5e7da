"""Moments are written one way only, however they are told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from readonly_guard.moments import rfc3339, seconds_of, stamps_of, utc_now


def test_a_moment_is_written_in_utc_with_microseconds():
    moment = datetime(2025, 3, 30, 3, 0, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2025-03-30T01:00:00.000000Z"


@pytest.mark.parametrize("nanoseconds", [0, 1, 999, 1_000, 999_999_999, 1_000_000_000, 1_764_100_799_123_456_789])
def test_the_systems_time_is_written_alike(monkeypatch, nanoseconds):
    monkeypatch.setattr(time, "time_ns", lambda: now)
    stamp = stamps_of(utc_now)
    for now in (nanoseconds, nanoseconds + 1_000_000, max(0, nanoseconds - 3_000_000_000)):  # and a clock set back
        assert stamp() == rfc3339(datetime.fromtimestamp(now // 1_000_000_000, UTC).replace(
            microsecond=now // 1_000 % 1_000_000
        ))  # fmt: skip


def test_another_clock_is_asked_each_time():
    times = iter([datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)])
    stamp = stamps_of(lambda: next(times))
    assert (stamp(), stamp()) == ("2025-01-01T00:00:00.000000Z", "2025-01-02T00:00:00.000000Z")


def test_seconds_are_those_of_the_clock_that_was_given():
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    assert seconds_of(lambda: moment)() == moment.timestamp()
    assert seconds_of(utc_now)() == pytest.approx(utc_now().timestamp(), abs=600)
