"""Remembered answers: the same question only, and only while the answer holds."""

from collections.abc import Callable
from typing import Any

import pytest

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.policy.cache import AnswerCache

ANSWER = Answer(allow=True, expires_at="2025-03-01T23:00:00Z")


@pytest.fixture
def cache(request_of: Callable[..., AccessRequest]) -> AnswerCache:
    cache = AnswerCache(3)
    cache.put(request_of(), ANSWER)
    return cache


def test_another_id_and_a_later_time_are_the_same_question(cache: AnswerCache, request_of: Any) -> None:
    assert cache.get(request_of(request_id="2", context={"time": "2025-03-01T22:59:59.999999Z"})) is ANSWER


@pytest.mark.parametrize(
    "time",
    [
        "2025-03-01T23:00:00.000000Z",
        "2025-03-02T00:00:00+01:00",
        "2025-03-01T09:59:59.999999Z",
        "2025-03-01T11:00:00",
        "",
        None,
        7,
    ],
)
def test_an_answer_holds_from_its_question_to_its_end(cache: AnswerCache, request_of: Any, time: Any) -> None:
    assert cache.get(request_of(context={"time": time})) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": {"id": "bo"}},
        {"subject": {"properties": {"hsa_id": "x"}}},
        {"action": {"name": "print"}},
        {"action": {"properties": {"phase": "parse"}}},
        {"resources": []},
        {"context": {"purpose": None}},
        {"context": {"purpose": "ETREAT"}},
        {"context": {"justification": "x"}},
        {"context": {"listener": "other"}},
        {"context": {"added": 1}},
    ],
    ids=repr,
)
def test_any_other_difference_is_another_question(cache: AnswerCache, request_of: Any, changes: dict[str, Any]) -> None:
    assert cache.get(request_of(**changes)) is None


def test_an_answer_that_does_not_say_how_long_it_holds_is_not_kept(request_of: Any) -> None:
    cache = AnswerCache(3)
    cache.put(request_of(), Answer(allow=True))
    assert cache.get(request_of()) is None


def test_a_question_of_great_length_is_not_kept(request_of: Any) -> None:
    cache = AnswerCache(3)
    request = request_of(context={"justification": "x" * 5000})
    cache.put(request, ANSWER)
    assert cache.get(request) is None


def test_the_least_recently_used_goes_first(cache: AnswerCache, request_of: Any) -> None:
    for name in ("bo", "cia"):
        cache.put(request_of(subject={"id": name}), ANSWER)
    assert cache.get(request_of()) is ANSWER
    cache.put(request_of(subject={"id": "dan"}), ANSWER)
    kept = [name for name in ("anna", "bo", "cia", "dan") if cache.get(request_of(subject={"id": name}))]
    assert kept == ["anna", "cia", "dan"]
