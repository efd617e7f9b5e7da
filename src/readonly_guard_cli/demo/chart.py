"""Recipes: what one act of care leaves behind, as rows in several tables.

A note is an event, a body and signing rows; an answer is an event and its verification. Both the random population and
the planted rows are written with these, so that they differ only in what is said. No chance and no clock in here: every
value comes as an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from readonly_guard_cli.demo.documents import note, pdf
from readonly_guard_cli.demo.tables import SYSTEM_ID, RowBuilder
from readonly_guard_cli.demo.vocabulary import CODE_SETS, CODES, UNITS, LaboratoryTest

__all__ = ["Chart"]

_DISPLAYS: Final = {(name, meaning): display for name, (_, codes) in CODE_SETS.items() for meaning, display in codes}
_LOCATIONS: Final = {"medicine": "WARD1", "surgery": "WARD2", "emergency": "ER"}
_MICROBIOLOGY: Final = "mikrobiologi"


class Chart:
    """Writes rows into a :class:`RowBuilder`.

    Every recipe takes the moment at which its rows were ``created`` and returns the key of its main row. ``key`` fixes
    that key; without it the next one is taken.
    """

    def __init__(self, rows: RowBuilder) -> None:
        self.rows = rows

    def person(
        self,
        created: datetime,
        *,
        first: str,
        last: str,
        born: date,
        sex: str,
        is_protected: bool = False,
        key: int | None = None,
    ) -> int:
        """A person, without any number."""
        return self.rows.add(
            "person",
            created,
            key=key,
            name_last=last,
            name_first=first,
            name_full_formatted=f"{last}, {first}",
            birth_dt_tm=datetime.combine(born, time(), UTC),
            sex_cd=CODES["sex", sex],
            skyddad_ind=int(is_protected),
        )

    def alias(
        self, created: datetime, person_id: int, number: str, *, kind: str = "SSN", key: int | None = None
    ) -> int:
        """A person's number: ``SSN`` for personnummer, ``COORDINATION`` or ``RESERVE``."""
        return self.rows.add(
            "person_alias",
            created,
            key=key,
            person_id=person_id,
            alias=number,
            person_alias_type_cd=CODES["alias", kind],
            beg_effective_dt_tm=created,
        )

    def encounter(
        self,
        created: datetime,
        *,
        person_id: int,
        unit: str,
        kind: str,
        relations: Sequence[tuple[int, str]],
        key: int | None = None,
    ) -> int:
        """A care contact, discharged within the day unless inpatient, and who took part in it.

        Args:
            created: when it was registered.
            person_id: the patient.
            unit: key in UNITS.
            kind: ``INPATIENT``, ``OUTPATIENT`` or ``EMERGENCY``.
            relations: (prsnl person_id, relation) of those who took part; the first registered it.
            key: see the class.
        """
        by = relations[0][0]
        ended = None if kind == "INPATIENT" else created + timedelta(hours=2)
        encntr_id = self.rows.add(
            "encounter",
            created,
            by=by,
            key=key,
            person_id=person_id,
            organization_id=UNITS[unit].organization_id,
            encntr_type_cd=CODES["encounter", kind],
            loc_nurse_unit_cd=CODES["location", _LOCATIONS.get(unit, "CLINIC")],
            reg_dt_tm=created,
            disch_dt_tm=ended,
        )
        for prsnl_id, relation in relations:
            self.rows.add(
                "encntr_prsnl_reltn",
                created,
                by=by,
                encntr_id=encntr_id,
                prsnl_person_id=prsnl_id,
                encntr_prsnl_r_cd=CODES["relation", relation],
                beg_effective_dt_tm=created,
                end_effective_dt_tm=ended,
            )
        return encntr_id

    def event(
        self,
        created: datetime,
        *,
        person_id: int,
        encntr_id: int,
        event: str,
        kind: str,
        by: int,
        title: str | None = None,
        value: str | None = None,
        units: str | None = None,
        status: str = "AUTH",
        verified: tuple[datetime, int] | None = None,
        order_id: int | None = None,
        system: str = "MILLENNIUM",
        discipline: str | None = None,
        event_id: int | None = None,
        valid_until: datetime | None = None,
        updated: tuple[datetime, int] | None = None,
        key: int | None = None,
    ) -> int:
        """One version of a clinical event; returns its ``clinical_event_id``, which is also the first ``event_id``.

        Args:
            created: when this version was created, performed and became valid.
            person_id: the patient.
            encntr_id: the care contact.
            event: meaning in the code set ``event``.
            kind: meaning in the code set ``class``.
            by: who performed it.
            title: the event's display unless given.
            value: the result as text.
            units: meaning in the code set ``units``.
            status: meaning in the code set ``status``.
            verified: when and by whom.
            order_id: the order it answers.
            system: meaning in the code set ``system``; what comes from another system was written by no person.
            discipline: the laboratory's.
            event_id: of the event this is a further version of.
            valid_until: when a further version replaced this one.
            updated: when and by whom the row was changed.
            key: see the class.
        """
        own = key if key is not None else self.rows.next_key("clinical_event")
        identity = own if event_id is None else event_id
        return self.rows.add(
            "clinical_event",
            created,
            by=by if system == "MILLENNIUM" else SYSTEM_ID,
            updated=updated,
            key=own,
            event_id=identity,
            parent_event_id=identity,
            person_id=person_id,
            encntr_id=encntr_id,
            order_id=order_id,
            event_cd=CODES["event", event],
            event_class_cd=CODES["class", kind],
            event_title_text=title or _DISPLAYS["event", event],
            result_val=value,
            result_units_cd=None if units is None else CODES["units", units],
            result_status_cd=CODES["status", status],
            event_end_dt_tm=created,
            performed_dt_tm=created,
            performed_prsnl_id=by,
            verified_dt_tm=None if verified is None else verified[0],
            verified_prsnl_id=None if verified is None else verified[1],
            contributor_system_cd=CODES["system", system],
            discipline=discipline,
            valid_from_dt_tm=created,
            valid_until_dt_tm=valid_until,
        )

    def blob(self, created: datetime, event_id: int, contents: bytes, *, form: str, by: int) -> None:
        """The body of an event, ``TXT`` or ``PDF``."""
        self.rows.add(
            "ce_blob",
            created,
            by=by,
            key=event_id,
            blob_seq_num=1,
            blob_length=len(contents),
            compression_cd=CODES["compression", "NOCOMP"],
            format_cd=CODES["format", form],
            blob_contents=contents,
        )

    def act(
        self, created: datetime, event_id: int, action: str, by: int, *, is_done: bool = True, key: int | None = None
    ) -> int:
        """A signing row: ``PERFORM``, ``SIGN`` or ``VERIFY``, done or asked for."""
        return self.rows.add(
            "ce_event_prsnl",
            created,
            by=by,
            key=key,
            event_id=event_id,
            action_type_cd=CODES["action", action],
            action_status_cd=CODES["action_status", "COMPLETED" if is_done else "REQUESTED"],
            action_dt_tm=created if is_done else None,
            action_prsnl_id=by,
        )

    def note(
        self,
        created: datetime,
        *,
        person_id: int,
        encntr_id: int,
        event: str,
        by: int,
        phrases: list[str],
        is_signed: bool = True,
        key: int | None = None,
    ) -> int:
        """A note with its body, written and (mostly) signed by the same person."""
        title = _DISPLAYS["event", event]
        event_id = self.event(
            created,
            person_id=person_id,
            encntr_id=encntr_id,
            event=event,
            kind="DOC",
            by=by,
            status="AUTH" if is_signed else "IN PROGRESS",
            verified=(created, by) if is_signed else None,
            key=key,
        )
        self.blob(created, event_id, note(title, phrases), form="TXT", by=by)
        self.act(created, event_id, "PERFORM", by)
        self.act(created, event_id, "SIGN", by, is_done=is_signed)
        return event_id

    def order(
        self,
        created: datetime,
        *,
        person_id: int,
        encntr_id: int,
        catalogue: str,
        event: str,
        by: int,
        is_answered: bool = True,
        updated: tuple[datetime, int] | None = None,
        key: int | None = None,
    ) -> int:
        """An order of a laboratory test."""
        return self.rows.add(
            "orders",
            created,
            by=by,
            updated=updated,
            key=key,
            person_id=person_id,
            encntr_id=encntr_id,
            catalog_cd=CODES["order", catalogue],
            order_mnemonic=_DISPLAYS["event", event],
            order_status_cd=CODES["order_status", "COMPLETED" if is_answered else "ORDERED"],
            orig_order_dt_tm=created,
            ordering_prsnl_id=by,
        )

    def answer(
        self,
        created: datetime,
        test: LaboratoryTest,
        *,
        person_id: int,
        encntr_id: int,
        order_id: int,
        value: str,
        by: int,
    ) -> int:
        """A laboratory's answer: structured values come from CGM Analytix, cultures as text."""
        is_culture = test.discipline == _MICROBIOLOGY
        event_id = self.event(
            created,
            person_id=person_id,
            encntr_id=encntr_id,
            event=test.event,
            kind="MBO" if is_culture else "NUM" if test.units else "TXT",
            by=by,
            value=value,
            units=test.units,
            verified=(created, by),
            order_id=order_id,
            system="ANALYTIX",
            discipline=test.discipline,
        )
        self.act(created, event_id, "VERIFY", by)
        return event_id

    def pdf_answer(
        self,
        created: datetime,
        *,
        person_id: int,
        encntr_id: int,
        order_id: int,
        event: str,
        discipline: str,
        line: str,
        by: int,
        event_id: int | None = None,
        key: int | None = None,
    ) -> int:
        """An answer as a PDF (patologi, genetik), verified; these are not shown in NPÖ."""
        own = self.event(
            created,
            person_id=person_id,
            encntr_id=encntr_id,
            event=event,
            kind="DOC",
            by=by,
            verified=(created, by),
            order_id=order_id,
            system="PDF_LAB",
            discipline=discipline,
            event_id=event_id,
            key=key,
        )
        identity = own if event_id is None else event_id
        self.blob(created, identity, pdf(line), form="PDF", by=SYSTEM_ID)
        self.act(created, identity, "VERIFY", by)
        return own
