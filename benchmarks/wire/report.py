"""What was measured, as Markdown for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import msgspec

from benchmarks.wire.cold import Cold
from benchmarks.wire.curves import Curve
from benchmarks.wire.figures import Row
from benchmarks.wire.idle import Idle
from benchmarks.wire.instructions import Counted
from benchmarks.wire.transfer import Transfer

__all__ = ["Report", "as_json", "as_markdown", "tables"]

_HEADINGS: Final = (
    *("case", "way", "tps", "p50 ms", "p99 ms", "CPU µs/tx", "of it user"),
    *("CPU / PgBouncer", "tps / PgBouncer", "tps / direct"),
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. ``setting`` is how it was run: rounds, seconds, TLS, the way to the server."""

    machine: dict[str, str]
    setting: dict[str, str]
    load: tuple[Row, ...] = ()
    transfer: tuple[Transfer, ...] = ()
    idle: tuple[Idle, ...] = ()
    instructions: tuple[Counted, ...] = ()
    growth: tuple[Curve, ...] = ()
    cold: tuple[Cold, ...] = ()


def as_json(report: Report) -> bytes:
    """The report, indented."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def as_markdown(report: Report) -> str:
    """On what it was measured, how, and the tables."""
    facts = [f"- {name}: {value}" for name, value in (report.machine | report.setting).items()]
    return "\n".join([*facts, "", tables(report)])


def tables(report: Report) -> str:
    """The tables of what was measured, an empty line between them."""
    found = (
        _load(report.load),
        _transfer(report.transfer),
        _idle(report.idle),
        _counted(report.instructions),
        _growth(report.growth),
        _cold(report.cold),
    )
    return "\n\n".join("\n".join(table) for table in found if table)


def _load(found: Sequence[Row]) -> list[str]:
    if not found:
        return []
    lines = [
        f"| {' | '.join(_HEADINGS)} |",
        f"|---|---|{'--:|' * (len(_HEADINGS) - 2)}",
    ]
    for case, group in groupby(found, key=lambda row: row.case):
        for number, row in enumerate(group):
            middle = row.median
            cells = [
                case if number == 0 else "",
                row.route,
                f"{middle.tps:,.0f}",
                _latency(middle.p50_us, row.added_p50_us),
                _latency(middle.p99_us, row.added_p99_us),
                f"{middle.cpu_us:.1f}" if middle.cpu_us else "–",
                f"{middle.user_us:.1f}" if middle.cpu_us else "–",
                _times(row.cpu_to_pgbouncer),
                _times(row.tps_to_pgbouncer),
                _times(row.tps_to_direct),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _transfer(found: Sequence[Transfer]) -> list[str]:
    if not found:
        return []
    return [
        "| result | way | MB/s | / direct | CPU µs/MB | / PgBouncer | memory at its peak, more MB |",
        "|---|---|--:|--:|--:|--:|--:|",
        *(
            f"| {one.statement}, {one.megabytes:,.0f} MB | {one.route} | {one.megabytes_s:,.0f}"
            f" | {_times(one.speed_to_direct)} | {f'{one.cpu_us:,.0f}' if one.cpu_us else '–'}"
            f" | {_times(one.cpu_to_pgbouncer)} | {f'{one.peak_bytes / 1e6:.1f}' if one.cpu_us else '–'} |"
            for one in found
        ),
    ]


def _counted(found: Sequence[Counted]) -> list[str]:
    if not found:
        return []
    return [
        "| case | way | instructions/tx | / PgBouncer |",
        "|---|---|--:|--:|",
        *(f"| {one.case} | {one.route} | {one.instructions:,.0f} | {_times(one.to_pgbouncer)} |" for one in found),
    ]


def _growth(found: Sequence[Curve]) -> list[str]:
    if not found:
        return []
    return [
        "| what grows | from | to | CPU µs at first | at last | for each | exponent |",
        "|---|--:|--:|--:|--:|---|--:|",
        *(
            f"| {one.name} | {one.points[0].size:,} | {one.points[-1].size:,} {one.over} | {one.points[0].cost_us:,.1f}"
            f" | {one.points[-1].cost_us:,.1f} | {one.of} | {one.exponent:.2f} |"
            for one in found
        ),
    ]


def _cold(found: Sequence[Cold]) -> list[str]:
    if not found:
        return []
    return [
        "| who sends them | texts | characters | read | CPU ms, p50 | p90 | p99 | longest | wait ms, p50 | p99 |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {one.client} | {one.texts} | {one.characters:.0f} | {one.way}"
            f" | {' | '.join(f'{value:.2f}' for value in one.cpu)} | {one.wall[0]:.2f} | {one.wall[2]:.2f} |"
            for one in found
        ),
    ]


def _idle(found: Sequence[Idle]) -> list[str]:
    if not found:
        return []
    return [
        "| way | idle sessions | processes, MB | KB a session |",
        "|---|--:|--:|--:|",
        *(
            f"| {one.route} | {one.sessions:,} | {one.process_bytes / 1e6:.1f} | {one.session_bytes / 1e3:.1f} |"
            for one in found
        ),
    ]


def _latency(latency_us: float, added_us: float | None) -> str:
    """In milliseconds, with what the way adds to the direct one's."""
    added = f" ({added_us / 1000:+.2f})" if added_us else ""
    return f"{latency_us / 1000:.2f}{added}"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"
