"""The synthetic Millennium: some two hundred people and what was documented about them in nine days.

Here lives chance: who comes where, when, and with what. It is a pure function of the seed. What an act of care leaves
behind is in `readonly_guard_cli.demo.chart`, the cases with names in `readonly_guard_cli.demo.planted`, and loading in
`readonly_guard_cli.demo.store`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from readonly_guard_cli.demo.chart import Chart
from readonly_guard_cli.demo.identifiers import personnummer
from readonly_guard_cli.demo.planted import plant
from readonly_guard_cli.demo.staff import PERSONAS, STAFF, Employee
from readonly_guard_cli.demo.tables import WINDOW_END, Dataset, RowBuilder
from readonly_guard_cli.demo.vocabulary import (
    ALLERGENS,
    CODE_SETS,
    CODES,
    DIAGNOSES,
    FIRST_NAMES,
    LABORATORY_TESTS,
    LAST_NAMES,
    NOTE_PHRASES,
    UNITS,
    VACCINES,
    LaboratoryTest,
)

__all__ = ["SEED", "generate"]

SEED: Final = 20241112
"""The seed of the demo: the day on which Millennium was put in operation."""

_BUILT: Final = datetime(2024, 10, 1, 8, tzinfo=UTC)
_FIRST_VISIT: Final = datetime(2024, 11, 12, 5, tzinfo=UTC)
_VISIT_MINUTES: Final = int((datetime(2024, 11, 20, 18, tzinfo=UTC) - _FIRST_VISIT).total_seconds()) // 60
_LAST_MINUTE: Final = WINDOW_END - timedelta(minutes=1)
_PATIENTS: Final = 154
_UNITS: Final = ("medicine", "surgery", "emergency", "psychiatry", "primary_care", "rehabilitation", "private")
_WEIGHTS: Final = (5, 4, 5, 2, 5, 2, 1)
_LABORATORIES: Final = {"mikrobiologi": "microbiology", "patologi": "pathology", "genetik": "pathology"}

_ADULT_SIZES: Final = (("HEIGHT", "CM", 150, 195), ("WEIGHT", "KG", 48, 110))
_CHILD_SIZES: Final = (("HEIGHT", "CM", 60, 165), ("WEIGHT", "KG", 6, 50))

# hired after the read mode began: they have database roles, and wrote nothing in November 2024
_HIRED_LATER: Final = {
    PERSONAS["granted_after_freeze"]: datetime(2025, 2, 3, 8, tzinfo=UTC),
    PERSONAS["never_listed"]: datetime(2025, 9, 1, 8, tzinfo=UTC),
}


class _Patient(NamedTuple):
    person_id: int
    sex: str
    born: date


class _Contact(NamedTuple):
    patient: _Patient
    encntr_id: int
    unit: str
    began: datetime
    physician: int
    nurse: int


def generate(seed: int = SEED) -> Dataset:
    """The whole database; the same for the same seed. Keys of staff, units, codes and planted rows never change."""
    rows = RowBuilder()
    chart = Chart(rows)
    _master_data(rows, chart)
    plant(chart)
    _Population(chart, Random(seed)).write()  # noqa: S311  chance for a story, not for a secret
    return Dataset(seed=seed, tables=rows.tables(), staff=STAFF)


def _master_data(rows: RowBuilder, chart: Chart) -> None:
    """Codes, units and staff: the system as it was built before it was put in operation."""
    for name, (number, codes) in CODE_SETS.items():
        for meaning, display in codes:
            rows.add(
                "code_value",
                _BUILT,
                key=CODES[name, meaning],
                code_set=number,
                cdf_meaning=meaning,
                display=display,
            )
    for unit in UNITS.values():
        rows.add(
            "organization",
            _BUILT,
            key=unit.organization_id,
            org_name=unit.name,
            hsa_id=unit.hsa_id,
            vardgivare_hsa_id=unit.provider_hsa_id,
            forvaltning=unit.administration,
            sodra_ind=int(unit.is_southern),
        )
    for employee in STAFF:
        hired = _HIRED_LATER.get(employee.username, _BUILT)
        chart.person(
            hired,
            first=employee.name_first,
            last=employee.name_last,
            born=employee.born,
            sex=employee.sex,
            key=employee.person_id,
        )
        rows.add(
            "prsnl",
            hired,
            key=employee.person_id,
            username=employee.username,
            name_full_formatted=f"{employee.name_last}, {employee.name_first}",
            position_cd=CODES["position", employee.position],
            hsa_id=employee.hsa_id,
            organization_id=employee.care_unit.organization_id,
        )


class _Population:
    """The patients who are there by chance."""

    def __init__(self, chart: Chart, chance: Random) -> None:
        self._chart = chart
        self._chance = chance
        self._numbers: set[str] = set()

    def write(self) -> None:
        for _ in range(_PATIENTS):
            first_visit = _FIRST_VISIT + timedelta(minutes=self._chance.randrange(_VISIT_MINUTES))
            patient = self._patient(first_visit)
            self._visit(patient, first_visit)
            if self._chance.random() < 0.4:
                self._visit(patient, self._after(first_visit, 600, 4000))

    def _after(self, moment: datetime, least: int, most: int) -> datetime:
        """Some minutes later, and still in the window."""
        return min(moment + timedelta(minutes=self._chance.randint(least, most)), _LAST_MINUTE)

    def _staff(self, unit: str, *positions: str) -> int:
        """Somebody with one of the positions at the unit, else at the primary care unit, which has them all."""
        for place in (unit, "primary_care"):
            found = [one for one in STAFF if one.unit == place and one.position in positions and _was_there(one)]
            if found:
                return self._chance.choice(found).person_id
        raise ValueError(f"nobody is {' or '.join(positions)}")

    def _patient(self, created: datetime) -> _Patient:
        chance = self._chance
        sex = chance.choice(("FEMALE", "MALE"))
        while True:
            born = date(1930, 1, 1) + timedelta(days=chance.randrange(34_000))
            number = personnummer(born, 980 + 2 * chance.randrange(10) + (sex == "MALE"))
            if number not in self._numbers:
                break
        self._numbers.add(number)
        person_id = self._chart.person(
            created, first=chance.choice(FIRST_NAMES[sex]), last=chance.choice(LAST_NAMES), born=born, sex=sex
        )
        self._chart.alias(created, person_id, number)
        return _Patient(person_id, sex, born)

    def _visit(self, patient: _Patient, began: datetime) -> None:
        chance = self._chance
        unit = self._unit_for(patient)
        physician = self._staff(unit, "PHYSICIAN")
        nurse = self._staff(unit, "NURSE", "MIDWIFE")
        kind = "EMERGENCY" if unit == "emergency" else "OUTPATIENT"
        if unit == "medicine" and chance.random() < 0.6:
            kind = "INPATIENT"
        encntr_id = self._chart.encounter(
            began,
            person_id=patient.person_id,
            unit=unit,
            kind=kind,
            relations=((physician, "ATTENDDOC"), (nurse, "NURSE")),
        )
        contact = _Contact(patient, encntr_id, unit, began, physician, nurse)
        self._diagnosis(contact)
        self._notes(contact, "NOTE_ADMISSION" if kind == "INPATIENT" else "NOTE_VISIT")
        self._measurements(contact)
        for _ in range(chance.randint(0, 3)):
            self._laboratory(contact, chance.choice(LABORATORY_TESTS))
        if chance.random() < 0.12:
            self._pdf_answer(contact)
        if chance.random() < 0.2:
            self._vaccination(contact)
        if chance.random() < 0.3:
            self._allergy(contact)
        if chance.random() < 0.45:
            self._booking(contact)

    def _unit_for(self, patient: _Patient) -> str:
        if patient.born.year > 2007:
            return "paediatrics"
        if patient.sex == "FEMALE" and 1980 <= patient.born.year <= 2005 and self._chance.random() < 0.4:
            return "midwifery"
        return self._chance.choices(_UNITS, _WEIGHTS)[0]

    def _diagnosis(self, contact: _Contact) -> None:
        pregnancy = next(one for one in DIAGNOSES if one[0].startswith("Z34"))
        others = [one for one in DIAGNOSES if one is not pregnancy]
        code, display = pregnancy if contact.unit == "midwifery" else self._chance.choice(others)
        self._chart.rows.add(
            "diagnosis",
            self._after(contact.began, 20, 60),
            by=contact.physician,
            person_id=contact.patient.person_id,
            encntr_id=contact.encntr_id,
            source_identifier=code,
            diagnosis_display=display,
            diag_type_cd=CODES["diagnosis", "PRIMARY"],
            diag_dt_tm=contact.began,
            diag_prsnl_id=contact.physician,
        )

    def _notes(self, contact: _Contact, event: str) -> None:
        for kind, author in ((event, contact.physician), ("NOTE_NURSING", contact.nurse)):
            if kind == event or self._chance.random() < 0.3:
                self._chart.note(
                    self._after(contact.began, 30, 110),
                    person_id=contact.patient.person_id,
                    encntr_id=contact.encntr_id,
                    event=kind,
                    by=author,
                    phrases=self._chance.sample(NOTE_PHRASES, 4),
                )

    def _measurements(self, contact: _Contact) -> None:
        if self._chance.random() < 0.5:
            return
        moment = self._after(contact.began, 2, 20)
        sizes = _CHILD_SIZES if contact.unit == "paediatrics" else _ADULT_SIZES
        for event, units, low, high in sizes:
            self._chart.event(
                moment,
                person_id=contact.patient.person_id,
                encntr_id=contact.encntr_id,
                event=event,
                kind="NUM",
                by=contact.nurse,
                value=str(self._chance.randint(low, high)),
                units=units,
                verified=(moment, contact.nurse),
            )

    def _laboratory(self, contact: _Contact, test: LaboratoryTest) -> None:
        ordered = self._after(contact.began, 15, 60)
        order_id = self._order(contact, ordered, test.order, test.event)
        if test.units is None:
            value = self._chance.choice(("Negativ", "Positiv"))
        else:
            value = f"{self._chance.uniform(test.low, test.high):.{test.decimals}f}".replace(".", ",")
        self._chart.answer(
            self._after(ordered, 60, 700),
            test,
            person_id=contact.patient.person_id,
            encntr_id=contact.encntr_id,
            order_id=order_id,
            value=value,
            by=self._laboratory_staff(test.discipline),
        )

    def _pdf_answer(self, contact: _Contact) -> None:
        event, discipline = self._chance.choice((("PATHOLOGY", "patologi"), ("GENETICS", "genetik")))
        ordered = self._after(contact.began, 15, 60)
        self._chart.pdf_answer(
            self._after(ordered, 1500, 5000),
            person_id=contact.patient.person_id,
            encntr_id=contact.encntr_id,
            order_id=self._order(contact, ordered, event, event),
            event=event,
            discipline=discipline,
            line=f"{discipline.capitalize()}: syntetiskt svar.",
            by=self._laboratory_staff(discipline),
        )

    def _order(self, contact: _Contact, ordered: datetime, catalogue: str, event: str) -> int:
        return self._chart.order(
            ordered,
            person_id=contact.patient.person_id,
            encntr_id=contact.encntr_id,
            catalogue=catalogue,
            event=event,
            by=contact.physician,
        )

    def _laboratory_staff(self, discipline: str) -> int:
        return self._staff(_LABORATORIES.get(discipline, "chemistry"), "BMA", "PATHOLOGIST")

    def _vaccination(self, contact: _Contact) -> None:
        moment = self._after(contact.began, 20, 60)
        self._chart.event(
            moment,
            person_id=contact.patient.person_id,
            encntr_id=contact.encntr_id,
            event="VACCINATION",
            kind="IMMUN",
            by=contact.nurse,
            title=self._chance.choice(VACCINES),
            value="Given",
            verified=(moment, contact.nurse),
        )

    def _allergy(self, contact: _Contact) -> None:
        self._chart.rows.add(
            "allergy",
            self._after(contact.began, 5, 30),
            by=contact.nurse,
            person_id=contact.patient.person_id,
            encntr_id=contact.encntr_id,
            substance_ftdesc=self._chance.choice(ALLERGENS),
            severity_cd=CODES["severity", self._chance.choice(("MILD", "SEVERE"))],
            reaction_status_cd=CODES["reaction_status", "ACTIVE"],
        )

    def _booking(self, contact: _Contact) -> None:
        begins = contact.began.replace(minute=30, second=0) + timedelta(days=self._chance.randint(7, 60))
        self._chart.rows.add(
            "sch_appt",
            self._after(contact.began, 60, 115),
            by=contact.nurse,
            person_id=contact.patient.person_id,
            organization_id=UNITS[contact.unit].organization_id,
            appt_type_cd=CODES["appointment", "REVISIT"],
            sch_state_cd=CODES["appointment_state", "CONFIRMED"],
            beg_dt_tm=begins,
            end_dt_tm=begins + timedelta(minutes=30),
        )


def _was_there(employee: Employee) -> bool:
    return employee.username not in _HIRED_LATER
