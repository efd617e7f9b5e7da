"""Moments as text: RFC 3339 in UTC, so that times can be compared as they stand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

__all__ = ["rfc3339", "seconds_of", "stamps_of", "utc_now"]


_DIGITS: Final = [f"{number:03d}" for number in range(1_000)]
"""Three digits of a fraction: to format them for each record took as long as all else about its time."""

_LAST: Final = [f"{digits}Z" for digits in _DIGITS]


def rfc3339(moment: datetime) -> str:
    """A moment as records and policies write it: UTC, microseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def utc_now() -> datetime:
    """The time by the system's clock."""
    return datetime.now(UTC)


def stamps_of(clock: Callable[[], datetime]) -> Callable[[], str]:
    """What tells the time of a clock as :func:`rfc3339` writes it; of the system's clock five times as fast."""
    if clock is utc_now:
        return _SystemStamps(time.time_ns)
    return lambda: rfc3339(clock())


def seconds_of(clock: Callable[[], datetime]) -> Callable[[], float]:
    """What tells the seconds since 1970 by a clock; by the system's clock without making a datetime of them."""
    if clock is utc_now:
        return time.time
    return lambda: clock().timestamp()


class _SystemStamps:
    """The system's time as text: all but its end is the same for a second, and more of it for a millisecond."""

    def __init__(self, time_ns: Callable[[], int]) -> None:
        self._time_ns: Final = time_ns
        self._second = self._millisecond = -1
        self._to_second = self._to_millisecond = ""

    def __call__(self) -> str:
        microseconds = self._time_ns() // 1_000
        millisecond = microseconds // 1_000
        if millisecond != self._millisecond:
            self._begin(millisecond)
        return self._to_millisecond + _LAST[microseconds % 1_000]

    def _begin(self, millisecond: int) -> None:
        second = millisecond // 1_000
        if second != self._second:
            self._second = second
            self._to_second = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        self._millisecond = millisecond
        self._to_millisecond = self._to_second + _DIGITS[millisecond % 1_000]
