"""The patient's extract of the log: who has read, in plain words (patientdatalagen 8 kap. 5 §).

Who is named by unit and role; a person's name only where the care provider has decided that it may be. A user whose
identity the log does not know is named as that. Nothing of what was read is in the log, and so not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from readonly_guard.review.event import Event
from readonly_guard.review.knowledge import Knowledge
from readonly_guard.review.listing import table_csv
from readonly_guard.review.pages import page
from readonly_guard.review.periods import in_sweden

__all__ = ["extract_csv", "extract_html"]

_COLUMNS: Final = {
    "sv": ("Tidpunkt", "Enhet", "Vårdgivare", "Roll", "Åtgärd", "Information", "Ändamål"),
    "en": ("Time", "Unit", "Care provider", "Role", "Action", "Information", "Purpose"),
}
_NAME: Final = {"sv": "Namn", "en": "Name"}


def _columns(language: str, *, with_names: bool) -> tuple[str, ...]:
    return (*_COLUMNS[language], _NAME[language]) if with_names else _COLUMNS[language]


def _rows(events: Iterable[Event], knowledge: Knowledge, language: str, *, with_names: bool) -> list[tuple[str, ...]]:
    unknown = "okänd" if language == "sv" else "unknown"
    rows: list[tuple[str, ...]] = []
    for event in events:
        row = (
            in_sweden(event.time).strftime("%Y-%m-%d %H:%M"),
            event.care_unit,
            knowledge.provider_of(event.care_unit) or unknown,
            knowledge.title_of(event.subject) or unknown,
            event.activity,
            ", ".join(event.information_sets),
            knowledge.purpose(event.purpose, language) or unknown,
        )
        rows.append((*row, knowledge.name_of(event.subject)) if with_names else row)
    return rows


def extract_csv(events: Iterable[Event], knowledge: Knowledge, language: str, *, with_names: bool) -> bytes:
    """The extract for Excel."""
    rows = _rows(events, knowledge, language, with_names=with_names)
    return table_csv(_columns(language, with_names=with_names), rows)


def extract_html(
    events: Iterable[Event],
    knowledge: Knowledge,
    language: str,
    *,
    patients: Sequence[str],
    since: str,
    until: str,
    made: str,
    with_names: bool,
) -> str:
    """The extract as a page to print."""
    return page(
        "extract.html",
        language,
        columns=_columns(language, with_names=with_names),
        rows=_rows(events, knowledge, language, with_names=with_names),
        patients=patients,
        since=since,
        until=until,
        made=made,
    )
