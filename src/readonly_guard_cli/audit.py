"""`readonly-guard audit`: the log, checked and shown."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from readonly_guard.audit import read, verify
from readonly_guard.domain import CompletionRecord, DecisionRecord, LogRecord, SessionRecord
from readonly_guard_cli.output import DENIED, console, speaking_plainly, stderr, visible

__all__ = ["app"]

app = typer.Typer(help="Check and show the log.", no_args_is_help=True)

_SECONDS: Final = len("2026-12-18T12:00:00")


@app.command("verify")
def verify_command(
    path: Annotated[Path, typer.Argument(help="The journal's directory.")],
    expected_head: Annotated[
        str | None, typer.Option(help="seq:hash from an earlier check, kept elsewhere: finds a log that was cut short.")
    ] = None,
) -> None:
    """Check that no record of a journal was changed, removed, inserted or moved.

    A log that was cut short, or computed anew from some record on, looks whole in itself: keep the head that this
    command prints somewhere else, and give it as `--expected-head` the next time.

    Exit status: 0 the chain is whole, 1 it is broken (the first fault is named), 2 there is no journal to read.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} records"))
    with (
        speaking_plainly(),
        Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress,
    ):
        task = progress.add_task("checking")
        found = verify(path, expected_head=expected_head, progress=lambda count: progress.update(task, completed=count))
    for name in found.torn:
        console.print(f"note: {name} holds a torn tail that a recovery set aside", style="yellow")
    if found.ok:
        console.print(f"whole: {found.records:,} records in {found.segments} segments", style="bold green")
        console.print(f"head: {found.head}", soft_wrap=True)
        return
    fault = found.first_fault
    console.print("broken", style="bold red")
    if fault is not None:
        console.print(f"{fault.file}, line {fault.line}, record {fault.seq}: {fault.what}", soft_wrap=True)
    console.print(f"whole up to record {found.records:,}; keep the directory as it is and call whoever owns the log")
    raise typer.Exit(DENIED)


@app.command("show")
def show(
    path: Annotated[Path, typer.Argument(help="The journal's directory.")],
    last: Annotated[int, typer.Option(min=1, help="How many of the newest records.")] = 50,
    denied: Annotated[bool, typer.Option("--denied", help="Only denials.")] = False,
) -> None:
    """Show the newest records of a journal, times in UTC. What is shown is not checked: see `audit verify`.

    Exit status: 0 shown, 2 there is no journal to read.
    """
    with speaking_plainly():
        entries = deque((entry for entry in read(path) if not denied or _is_denial(entry.record)), maxlen=last)
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("nr", "time", "who", "unit", "purpose", "action", "what", "outcome"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "time")
    for entry in entries:
        texts, outcome = _cells(entry.record)
        table.add_row(str(entry.seq), entry.record.time[:_SECONDS], *map(visible, texts), outcome)
    console.print(table)


def _is_denial(record: LogRecord) -> bool:
    return not isinstance(record, CompletionRecord) and bool(record.codes)


def _cells(record: LogRecord) -> tuple[tuple[str, ...], Text]:
    match record:
        case DecisionRecord():
            outcome = Text(", ".join(record.codes), style="red") if record.codes else Text("allowed", style="green")
            what = ", ".join(record.relations) or ", ".join(record.kinds)
            return (record.subject, record.care_unit, record.purpose, record.activity, what), outcome
        case CompletionRecord():
            rows = "" if record.rows is None else f"{record.rows} rows, "
            what = f"{rows}{record.bytes} bytes, {record.duration_us / 1000:.1f} ms"
            return ("", "", "", "completed", what), Text(record.sqlstate)
        case SessionRecord():
            texts = (record.subject, "", "", f"session {record.event}", record.detail)
            return texts, Text(", ".join(record.codes), style="red")
