"""The options that `audit show`, `tail` and `export` share: which records, and where that is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from readonly_guard.audit import Selection, parse_moment

__all__ = [
    "Code",
    "DecisionId",
    "Denied",
    "Journal",
    "Patient",
    "ReadingLog",
    "Since",
    "Unit",
    "Until",
    "User",
    "selection_of",
]

Journal = Annotated[Path, typer.Argument(help="The journal's directory.")]
User = Annotated[str | None, typer.Option(help="A database user or HSA-id.")]
Patient = Annotated[str | None, typer.Option(help="A patient as the log names it, `person_id:7`, or the value alone.")]
Unit = Annotated[str | None, typer.Option(help="A care unit.")]
Code = Annotated[str | None, typer.Option(help="A reason code, of a denial or a warning.")]
DecisionId = Annotated[str | None, typer.Option("--decision", help="A decision id, as the client was shown it.")]
Since = Annotated[str | None, typer.Option(help="From this moment on: 2026-03-01 or 2026-03-01T08:00Z; UTC.")]
Until = Annotated[str | None, typer.Option(help="Before this moment.")]
Denied = Annotated[bool, typer.Option("--denied", help="Only denials.")]
ReadingLog = Annotated[
    Path | None, typer.Option(help="Keep the record of this reading here, where the journal cannot be written.")
]


def selection_of(
    *,
    user: str | None,
    patient: str | None,
    unit: str | None,
    code: str | None,
    decision: str | None,
    since: str | None,
    until: str | None,
    denied: bool,
) -> Selection:
    """The options as a selection.

    Raises:
        ConfigurationError: a moment is none.
    """
    return Selection(
        user=user,
        patient=patient,
        unit=unit,
        code=code,
        decision=decision,
        since=None if since is None else parse_moment(since, "--since"),
        until=None if until is None else parse_moment(until, "--until"),
        denied=denied,
    )
