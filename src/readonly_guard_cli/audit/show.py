"""`readonly-guard audit show|tail`: records for a person to look at, once or as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from readonly_guard.audit import Chain, Entry, Follower, Identities, find_chains, read_all
from readonly_guard.domain import (
    AcknowledgementRecord,
    CompletionRecord,
    DecisionRecord,
    IdentificationRecord,
    LateWritesRecord,
    LogRecord,
    ProtocolRecord,
    ReadingRecord,
    RepairRecord,
    RetentionRecord,
    ReviewRecord,
    SealRecord,
    SelectionRecord,
    SessionRecord,
)
from readonly_guard_cli.audit.options import Asked, reading
from readonly_guard_cli.output import console, speaking_plainly, visible

__all__ = ["show", "tail"]

_SECONDS: Final = len("2026-12-18T12:00:00")
_WIDTHS: Final = {"unit": 16, "outcome": 9}
_POLL_S: Final = 0.2
_AT_ONCE: Final = 1_000


@reading()
def show(asked: Asked, last: Annotated[int, typer.Option(min=1, help="How many of the newest records.")] = 50) -> None:
    """Show the newest records of a journal, times in UTC. What is shown is not checked: see `audit verify`.

    Patients are shown by their identifiers where the log knows whose a key is, and by the key where it does not. That
    somebody read the log is recorded first, in the chain `custody` of the journal.

    Exit status: 0 shown, 2 there is no journal to read, or the reading cannot be recorded.
    """
    with speaking_plainly():
        asked.record("show", last=str(last))
        selection, identities = asked.known()
        entries = deque(selection.among(read_all(asked.path)), maxlen=last)
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("nr", "time", "who", "unit", "patient", "purpose", "action", "what", "outcome"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"nr", "time"}, min_width=_WIDTHS.get(heading))
    for entry in entries:
        table.add_row(*_row(entry, asked.path.resolve().name, identities))
    console.print(table)


@reading(without=("since", "until"))
def tail(
    asked: Asked,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    last: Annotated[int, typer.Option(min=0, help="How many of the newest records to begin with.")] = 10,
) -> None:
    """Show the newest records, a line each, and with `-f` those that come, of all chains.

    Exit status: 0 shown, 2 there is no journal to read, or the reading cannot be recorded; 130 Ctrl-C.
    """
    with speaking_plainly():
        asked.record("tail", last=str(last))
        selection, identities = asked.known()
        own = asked.path.resolve().name
        followers = _Followers(asked.path)
        for entry in deque(selection.among(followers.all_there_is()), maxlen=last):
            _print_line(entry, own, identities)
        if follow:
            for entry in selection.among(identities.learning(followers.as_they_come())):
                _print_line(entry, own, identities)


class _Followers:
    """All chains of a journal, followed; one that a new process begins joins in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._followers: dict[Chain, Follower] = {}

    def all_there_is(self) -> Iterator[Entry]:
        while entries := self._next(is_final=True):
            yield from entries

    def as_they_come(self) -> Iterator[Entry]:
        while True:
            yield from self._next(is_final=False)
            time.sleep(_POLL_S)

    def _next(self, *, is_final: bool) -> list[Entry]:
        for chain in find_chains(self._path):
            if chain not in self._followers:
                self._followers[chain] = Follower(chain)
        found = [entry for item in self._followers.values() for entry in item.read(_AT_ONCE, is_final=is_final)]
        return sorted(found, key=lambda entry: entry.record.time)


def _print_line(entry: Entry, own: str, identities: Identities) -> None:
    number, moment, *texts, outcome = _row(entry, own, identities)
    line = Text(f"{number:>6} {moment}  ")
    line.append("  ".join(str(text) for text in texts if str(text)))
    console.print(line.append("  ").append(outcome), soft_wrap=True)


def _row(entry: Entry, own: str, identities: Identities) -> tuple[str | Text, ...]:
    """The cells of a record; its number with the name of its chain, where that is not the journal's own."""
    texts, outcome = _cells(entry.record, identities)
    number = str(entry.seq) if entry.chain == own else f"{visible(entry.chain)}:{entry.seq}"
    return (number, entry.record.time[:_SECONDS], *map(visible, texts), outcome)


def _cells(record: LogRecord, identities: Identities) -> tuple[tuple[str, ...], Text]:
    match record:
        case DecisionRecord():
            outcome = Text(", ".join(record.codes), style="red") if record.codes else Text("allowed", style="green")
            what = ", ".join(record.relations) or ", ".join(record.kinds)
            patients = ", ".join(identities.shown(record.patients))
            return (record.subject, record.care_unit, patients, record.purpose, record.activity, what), outcome
        case CompletionRecord():
            rows = "" if record.rows is None else f"{record.rows} rows, "
            what = f"{rows}{record.bytes} bytes, {record.duration_us / 1000:.1f} ms"
            return ("", "", "", "", "completed", what), Text(record.sqlstate)
        case SessionRecord():
            texts = (record.subject, "", "", "", f"session {record.event}", record.detail)
            return texts, Text(", ".join(record.codes), style="red")
        case SealRecord():
            return ("", "", "", "", "signed", f"up to record {record.head_seq} with {record.key_id}"), Text()
        case RepairRecord():
            what = f"{record.torn_bytes} bytes in {record.torn_file}"
            return (record.actor, "", "", "", "repaired", what), Text()
        case ReadingRecord():
            return (record.actor, "", "", "", f"log: {record.command}", ", ".join(record.selection)), Text()
        case RetentionRecord():
            what = f"{len(record.segments)} segments of {record.chain}, up to {record.newest}"
            return (record.actor, "", "", "", "removed", what), Text()
        case IdentificationRecord():
            what = record.identifiers[0] if record.identifiers else "nobody's"
            return (record.source, "", record.patient, "", "identified", what), Text()
        case SelectionRecord():
            what = f"{record.period}: {len(record.events)} of {record.population} events"
            return (record.actor, record.unit, "", "", "review: select", what), Text()
        case ReviewRecord():
            what = f"{len(record.events)} events"
            return (record.actor, "", "", "", f"review: {record.step}", what), Text(record.reference)
        case ProtocolRecord():
            return (record.actor, record.unit, "", "", "review: sign", record.period), Text()
        case AcknowledgementRecord():
            what = f"{len(record.users)} people"
            return (record.actor, "", "", "", "review: routine confirmed", what), Text()
        case LateWritesRecord():
            what = f"{record.database}: {len(record.tables)} tables since {record.since[:10]}"
            return (record.actor, "", "", "", "review: late writes", what), Text()
