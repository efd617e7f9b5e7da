"""The patient's extract of the log: who has read, in plain words (patientdatalagen 8 kap. 5 §).

Who is named by unit and role; a person's name only where the care provider has decided that it may be. A user whose
identity the log does not know is named as that. Nothing of what was read is in the log, and so not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import time, timedelta
from typing import Final

from readonly_guard.review.event import Event
from readonly_guard.review.knowledge import Knowledge
from readonly_guard.review.listing import table_csv
from readonly_guard.review.papers import Fact, Facts, Note, Paper, Section, Table
from readonly_guard.review.periods import in_sweden
from readonly_guard.review.words import word

__all__ = ["extract_csv", "extract_paper"]

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
            _local(event.time),
            event.care_unit,
            knowledge.provider_name(knowledge.provider_of(event.care_unit)) or unknown,
            knowledge.title_of(event.subject) or unknown,
            word("activity", event.activity, language),
            ", ".join(event.information_sets),
            knowledge.purpose(event.purpose, language) or unknown,
        )
        rows.append((*row, knowledge.name_of(event.subject)) if with_names else row)
    return rows


def extract_csv(events: Iterable[Event], knowledge: Knowledge, language: str, *, with_names: bool) -> bytes:
    """The extract for Excel."""
    rows = _rows(events, knowledge, language, with_names=with_names)
    return table_csv(_columns(language, with_names=with_names), rows)


def extract_paper(
    events: Iterable[Event],
    knowledge: Knowledge,
    language: str,
    *,
    patients: Sequence[str],
    since: str,
    until: str,
    made: str,
    imported_until: str,
    with_names: bool,
) -> Paper:
    """The extract for the patient, in plain words.

    Args:
        events: what was asked for of the patient, by time.
        knowledge: what units, roles and purposes are called.
        language: ``sv`` or ``en``.
        patients: by which keys or numbers the patient was looked for.
        since: RFC 3339; from then on.
        until: before then.
        made: when it is made.
        imported_until: of when the last of all events is that have been imported.
        with_names: whether staff are named.
    """

    def t(swedish: str, english: str) -> str:
        return swedish if language == "sv" else english

    rows = _rows(events, knowledge, language, with_names=with_names)
    found: tuple[Table | Note, ...] = (
        (Table(headings=_columns(language, with_names=with_names), rows=tuple(rows)),)
        if rows
        else (
            Note(
                text=t(
                    "Ingen har tagit del av dina uppgifter under den här tiden.",
                    "Nobody has read your information in this time.",
                )
            ),
        )
    )
    facts = (
        Fact(name=t("Patient", "Patient"), lines=tuple(patients)),
        Fact(name=t("Tid", "Time"), lines=(_span(since, until),)),
        Fact(name=t("Utskrivet", "Made"), lines=(_local(made),)),
        Fact(
            name=t("Loggen är inläst till", "Log imported until"),
            lines=(_local(imported_until) if imported_until else "–",),
        ),
    )
    count = f"{len(rows)} {t('händelse', 'event') if len(rows) == 1 else t('händelser', 'events')}"
    meanings = tuple(
        Fact(name=word("activity", name, language), lines=(t(swedish, english),))
        for name, swedish, english in (
            ("Läsa", "Uppgifterna visades.", "The information was shown."),
            ("Sök", "Någon sökte bland flera patienter.", "Somebody searched among several patients."),
            ("Utskrift", "Uppgifterna skrevs ut eller kopierades.", "It was printed or copied."),
            (
                "Nödöppning",
                "Uppgifterna öppnades utan de vanliga spärrarna, med en skriven motivering.",
                "It was opened past the usual blocks, with a written justification.",
            ),
            ("Nekad", "Systemet visade ingenting.", "The system showed nothing."),
        )
    )
    lead = t(
        "Här ser du vilka som har tagit del av eller försökt ta del av dina uppgifter i Millennium i läsläge. Du har"
        " rätt till detta enligt 8 kap. 5 § patientdatalagen (2008:355).",
        "This is who has read, or tried to read, your information in Millennium in read mode. You have a right to this"
        " by ch. 8 § 5 of the Patient Data Act (2008:355).",
    )
    questions = t(
        "Undrar du över något i utdraget? Vänd dig till den enhet som står på raden, eller till patientnämnden.",
        "Questions? Turn to the unit in the row, or to the patients' advisory committee.",
    )
    return Paper(
        language=language,
        title=t("Loggutdrag", "Log extract"),
        about=", ".join(patients),
        made=made,
        lead=lead,
        sections=(
            Section(blocks=(Facts(facts=facts),)),
            Section(heading=count if rows else "", blocks=found),
            Section(
                heading=t("Vad orden betyder", "What the words mean"),
                blocks=(Facts(facts=meanings), Note(text=questions)),
            ),
        ),
        is_wide=True,
    )


def _local(moment: str) -> str:
    return in_sweden(moment).strftime("%Y-%m-%d %H:%M")


def _span(since: str, until: str) -> str:
    """From when to when; whole days by their dates, the last one included."""
    first, end = in_sweden(since), in_sweden(until)
    if first.time() == end.time() == time():
        return f"{first:%Y-%m-%d} – {end - timedelta(days=1):%Y-%m-%d}"
    return f"{_local(since)} – {_local(until)}"
