"""Charts as SVG, drawn by `leather` where the figures are: no script, no style of their own, nothing from elsewhere.

Colours and letters are attributes, so that a page's stylesheet can put its own in their place (and no content security
policy has to allow styles), and a printed page shows them as they are here. A table always stands beside a chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import leather
from leather import theme
from markupsafe import Markup, escape

__all__ = ["columns", "lines"]

WIDTH: Final = 440
HEIGHT: Final = 210

_HALF_A_MONTH: Final = timedelta(days=15)
_INK: Final = "#0b5c7a"
_SERIES: Final = ("#0b5c7a", "#b4541a", "#6a4c93", "#3d6b35")  # told apart without colours, too: see _DASHES
_DASHES: Final = ("none", "7 4", "2 4", "10 3 2 3")

theme.background_color = "none"
theme.tick_color = "#dfe6ea"
theme.zero_color = "#8796a1"
theme.label_color = theme.legend_color = theme.axis_title_color = "#46525e"
theme.tick_font_family = theme.legend_font_family = theme.axis_title_font_family = "inherit"
theme.tick_font_size = theme.legend_font_size = 11
theme.legend_font_char_width = theme.tick_font_char_width = 6
theme.margin = 0.03


def columns(figures: Sequence[tuple[str, int]], *, label: str, most: int | None = None) -> Markup:
    """A column for each name.

    Args:
        figures: names and numbers.
        label: what the chart shows, for who cannot see it.
        most: the top of the scale; the next round number above the figures where it is not given.
    """
    top = max(4, *(number for _, number in figures)) if most is None else most
    chart = leather.Chart()
    chart.add_columns(list(figures), fill_color=_INK)
    chart.add_y_scale(0, top)
    chart.add_y_axis(ticks=_ticks(top), tick_formatter=_number)
    return _drawn(chart, label)


def lines(days: Sequence[date], series: Mapping[str, Sequence[int]], *, label: str) -> Markup:
    """A line for each of at most four series, each with a stroke of its own.

    Args:
        days: where on the axis the numbers stand; the first of each month.
        series: names and numbers, as many as days.
        label: what the chart shows, for who cannot see it.
    """
    top = max(4, *(number for numbers in series.values() for number in numbers))
    chart = leather.Chart()
    for (name, numbers), color, dashes in zip(series.items(), _SERIES, _DASHES, strict=False):
        points = list(zip(days, numbers, strict=True))
        if len(points) == 1:  # of one point there is no line
            chart.add_dots(points, name=name, fill_color=color, radius=4)
        else:
            chart.add_line(points, name=name, stroke_color=color, width=2.5, stroke_dasharray=dashes)
    chart.add_y_scale(0, top)
    chart.add_y_axis(ticks=_ticks(top), tick_formatter=_number)
    if len(days) == 1:
        chart.add_x_scale(days[0] - _HALF_A_MONTH, days[0] + _HALF_A_MONTH)
    step = -(-len(days) // 6)
    chart.add_x_axis(ticks=list(days[::-1][::step]), tick_formatter=lambda day, *_: f"{day:%Y-%m}")
    return _drawn(chart, label)


def _ticks(top: int) -> list[int]:
    step = max(1, -(-top // 4))
    return list(range(0, top + 1, step))


def _number(value: float, *_: Any) -> str:
    return f"{value:,.0f}".replace(",", "\u00a0")


def _drawn(chart: leather.Chart, label: str) -> Markup:
    text = str(chart.to_svg(width=WIDTH, height=HEIGHT))
    body = text.partition(">")[2]
    return Markup(  # noqa: S704  leather escapes what it is given, and the label is escaped here
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(label)}">{body}'
    )
