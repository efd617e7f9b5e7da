"""The planted rows: the cases that tests and the guided story point to, each under a name.

Here lives the whole list with fixed keys from 900 000 on, so that a name means the same row for every seed. The random
population around them is made in `readonly_guard_cli.demo.millennium`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from readonly_guard_cli.demo.chart import Chart
from readonly_guard_cli.demo.identifiers import TOLVAN, personnummer, reservnummer, samordningsnummer
from readonly_guard_cli.demo.staff import PERSONAS, STAFF
from readonly_guard_cli.demo.tables import WINDOW_END, WINDOW_START, PlantedRow
from readonly_guard_cli.demo.vocabulary import CODES, UNITS

__all__ = ["PLANTED", "plant"]

_PERSON_ID: Final = {employee.username: employee.person_id for employee in STAFF}
_SECOND: Final = timedelta(seconds=1)

_EDGES: Final = {
    "second_before_window": (900_011, WINDOW_START - _SECOND, "created one second too early"),
    "window_opens": (900_012, WINDOW_START, "created at the first instant of the window"),
    "second_into_window": (900_013, WINDOW_START + _SECOND, "created one second into the window"),
    "last_second_of_window": (900_014, WINDOW_END - _SECOND, "created in the last second of the window"),
    "window_closed": (900_015, WINDOW_END, "created at the first instant after the window"),
    "second_after_window": (900_016, WINDOW_END + _SECOND, "created one second too late"),
}


def _row(table: str, column: str, key: int, why: str) -> PlantedRow:
    return PlantedRow(table=table, key=(column, key), why=why)


PLANTED: Final[Mapping[str, PlantedRow]] = {
    "test_patient": _row("person", "person_id", 900_001, "Inera's test patient, Tolvan Tolvansson"),
    **{name: _row("clinical_event", "clinical_event_id", key, why) for name, (key, _, why) in _EDGES.items()},
    "pathology_order": _row("orders", "order_id", 900_021, "ordered 14 November, in the window"),
    "pathology_preliminary": _row(
        "clinical_event", "clinical_event_id", 900_022, "registered 14 November, replaced 27 November"
    ),
    "pathology_verified_late": _row(
        "clinical_event", "clinical_event_id", 900_023, "a PDF answer verified 27 November on an order of 14 November"
    ),
    "diagnosis_of_2009": _row("diagnosis", "diagnosis_id", 900_031, "dated 2009, entered 13 November 2024"),
    "booking_in_2025": _row("sch_appt", "sch_appt_id", 900_041, "a visit in February 2025, booked in the window"),
    "late_write": _row(
        "clinical_event", "clinical_event_id", 900_051, "created in the window, changed 2 December in read mode"
    ),
    "unsigned_note": _row("clinical_event", "clinical_event_id", 900_061, "a note that nobody signed in time"),
    "version_before_error": _row("clinical_event", "clinical_event_id", 900_071, "a value, later marked as an error"),
    "version_in_error": _row("clinical_event", "clinical_event_id", 900_072, "the same event as INERROR"),
    "blocked_unit": _row(
        "encounter", "encntr_id", 900_081, "a contact at a unit whose information the patient has blocked (spärr)"
    ),
    "protected_person": _row("person", "person_id", 900_091, "protected personal data (skyddade personuppgifter)"),
    "staff_as_patient": _row("encounter", "encntr_id", 900_095, "an employee's own care contact"),
    "namesake_one": _row("person", "person_id", 900_101, "one of two patients of the same name"),
    "namesake_other": _row("person", "person_id", 900_102, "the other of two patients of the same name"),
    "private_provider": _row("encounter", "encntr_id", 900_111, "a contact at another care provider's unit"),
    "outside_the_south": _row("encounter", "encntr_id", 900_112, "a contact at a unit outside the southern area"),
    "samordningsnummer": _row("person_alias", "person_alias_id", 900_121, "a patient with a samordningsnummer"),
    "reservnummer": _row("person_alias", "person_alias_id", 900_122, "a patient with a local reserve number"),
}
"""Every planted row by name."""


def plant(chart: Chart) -> None:
    """Write all planted rows. Units, codes and staff must be there already."""
    tolvan = _patient(chart, _key("test_patient"), _at(12, 7), first="Tolvan", last="Tolvansson", number=TOLVAN)
    contact = _visit(chart, tolvan, _at(12, 7))
    _at_the_edges(chart, tolvan, contact)
    _out_of_time(chart, tolvan, contact)
    _late_pathology(chart, tolvan, contact)
    _signatures(chart, tolvan, contact)
    _places(chart)
    _people(chart)


def _key(name: str) -> int:
    return PLANTED[name].key[1]


def _staff(persona: str) -> int:
    return _PERSON_ID[PERSONAS[persona]]


def _at(day: int, hour: int, month: int = 11) -> datetime:
    return datetime(2024, month, day, hour, tzinfo=UTC)


def _patient(
    chart: Chart,
    key: int,
    created: datetime,
    *,
    first: str,
    last: str,
    number: str,
    kind: str = "SSN",
    alias_key: int | None = None,
    is_protected: bool = False,
) -> int:
    born = date(int(number[:4]), int(number[4:6]), (int(number[6:8]) - 1) % 60 + 1)
    person_id = chart.person(
        created,
        first=first,
        last=last,
        born=born,
        sex="FEMALE" if number[10].isdigit() and int(number[10]) % 2 == 0 else "MALE",
        is_protected=is_protected,
        key=key,
    )
    chart.alias(created, person_id, number, kind=kind, key=alias_key)
    return person_id


def _visit(
    chart: Chart,
    person_id: int,
    created: datetime,
    *,
    name: str | None = None,
    unit: str = "medicine",
    by: str = "physician",
) -> int:
    return chart.encounter(
        created,
        person_id=person_id,
        unit=unit,
        kind="OUTPATIENT",
        relations=((_staff(by), "ATTENDDOC"),),
        key=None if name is None else _key(name),
    )


def _at_the_edges(chart: Chart, person_id: int, encntr_id: int) -> None:
    for key, created, _ in _EDGES.values():
        chart.event(
            created,
            person_id=person_id,
            encntr_id=encntr_id,
            event="WEIGHT",
            kind="NUM",
            by=_staff("nurse"),
            value="78",
            units="KG",
            verified=(created, _staff("nurse")),
            key=key,
        )


def _out_of_time(chart: Chart, person_id: int, encntr_id: int) -> None:
    """Rows whose clinical time is not the time at which they were created or changed."""
    chart.rows.add(
        "diagnosis",
        _at(13, 9),
        by=_staff("physician"),
        key=_key("diagnosis_of_2009"),
        person_id=person_id,
        encntr_id=encntr_id,
        source_identifier="E11.9",
        diagnosis_display="Diabetes mellitus typ 2",
        diag_type_cd=CODES["diagnosis", "SECONDARY"],
        diag_dt_tm=datetime(2009, 3, 4, 8, tzinfo=UTC),
        diag_prsnl_id=_staff("physician"),
    )
    booked = datetime(2025, 2, 11, 9, 30, tzinfo=UTC)
    chart.rows.add(
        "sch_appt",
        _at(18, 13),
        by=_staff("secretary"),
        key=_key("booking_in_2025"),
        person_id=person_id,
        organization_id=UNITS["medicine"].organization_id,
        appt_type_cd=CODES["appointment", "REVISIT"],
        sch_state_cd=CODES["appointment_state", "CONFIRMED"],
        beg_dt_tm=booked,
        end_dt_tm=booked + timedelta(minutes=30),
    )
    chart.event(
        _at(15, 10),
        person_id=person_id,
        encntr_id=encntr_id,
        event="WEIGHT",
        kind="NUM",
        by=_staff("nurse"),
        value="79",
        units="KG",
        status="MODIFIED",
        verified=(_at(15, 10), _staff("nurse")),
        updated=(_at(2, 14, month=12), _staff("colleague")),
        key=_key("late_write"),
    )


def _late_pathology(chart: Chart, person_id: int, encntr_id: int) -> None:
    ordered, answered = _at(14, 11), _at(27, 15)
    order_id = chart.order(
        ordered,
        person_id=person_id,
        encntr_id=encntr_id,
        catalogue="PATHOLOGY",
        event="PATHOLOGY",
        by=_staff("physician"),
        updated=(answered, 1),
        key=_key("pathology_order"),
    )
    event_id = chart.event(
        ordered,
        person_id=person_id,
        encntr_id=encntr_id,
        event="PATHOLOGY",
        kind="DOC",
        by=_staff("pathologist"),
        status="IN PROGRESS",
        order_id=order_id,
        system="PDF_LAB",
        discipline="patologi",
        valid_until=answered,
        updated=(answered, 1),
        key=_key("pathology_preliminary"),
    )
    chart.pdf_answer(
        answered,
        person_id=person_id,
        encntr_id=encntr_id,
        order_id=order_id,
        event="PATHOLOGY",
        discipline="patologi",
        line="Patologi PAD: syntetiskt svar.",
        by=_staff("pathologist"),
        event_id=event_id,
        key=_key("pathology_verified_late"),
    )


def _signatures(chart: Chart, person_id: int, encntr_id: int) -> None:
    chart.note(
        _at(20, 16),
        person_id=person_id,
        encntr_id=encntr_id,
        event="NOTE_VISIT",
        by=_staff("physician"),
        phrases=["Anteckning som inte hann signeras."],
        is_signed=False,
        key=_key("unsigned_note"),
    )
    first, corrected = _at(16, 8), _at(16, 9)
    event_id = chart.event(
        first,
        person_id=person_id,
        encntr_id=encntr_id,
        event="HEIGHT",
        kind="NUM",
        by=_staff("nurse"),
        value="1780",
        units="CM",
        verified=(first, _staff("nurse")),
        valid_until=corrected,
        updated=(corrected, _staff("nurse")),
        key=_key("version_before_error"),
    )
    chart.event(
        corrected,
        person_id=person_id,
        encntr_id=encntr_id,
        event="HEIGHT",
        kind="NUM",
        by=_staff("nurse"),
        value="1780",
        units="CM",
        status="INERROR",
        verified=(corrected, _staff("nurse")),
        event_id=event_id,
        key=_key("version_in_error"),
    )


def _places(chart: Chart) -> None:
    """One patient with contacts at a unit they have blocked, at a private provider and outside the south."""
    number = personnummer(date(1957, 5, 9), 984)
    created = _at(13, 8)
    person_id = _patient(chart, 900_080, created, first="Ingrid", last="Spärrman", number=number)
    _visit(chart, person_id, created)
    _visit(chart, person_id, _at(14, 8), name="blocked_unit", unit="psychiatry")
    _visit(chart, person_id, _at(15, 8), name="private_provider", unit="private", by="private_provider")
    _visit(chart, person_id, _at(16, 8), name="outside_the_south", unit="elsewhere", by="outside_the_south")


def _people(chart: Chart) -> None:
    created = _at(14, 9)
    protected = _patient(
        chart,
        _key("protected_person"),
        created,
        first="Vera",
        last="Skyddsson",
        number=personnummer(date(1991, 8, 17), 986),
        is_protected=True,
    )
    _visit(chart, protected, created)

    employee = next(one for one in STAFF if one.username == PERSONAS["is_patient"])
    chart.alias(created, employee.person_id, personnummer(employee.born, 982))
    _visit(chart, employee.person_id, created, name="staff_as_patient", unit="surgery", by="has_not_acknowledged")

    for name, born in (("namesake_one", date(1948, 2, 21)), ("namesake_other", date(1948, 12, 2))):
        namesake = _patient(chart, _key(name), created, first="Karl", last="Andersson", number=personnummer(born, 989))
        _visit(chart, namesake, created)

    coordinated = _patient(
        chart,
        900_120,
        created,
        first="Omar",
        last="Hassan",
        number=samordningsnummer(date(1988, 6, 5), 983),
        kind="COORDINATION",
        alias_key=_key("samordningsnummer"),
    )
    _visit(chart, coordinated, created)
    reserved = _patient(
        chart,
        900_123,
        created,
        first="Okänd",
        last="Reserv",
        number=reservnummer(date(1975, 1, 1), 1),
        kind="RESERVE",
        alias_key=_key("reservnummer"),
    )
    _visit(chart, reserved, created)
