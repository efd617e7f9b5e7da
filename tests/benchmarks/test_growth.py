"""The points of curves are what they say they are."""

from __future__ import annotations

import re

import pytest

from benchmarks.wire.growth import _distinct, _guard, _policy, _text


def _shape(text: str) -> str:
    return re.sub(r"\b\d+\b", "?", text)


def test_other_literals_are_the_same_shape_and_other_names_are_not() -> None:
    assert _text(3, 30000, 3) != _text(3, 35000, 3)
    assert _shape(_text(3, 30000, 3)) == _shape(_text(3, 35000, 3))
    assert _shape(_text(3, 30000, 3)) != _shape(_text(4, 30000, 3))


@pytest.mark.parametrize(("values", "size"), [(1, 80), (1000, 7000)])
def test_a_statement_grows_with_its_values(values: int, size: int) -> None:
    assert size * 0.8 < len(_text(1, 30000, values)) < size * 1.2


def test_distinct_statements_are_allowed_and_measured() -> None:
    with _guard() as guard:
        curve = _distinct(guard, [2, 4, 8])
    assert [point.size for point in curve.points] == [2, 4, 8]
    assert all(point.cost_us > 0 for point in curve.points)


def test_policy_data_is_asked_about_its_own_patients() -> None:
    curve = _policy([10, 100])  # each question must be allowed, and so must find its relation
    assert all(point.cost_us > 0 for point in curve.points)
