"""Exponents."""

from __future__ import annotations

import pytest

from benchmarks.wire.curves import Curve, Point, exponent


def _points(*costs: float) -> tuple[Point, ...]:
    return tuple(Point(size=10**number, cost_us=cost) for number, cost in enumerate(costs))


@pytest.mark.parametrize(
    ("costs", "expected"), [((1, 10, 100), 1), ((7, 7, 7), 0), ((1, 100, 10_000), 2), ((1, 10**0.5, 10), 0.5)]
)
def test_the_exponent_of_a_power_law(costs: tuple[float, ...], expected: float) -> None:
    assert exponent(_points(*costs)) == pytest.approx(expected)


def test_what_is_paid_whatever_the_size_does_not_hide_growth() -> None:
    assert exponent(_points(50, 50, 50, 100, 1000, 10_000)) == pytest.approx(1)


def test_the_order_of_points_does_not_matter() -> None:
    assert exponent(_points(5, 5, 5, 50, 500, 5000)[::-1]) == pytest.approx(1)


def test_two_points_are_no_curve() -> None:
    with pytest.raises(ValueError, match="2 points"):
        exponent(_points(1, 10))


def test_a_curve_knows_its_exponent() -> None:
    assert Curve(name="x", of="decision", over="bytes", points=_points(1, 10, 100)).exponent == pytest.approx(1)
