"""`readonly-guard policy explain`: why was that decided, from the log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from readonly_guard.audit import find_chains, read_all, record_reading
from readonly_guard.case import question_of
from readonly_guard.codes import CORE_CODES
from readonly_guard.domain import DecisionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.policy import Annotation, EmbeddedEngine, PolicySet, annotations_of
from readonly_guard_cli.audit.options import READING_LOG
from readonly_guard_cli.output import console, speaking_plainly, visible
from readonly_guard_cli.policy.options import DATA, POLICIES, load

__all__ = ["explain"]


def explain(
    decision_id: Annotated[str, typer.Argument(help="As it stands in the denial's HINT and in the log.")],
    journal: Annotated[Path, typer.Option(help="The journal's directory.")],
    policies: POLICIES = None,
    data: DATA = None,
    reading_log: READING_LOG = None,
) -> None:
    """Say why a decision was made: who asked for what, each code with its rule, and what would be decided now.

    That somebody read the log is recorded first, in the chain `custody` of the journal.

    Exit status: 0 explained, 2 there is no such decision, no journal, or the policies do not load.
    """
    with speaking_plainly():
        rules = load(policies, data)
        find_chains(journal)
        record_reading(journal, command="policy explain", selection={"decision": decision_id}, kept_in=reading_log)
        record = _find(journal, decision_id)
        answer = EmbeddedEngine(rules).decide_now(question_of(record))
    _tell_what(record)
    notes = _notes(rules)
    for heading, codes in (("denied because", record.codes), ("warned that", record.warnings)):
        for code in codes:
            console.print(f"\n{heading} [{code}]", style="bold")
            for line in _about(code, notes, rules):
                console.print(f"  {visible(line)}", soft_wrap=True)
    now = ", ".join(reason.code for reason in answer.deny) or "allowed"
    same = "the same policies and data" if answer.revision == record.policy_revision else f"policies {answer.revision}"
    console.print(f"\nnow, with {same}: {now}", style="bold")
    console.print("The log does not hold what information points looked up; facts come from the data given here.")


def _find(journal: Path, decision_id: str) -> DecisionRecord:
    """The last record of the decision: where a plugin failed behind the journal, the denial is the last word."""
    found = None
    for entry in read_all(journal):
        if isinstance(entry.record, DecisionRecord) and entry.record.decision_id == decision_id:
            found = entry.record
    if found is None:
        raise ConfigurationError(f"{journal}: holds no decision {decision_id!r}; the id stands in the denial's HINT")
    return found


def _tell_what(record: DecisionRecord) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, value in (
        ("decision", f"{record.decision_id}: {record.verdict}"),
        ("time", record.time),
        ("who", " ".join(filter(None, (record.subject, record.hsa_id, record.care_unit)))),
        ("why", " ".join(filter(None, (record.purpose, record.case_reference, record.print_reason)))),
        ("what", f"{record.action} ({record.activity}): {', '.join(record.relations) or ', '.join(record.kinds)}"),
        ("patients", ", ".join(record.patients)),
        ("information", ", ".join(record.information_sets)),
        ("statement", record.statement),
        ("obligations", ", ".join(record.obligations)),
        ("decided by", f"policies {record.policy_revision}, routine {record.routine}"),
    ):
        if value:
            table.add_row(name, visible(value))
    console.print(table)


def _notes(rules: PolicySet) -> dict[str, Annotation]:
    found: dict[str, Annotation] = {}
    for path, text in rules.modules:
        for note in annotations_of(path, text):
            if note.code:
                found.setdefault(note.code, note)
    return found


def _about(code: str, notes: dict[str, Annotation], rules: PolicySet) -> list[str]:
    if code in CORE_CODES:
        known = CORE_CODES[code]
        return [f"{known.en}: the guard's own, no policy decides it", known.hint_en]
    if code not in notes:
        return [f"no rule of {rules.origin} has this code: a plugin's, or another version's"]
    note = notes[code]
    lines = [f"{note.title}  ({note.file}:{note.line})", note.description]
    if note.statements:
        lines.append(f"routine {', '.join(note.statements)}")
    if note.source is not None:
        lines.append(f"“{note.source.corrected or note.source.verbatim}”")
    lines.append(note.law)
    return [line for line in lines if line]
