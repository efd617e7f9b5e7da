"""What was done, as an append-only chain: selections, steps and protocols, and where every event stands after them.

The chain is a journal as the log's own (`readonly_guard.audit`): written before anything shows, never changed, and
verified before it is believed. Nothing of the review is kept anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit import Head, SigningKey, read, verify
from readonly_guard.audit.custody import opened_patiently
from readonly_guard.audit.segments import list_segments
from readonly_guard.domain import LogRecord, ProtocolRecord, ReviewRecord, SelectionRecord
from readonly_guard.review.states import State, Step, next_state
from readonly_guard.review.store import BrokenLog

__all__ = ["Case", "History", "Ledger"]

LEDGER: Final = "ledger"


class Case(msgspec.Struct, kw_only=True):
    """An event under review: why it was selected, where it stands, and every step so far.

    The one value here that changes: a history is folded into it, and nobody outside this module writes it.
    """

    event: str
    period: str
    unit: str
    ground: str
    flags: tuple[str, ...]
    selected_at: str
    state: State = State.NEW
    reviewer: str = ""
    reference: str = ""
    steps: list[ReviewRecord] = []

    @property
    def comment(self) -> str:
        """The last comment."""
        return next((step.comment for step in reversed(self.steps) if step.comment), "")


class History:
    """Everything the ledger says, folded.

    Attributes:
        cases: by decision id, in the order in which they were selected.
        selections: by period and unit.
        protocols: by period and unit.
        head: of the ledger.
    """

    def __init__(self, records: Iterable[LogRecord], head: Head) -> None:
        self.cases: dict[str, Case] = {}
        self.selections: dict[tuple[str, str], SelectionRecord] = {}
        self.protocols: dict[tuple[str, str], ProtocolRecord] = {}
        self.head = head
        for record in records:
            self.add(record)

    def add(self, record: LogRecord) -> None:
        """Take one more record into account."""
        match record:
            case SelectionRecord():
                self.selections[record.period, record.unit] = record
                for event, ground, flags in zip(record.events, record.grounds, record.flags, strict=True):
                    self.cases[event] = Case(
                        event=event,
                        period=record.period,
                        unit=record.unit,
                        ground=ground,
                        flags=tuple(filter(None, flags.split(","))),
                        selected_at=record.time,
                    )
            case ReviewRecord():
                for event in record.events:
                    case = self.cases[event]
                    case.state = next_state(case.state, Step(record.step))
                    case.reviewer = record.reviewer or case.reviewer
                    case.reference = record.reference or case.reference
                    case.steps.append(record)
            case ProtocolRecord():
                self.protocols[record.period, record.unit] = record
            case _:
                pass

    def of(self, period: str, unit: str) -> list[Case]:
        """The cases of a month and a unit."""
        return [case for case in self.cases.values() if (case.period, case.unit) == (period, unit)]


class Ledger:
    """The chain in a directory of the review.

    Args:
        directory: the directory of the review.
        signing_key: signs the chain's heads.
    """

    def __init__(self, directory: Path, signing_key: SigningKey | None = None) -> None:
        self.path = directory / LEDGER
        self._key = signing_key

    def history(self) -> History:
        """What it says.

        Raises:
            BrokenLog: the chain is not whole; the text says where.
        """
        if not self.path.exists() or not list_segments(self.path):
            return History((), Head())
        found = verify(self.path)
        fault = found.first_fault
        if fault is not None:
            raise BrokenLog(
                f"{self.path}: the review's own chain is broken: {fault.file}, line {fault.line}: {fault.what}"
            )
        return History((entry.record for entry in read(self.path)), found.head)

    def add(self, make: Callable[[History], Iterable[LogRecord]]) -> History:
        """Append the records that are made of what the ledger says at that moment; nobody else writes meanwhile.

        Args:
            make: gets the history, and raises what forbids the records.

        Returns:
            What it says with them.

        Raises:
            BrokenLog: the chain is not whole.
            ConfigurationError: it cannot be written.
        """
        with opened_patiently(self.path, signing_key=self._key) as chain:
            history = self.history()
            records = list(make(history))
            for record in records:
                chain.append(record)
            chain.commit()
            for record in records:
                history.add(record)
            history.head = chain.head
        return history
