"""`readonly-guard audit show`: records for a person to look at."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from readonly_guard.audit import read_all
from readonly_guard.domain import CompletionRecord, DecisionRecord, LogRecord, RepairRecord, SealRecord, SessionRecord
from readonly_guard_cli.output import console, speaking_plainly, visible

__all__ = ["show"]

_SECONDS: Final = len("2026-12-18T12:00:00")


def show(
    path: Annotated[Path, typer.Argument(help="The journal's directory.")],
    last: Annotated[int, typer.Option(min=1, help="How many of the newest records.")] = 50,
    denied: Annotated[bool, typer.Option("--denied", help="Only denials.")] = False,
) -> None:
    """Show the newest records of a journal, times in UTC. What is shown is not checked: see `audit verify`.

    Exit status: 0 shown, 2 there is no journal to read.
    """
    with speaking_plainly():
        entries = deque((entry for entry in read_all(path) if not denied or _is_denial(entry.record)), maxlen=last)
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("nr", "time", "who", "unit", "purpose", "action", "what", "outcome"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "time")
    for entry in entries:
        texts, outcome = _cells(entry.record)
        table.add_row(str(entry.seq), entry.record.time[:_SECONDS], *map(visible, texts), outcome)
    console.print(table)


def _is_denial(record: LogRecord) -> bool:
    return isinstance(record, DecisionRecord | SessionRecord) and bool(record.codes)


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
        case SealRecord():
            return ("", "", "", "signed", f"up to record {record.head_seq} with {record.key_id}"), Text()
        case RepairRecord():
            return ("", "", "", "repaired", f"{record.torn_bytes} bytes in {record.torn_file}"), Text(record.actor)
