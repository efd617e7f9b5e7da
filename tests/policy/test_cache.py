"""Remembered values: only while they hold, and no more than so many."""

from datetime import UTC, datetime, timedelta

import pytest

from readonly_guard.policy.cache import Span, ValueCache

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
SPAN = Span(NOON, NOON + timedelta(hours=1))
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("now", [SPAN.since, SPAN.until - MOMENT])
def test_a_value_holds_from_its_question_to_its_end(now: datetime) -> None:
    cache: ValueCache[str] = ValueCache(3)
    cache.put("anna", "yes", SPAN)
    assert cache.get("anna", now) == "yes"


@pytest.mark.parametrize("now", [SPAN.since - MOMENT, SPAN.until, None])
def test_and_at_no_other_time(now: datetime | None) -> None:
    cache: ValueCache[str] = ValueCache(3)
    cache.put("anna", "yes", SPAN)
    assert cache.get("anna", now) is None


def test_what_depends_on_no_time_holds_for_ever() -> None:
    cache: ValueCache[str] = ValueCache(3)
    cache.put("anna", "yes")
    assert cache.get("anna", None) == cache.get("anna", NOON) == "yes"


def test_the_least_recently_used_goes_first() -> None:
    cache: ValueCache[str] = ValueCache(3)
    for name in ("anna", "bo", "cia"):
        cache.put(name, name)
    assert cache.get("anna") == "anna"
    cache.put("dan", "dan")
    assert [name for name in ("anna", "bo", "cia", "dan") if cache.get(name)] == ["anna", "cia", "dan"]
