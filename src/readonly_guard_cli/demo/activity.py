"""A month of invented activity: decided by a real guard, one call after the other, and written to a real journal.

For the review's demo and tests. The same seed gives the same month, decision ids excepted: those are the guard's.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from readonly_guard import Guard, Session
from readonly_guard.audit import SigningKey
from readonly_guard.settings import JournalSettings, PolicySettings, Settings, UpstreamSettings
from readonly_guard_cli.demo.roster import policy_data
from readonly_guard_cli.demo.staff import PERSONAS, STAFF, Employee
from readonly_guard_cli.demo.vocabulary import UNITS

__all__ = ["write_month", "write_review"]

_READS: Final = (
    "SELECT * FROM clinical_event WHERE person_id = {patient}",
    "SELECT result_val FROM clinical_event WHERE person_id = {patient} AND event_cd = 72003",
    "SELECT * FROM diagnosis WHERE person_id = {patient}",
    "SELECT * FROM encounter WHERE person_id = {patient}",
    "SELECT * FROM allergy WHERE person_id = {patient}",
    "SELECT * FROM sch_appt WHERE person_id = {patient}",
)
_SEARCH: Final = "SELECT person_id, name_full_formatted FROM person WHERE name_last = 'Lind' LIMIT 50"
_WRITE: Final = "UPDATE clinical_event SET result_val = 'x' WHERE person_id = {patient}"
_PATIENTS: Final = range(1, 120)


class _Month:
    """The guard with a clock of its own, and what happens at it."""

    def __init__(self, guard: Guard, clock: list[datetime]) -> None:
        self._guard = guard
        self._clock = clock

    def at(
        self, moment: datetime, user: str, text: str, purpose: str | None = "TREAT", rows: int = 3, **declared: str
    ) -> None:
        self._clock[0] = moment
        session = Session(
            session_id=f"{user}-{moment:%d}", database="millennium", client_address="10.12.4.7:50122",
            application_name="Journalläsare", listener="default",
        )  # fmt: skip
        decision = self._guard.check(text, subject=user, purpose=purpose, session=session, **declared)
        if decision.allowed:
            self._clock[0] = moment + timedelta(milliseconds=40)
            self._guard.completed(decision, rows=rows, bytes_sent=rows * 211, duration_us=1_900)


def write_month(
    journal: Path, data: Path, *, year: int, month: int, seed: int = 1, readings: int = 400, share: float = 1.0
) -> None:
    """Write a month into a journal: ordinary readings, and everything that a reviewer has to look at.

    Args:
        journal: its directory.
        data: the policy's data.
        year: of the month.
        month: the month; all of it must be after the routine came into force.
        seed: of chance.
        readings: how many ordinary ones.
        share: how much of what stands out happens, by chance.
    """
    chance = random.Random(seed)  # noqa: S311  invented activity, no secret
    first = datetime(year, month, 1, tzinfo=UTC)
    clock = [first]
    settings = Settings(
        upstream=UpstreamSettings(host="nowhere.invalid"),  # a guard alone connects to nobody
        journal=JournalSettings(
            path=str(journal), durability="buffered", seal_every_s=86_400.0, signing_key=str(_key(journal))
        ),
        policy=PolicySettings(data=(str(data),)),
    )
    with Guard.from_settings(settings, clock=lambda: clock[0]) as guard:
        happenings = _Month(guard, clock)
        special = [item for item in _special(first) if chance.random() < share]
        for moment, what in sorted(_ordinary(chance, first, readings) + special, key=lambda item: item[0]):
            happenings.at(moment, **what)


def _key(journal: Path) -> Path:
    path = journal.with_name(f"{journal.name}.key")
    if not path.exists():
        SigningKey.generate(path)
    return path


def _ordinary(chance: random.Random, first: datetime, readings: int) -> list[tuple[datetime, dict[str, Any]]]:
    people = [one for one in STAFF if one.position in {"PHYSICIAN", "NURSE", "MIDWIFE"} and _is_admitted(one)]
    found = []
    for _ in range(readings):
        moment = first + timedelta(
            days=chance.randrange(28), hours=chance.randrange(8, 15), seconds=chance.randrange(3600)
        )
        while moment.weekday() > 4:
            moment -= timedelta(days=2) if moment.day > 2 else timedelta(days=-2)
        text = chance.choice(_READS).format(patient=chance.choice(_PATIENTS))
        found.append((moment, {"user": chance.choice(people).username, "text": text}))
    return found


def _is_admitted(one: Employee) -> bool:
    others = ("revoked", "granted_after_freeze", "never_listed", "outside_the_south", "private_provider")
    return one.username not in {PERSONAS[part] for part in others}


def _special(first: datetime) -> list[tuple[datetime, dict[str, Any]]]:
    """What stands out, on days and at times of its own; all of it is at the medicine ward but the last."""

    def on(day: int, hour: int, minute: int = 0) -> datetime:
        return first + timedelta(days=day - 1, hours=hour, minutes=minute)

    physician, colleague, nurse, patient_too = (
        PERSONAS[part] for part in ("physician", "colleague", "nurse", "is_patient")
    )
    own = {one.username: one.person_id for one in STAFF}
    reads = "SELECT * FROM clinical_event WHERE person_id = {}"
    emergency = {
        "purpose": "ETREAT",
        "justification": "Medvetslös patient på akuten, läkemedelslistan behövdes",
    }
    return [
        (on(3, 10), {"user": patient_too, "text": reads.format(own[patient_too])}),
        (on(4, 9, 30), {"user": physician, "text": reads.format(own[nurse])}),
        (on(5, 13), {"user": physician, "text": reads.format(7), **emergency}),
        (on(6, 8), {"user": physician, "text": reads.format(12), "print_reason": "PATIENT_REQUEST"}),
        (on(6, 9), {"user": colleague, "text": f"COPY ({reads.format(13)}) TO STDOUT"}),
        *((on(9, 10, minute), {"user": nurse, "text": _WRITE.format(patient=20)}) for minute in (0, 2, 5)),
        (on(10, 1, 12), {"user": nurse, "text": reads.format(31)}),
        (on(11, 11), {"user": colleague, "text": _SEARCH, "rows": 812}),
        *((on(12, 12, minute), {"user": colleague, "text": reads.format(40 + minute)}) for minute in range(24)),
        (on(13, 9), {"user": PERSONAS["manager"], "text": reads.format(55)}),
        (on(16, 9), {"user": PERSONAS["manager"], "text": reads.format(7), **emergency}),
        (on(17, 9), {"user": physician, "text": reads.format(60), "purpose": None}),
        (on(18, 9), {"user": PERSONAS["revoked"], "text": reads.format(61)}),
        (on(19, 9), {"user": PERSONAS["never_listed"], "text": reads.format(61)}),
    ]


def write_review(
    directory: Path, *, year: int, month: int, seed: int = 1, readings: int = 400, before: int = 0
) -> Path:
    """A whole review's directory: the month's journal, the policy's data, the facts, the plan and a signing key.

    Args:
        directory: made where it is not there.
        year: of the last month.
        month: the last month.
        seed: of chance.
        readings: how many ordinary ones a month.
        before: so many months before it are written as well.

    Returns:
        The directory; nothing has been imported yet.
    """
    directory.mkdir(parents=True, exist_ok=True)
    data = directory / "roster.json"
    known = policy_data() | {
        "relations": {
            f"person_id:{number}": {PERSONAS["nurse"]: {"from": "2024-11-12", "to": None}} for number in (31,)
        },
    }
    data.write_text(json.dumps(known, ensure_ascii=False, indent=1), encoding="utf-8")
    facts = {
        "protected": ["person_id:12"],
        "complaints": ["person_id:55"],
        "surnames": {"person_id:60": "Lind"},
        "providers": {
            UNITS["medicine"].provider_hsa_id: "Exempelregionen",
            UNITS["private"].provider_hsa_id: "Exempelvården AB",
        },
    }
    (directory / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    for back in range(before, -1, -1):
        count = year * 12 + month - 1 - back
        write_month(
            directory / "journal", data, year=count // 12, month=count % 12 + 1, seed=seed + back, readings=readings,
            share=1.0 if back == 0 else 0.55 + 0.1 * (back % 4),
        )  # fmt: skip
    if not (directory / "signing.key").exists():
        SigningKey.generate(directory / "signing.key")
    (directory / "review.toml").write_text(
        'journals = ["journal"]\n'
        'data = ["roster.json"]\n'
        'facts = "facts.json"\n'
        'signing_key = "signing.key"\n'
        'officers = ["dekman"]\n\n'
        '[units."Medicinavdelning 1"]\n'
        'reviewer = "enyman"\n'
        'superior = "dekman"\n\n'
        '[units."Akutmottagning"]\n'
        'reviewer = "yhaddad"\n'
        'superior = "dekman"\n\n'
        "[thresholds]\n"
        'around_the_clock = ["Akutmottagning"]\n',
        encoding="utf-8",
    )
    return directory
