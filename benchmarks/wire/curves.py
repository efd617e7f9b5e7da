"""How a cost grows: a curve of points, and the exponent of the power law that its upper part follows.

At its small end every curve is flat, because something is paid whatever the size. The exponent is the slope, in
logarithms, of a straight line laid through the upper half of the points by least squares: 0 is a cost that does not
grow, 1 one that doubles when the size does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["Curve", "Point", "exponent"]

_FEWEST: Final = 3


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A size, and the CPU time that it took in microseconds."""

    size: int
    cost_us: float


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A cost over a size. ``of`` is what a cost is counted for, ``over`` the unit of the size."""

    name: str
    of: str
    over: str
    points: tuple[Point, ...]

    @property
    def exponent(self) -> float:
        """See the module."""
        return exponent(self.points)


def exponent(points: Sequence[Point]) -> float:
    """The slope of the upper half of the points, of at least three, in logarithms.

    Raises:
        ValueError: there are fewer than three, or a size or cost that has no logarithm.
    """
    if len(points) < _FEWEST:
        raise ValueError(f"{len(points)} points make no curve")
    upper = sorted(points, key=lambda point: point.size)[-max(_FEWEST, (len(points) + 1) // 2) :]
    sizes = [math.log(point.size) for point in upper]
    costs = [math.log(point.cost_us) for point in upper]
    return statistics.linear_regression(sizes, costs).slope
