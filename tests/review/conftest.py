"""A month of real activity behind a real guard, made once; each test gets a copy to work on."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from readonly_guard.review import CONCLUDED, Actor, Desk, Event, Period, Step
from readonly_guard_cli.demo.activity import write_review

UNIT = "Medicinavdelning 1"
MONTH = Period(year=2026, month=10)
_FIRST_MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)
MANAGER = Actor(user="enyman", via="test")
SUPERIOR = Actor(user="dekman", via="test")


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    return write_review(tmp_path_factory.mktemp("written") / "review", year=2026, month=10, readings=200)


@pytest.fixture
def directory(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "review"))


@pytest.fixture
def clock() -> list[datetime]:
    """The time, to be changed: the first Monday of November 2026."""
    return [_FIRST_MONDAY]


@pytest.fixture(scope="session")
def selected(written, tmp_path_factory) -> Path:
    """Imported and selected, once for all."""
    path = Path(shutil.copytree(written, tmp_path_factory.mktemp("selected") / "review"))
    opened = Desk.open(path, clock=lambda: _FIRST_MONDAY)
    opened.log.bring_in()
    opened.select(MANAGER, MONTH, UNIT)
    return path


@pytest.fixture
def desk(selected, tmp_path, clock) -> Desk:
    path = Path(shutil.copytree(selected, tmp_path / "selected" / "review"))
    return Desk.open(path, clock=lambda: clock[0])


@pytest.fixture(scope="session")
def one_left(selected, tmp_path_factory) -> Path:
    """Everything answered but one flagged event of the manager's."""
    path = Path(shutil.copytree(selected, tmp_path_factory.mktemp("answered") / "review"))
    opened = Desk.open(path, clock=lambda: _FIRST_MONDAY)
    cases = opened.ledger.history().of(str(MONTH), UNIT)
    left = next(case.event for case in cases if (case.ground, case.reviewer) == ("flag", "enyman"))
    opened.take_step(MANAGER, Step.CLEAR, [case.event for case in cases if case.ground == "sample"])
    for case in cases:
        if case.ground != "sample" and case.event != left:
            opened.take_step(MANAGER if case.reviewer == "enyman" else SUPERIOR, Step.CLEAR, [case.event])
    return path


@pytest.fixture
def nearly(one_left, tmp_path, clock) -> Desk:
    path = Path(shutil.copytree(one_left, tmp_path / "nearly" / "review"))
    return Desk.open(path, clock=lambda: clock[0])


@pytest.fixture
def answered(nearly) -> Desk:
    """Everything answered, nothing signed."""
    nearly.take_step(MANAGER, Step.CLEAR, [open_event(nearly)])
    return nearly


def open_event(desk: Desk) -> str:
    """The one that has no answer yet."""
    return next(case.event for case in desk.ledger.history().cases.values() if case.state not in CONCLUDED)


@pytest.fixture
def event() -> Callable[..., Event]:
    def make(**changes: object) -> Event:
        values = {
            "decision_id": "d-1", "chain": "journal", "seq": 1, "time": "2026-10-06T08:00:00.000000Z",
            "session_id": "s", "subject": "alind", "hsa_id": "SE1-P1", "care_unit": UNIT, "purpose": "TREAT",
            "case_reference": "", "print_reason": "", "justification": "", "action": "read", "activity": "Läsa",
            "phase": "query", "kinds": ("select",), "relations": ("person",), "patients": ("person_id:7",),
            "information_sets": (), "verdict": "allow", "codes": (), "warnings": (), "policy_revision": "r",
            "routine": "R", "database": "d", "client_address": "", "application_name": "", "functions": (),
            "statement": "", "fingerprint": "", "obligations": (), "listener": "default",
        }  # fmt: skip
        return Event(**{**values, **changes})

    return make
