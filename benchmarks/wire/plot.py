"""Pictures of a run, as SVG: what the ways cost over the number of clients, and how the guard's cost grows.

The same figures give the same file, byte for byte, so that a picture in the repository changes only with what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.wire.curves import Curve
from benchmarks.wire.figures import Row

__all__ = ["plot_growth", "plot_load"]

_STYLE: Final[Any] = {"svg.hashsalt": "readonly-guard", "svg.fonttype": "none", "font.size": 9}
_DECADES: Final = 100.0
_COLOURS: Final = ("#7f7f7f", "#1f77b4", "#d62728", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b")
_MEASURES: Final[tuple[tuple[str, Callable[[Row], float]], ...]] = (
    ("transactions a second", lambda row: row.median.tps),
    ("CPU of the proxy, µs a transaction", lambda row: row.median.cpu_us),
    ("99th percentile of latency, ms", lambda row: row.median.p99_us / 1000),
)


def plot_load(rows: Sequence[Row], path: Path) -> None:
    """Throughput, CPU time and latency over clients, a column for each protocol, a line for each way.

    Args:
        rows: of one workload.
        path: an SVG.
    """
    modes = list(dict.fromkeys(row.mode for row in rows))
    routes = list(dict.fromkeys(row.route for row in rows))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(3.2 * len(modes), 2.6 * len(_MEASURES)), layout="constrained")
        axes = figure.subplots(len(_MEASURES), len(modes), sharex=True, sharey="row", squeeze=False)
        for line, (label, value) in enumerate(_MEASURES):
            for column, mode in enumerate(modes):
                for route, colour in zip(routes, _COLOURS, strict=False):
                    points = sorted((row.clients, value(row)) for row in rows if (row.mode, row.route) == (mode, route))
                    if any(height for _, height in points):  # the direct way has no proxy that costs
                        axes[line][column].plot(
                            *zip(*points, strict=True), "o-", color=colour, label=route, markersize=3
                        )
                _logarithmic(axes[line][column], sorted({row.clients for row in rows}))
            axes[line][0].set_ylabel(label)
        for column, mode in enumerate(modes):
            axes[0][column].set_title(mode)
            axes[-1][column].set_xlabel("clients")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(routes), frameon=False)
        _save(figure, path)


def plot_growth(curves: Sequence[Curve], path: Path) -> None:
    """A panel for each size that a cost was measured over, with the exponents in the legends.

    Args:
        curves: what was measured.
        path: an SVG.
    """
    panels = list(dict.fromkeys(curve.over for curve in curves))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 3.0 * -(-len(panels) // 3)), layout="constrained")
        grid = figure.subplots(-(-len(panels) // 3), 3, squeeze=False).ravel()
        for axes, over in zip(grid, panels, strict=False):
            for curve in (one for one in curves if one.over == over):
                sizes, costs = zip(*((point.size, point.cost_us) for point in curve.points), strict=True)
                axes.plot(sizes, costs, "o-", label=f"{curve.name}: {curve.exponent:.2f}", markersize=3)
            axes.set(xscale="log", yscale="log", xlabel=over, ylabel="CPU, µs")
            low, high = axes.get_ylim()
            axes.set_ylim(min(low, high / _DECADES), max(high, low * _DECADES))  # noise on a flat curve is no growth
            axes.grid(visible=True, which="major", linewidth=0.3)
            axes.legend(frameon=False, fontsize=8)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        _save(figure, path)


def _logarithmic(axes: Axes, clients: Sequence[int]) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(clients, [str(one) for one in clients])
    axes.minorticks_off()
    axes.grid(visible=True, which="major", linewidth=0.3)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
