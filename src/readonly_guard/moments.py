"""Moments as text: RFC 3339 in UTC, so that times can be compared as they stand."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["rfc3339", "utc_now"]


def rfc3339(moment: datetime) -> str:
    """A moment as records and policies write it: UTC, microseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def utc_now() -> datetime:
    """The time by the system's clock."""
    return datetime.now(UTC)
