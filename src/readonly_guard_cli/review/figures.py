"""`readonly-guard review report|late|routine`: figures, information added in read mode, and who knows the routine."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.table import Table

from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339
from readonly_guard.review import (
    BrokenLog,
    Desk,
    acknowledgements,
    enter_in_roster,
    figures_of,
    import_acknowledgements,
    in_sweden,
    late_total,
    look_for_late_writes,
    management_csv,
    management_html,
    management_paper,
    paper_pdf,
    read_acknowledgements,
    word,
)
from readonly_guard_cli.output import DENIED, console, visible
from readonly_guard_cli.review.common import acting, stop, write_new

__all__ = ["late", "report", "routine"]


def report(directory: Path, by: str, months: int, output: Path | None, language: str) -> None:
    """See the command."""
    if output is not None and output.suffix not in {".html", ".csv", ".pdf"}:
        raise ConfigurationError(f"{output}: name a file that ends in .html, .pdf or .csv")
    desk = Desk.open(directory)
    try:
        found = figures_of(desk, acting(by), desk.now(), months=months)
    except BrokenLog as broken:
        stop(broken)
    if output is not None:
        if output.suffix == ".csv":
            data = management_csv(found)
        elif output.suffix == ".pdf":
            data = paper_pdf(management_paper(found, language))
        else:
            data = management_html(found, language).encode()
        write_new(output, data)
        console.print(str(output), soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("month", "unit", "status", "events", "selected", "answered", "overdue", "escalated", "signed"):
        table.add_column(heading)
    for cell in found.cells.values():
        numbers = (cell.population, cell.selected, cell.answered, cell.overdue, cell.escalated)
        signed = f"{cell.signed_at[:10]} {cell.signed_by}" if cell.signed_at else ""
        style = "red" if cell.status in {"overdue", "missing"} else ""
        table.add_row(
            *map(visible, (cell.period, cell.unit, word("status", cell.status, "en"), *map(str, numbers), signed)),
            style=style,
        )
    console.print(table)


def late(directory: Path, by: str) -> None:
    """See the command."""
    desk = Desk.open(directory)
    try:
        record = look_for_late_writes(desk, acting(by))
    except BrokenLog as broken:
        stop(broken)
    total = late_total(record)
    for item in record.tables:
        name, _, number = item.rpartition("=")
        if number != "0":
            console.print(f"{visible(name)}: {int(number):,} rows", style="red")
    for what in record.unchecked:
        console.print(f"not checked: {visible(what)}", style="yellow")
    console.print(
        f"{visible(record.database)}: {total:,} rows in {len(record.tables)} tables were added or changed since"
        f" {in_sweden(record.since):%Y-%m-%d}",
        soft_wrap=True,
    )
    if total:
        raise typer.Exit(DENIED)


def routine(directory: Path, by: str, report_file: Path | None, roster: Path | None) -> None:
    """See the command."""
    if roster is not None and report_file is None:
        raise ConfigurationError("--roster goes with --import: it says where the imported dates are entered")
    desk = Desk.open(directory)
    try:
        if report_file is not None:
            dates = read_acknowledgements(desk, _text(report_file))
            import_acknowledgements(desk, acting(by), dates, rfc3339(desk.now()))
            if roster is not None:
                enter_in_roster(roster, dates)
            console.print(f"imported: {len(dates):,} confirmations")
        history = desk.ledger.history()
    except BrokenLog as broken:
        stop(broken)
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("unit", "who", "user", "confirmed"):
        table.add_column(heading)
    people = acknowledgements(desk, history, acting(by), in_sweden(rfc3339(desk.now())).date())
    for one in people:
        table.add_row(
            *map(visible, (one.unit, one.name, one.user, one.on or "not yet")), style="" if one.on else "yellow"
        )
    console.print(table)
    console.print(f"{sum(one.on is not None for one in people)} of {len(people)} have confirmed the routine")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text (byte {error.start})") from error
