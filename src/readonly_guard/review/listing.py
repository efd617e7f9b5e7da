"""The manager's list: one row for each selected event, in the columns that the review works with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from readonly_guard.audit.export.lines import BYTE_ORDER_MARK, excel_row
from readonly_guard.review.event import Event
from readonly_guard.review.knowledge import Knowledge
from readonly_guard.review.ledger import Case
from readonly_guard.review.periods import in_sweden
from readonly_guard.review.words import word

__all__ = ["COLUMNS", "list_csv", "row_of", "table_csv"]

COLUMNS: Final = (
    *("Loggnr", "Tidpunkt", "Medarbetare", "HSA-id", "Befattning", "Uppdrag", "Vårdenhet", "Patient"),
    *("Patientens enhet", "Åtgärd", "Informationstyp", "Ändamål", "Orsak/ärende", "Utfall", "Kod", "Flaggor"),
    *("Bedömning", "Kommentar"),
)
"""In Swedish, as the list is; the page has them in English, too."""


def row_of(case: Case, event: Event | None, knowledge: Knowledge, language: str = "sv") -> tuple[str, ...]:
    """The cells of a row. An event that the store does not hold shows its decision id and what the review knows."""
    assessment = word("state", case.state, language)
    if event is None:
        return (case.event, *[""] * 14, ", ".join(case.flags), assessment, case.comment)
    member = knowledge.members.get(event.subject)
    return (
        f"{event.chain}:{event.seq}",
        in_sweden(event.time).strftime("%Y-%m-%d %H:%M:%S"),
        knowledge.name_of(event.subject),
        event.hsa_id,
        knowledge.title_of(event.subject),
        "" if member is None else ", ".join(knowledge.purpose(item, language) for item in member.purposes),
        event.care_unit,
        ", ".join(event.people),
        ", ".join(map(knowledge.provider_name, knowledge.providers_of(event.names))),
        word("activity", event.activity, language),
        ", ".join(event.information_sets),
        knowledge.purpose(event.purpose, language),
        event.justification or word("print_reason", event.print_reason, language) or event.case_reference,
        word("verdict", event.verdict, language),
        ", ".join((*event.codes, *event.warnings)),
        ", ".join(case.flags),
        assessment,
        case.comment,
    )


def list_csv(cases: Iterable[Case], events: Mapping[str, Event], knowledge: Knowledge) -> bytes:
    """The list for Excel: UTF-8 with its mark, semicolons, nothing in it a formula."""
    return table_csv(COLUMNS, (row_of(case, events.get(case.event), knowledge) for case in cases))


def table_csv(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Any table for Excel, in the same way."""
    return BYTE_ORDER_MARK + b"".join(excel_row(row) for row in (headings, *rows))
