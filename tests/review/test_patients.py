"""The review with a log that knows whose keys are whose: shown, flagged and extracted by identifier."""

import shutil

import pytest

from readonly_guard.audit import Journal
from readonly_guard.audit.chains import PATIENTS
from readonly_guard.domain import IdentificationRecord
from readonly_guard.review import BrokenLog, Desk, Store, list_csv

from .conftest import MANAGER, MONTH, UNIT

NUMBER = "191212121212"


def identify(journal, *patients, identifiers=(NUMBER,)):
    with Journal.open(journal / PATIENTS) as chain:
        for patient in patients:
            chain.append(
                IdentificationRecord(time=MONTH.since, patient=patient, identifiers=identifiers, source="register")
            )


@pytest.fixture
def known(directory, clock):
    """Two keys of one patient are known, nobody else's."""
    identify(directory / "journal", "person_id:7", "alias:tolvan")
    identify(directory / "journal", "person_id:8", identifiers=())
    desk = Desk.open(directory, clock=lambda: clock[0])
    desk.log.bring_in()
    return desk


def test_events_are_shown_by_identifier_and_nobodys_key_stays_visible(known):
    with Store.open(known.log.store_path) as store:
        events = store.of_unit(UNIT, MONTH)
    sevens = [event for event in events if "person_id:7" in event.patients]
    assert sevens
    assert all(NUMBER in event.people and "person_id:7" not in event.people for event in sevens)
    others = [event for event in events if event.patients and "person_id:7" not in event.patients]
    assert others
    assert all(event.people == event.patients for event in others)


@pytest.mark.parametrize("asked", [NUMBER, "person_id:7", "alias:tolvan"])
def test_an_extract_by_any_name_of_the_patient_is_the_same(known, asked):
    with Store.open(known.log.store_path) as store:
        found = store.of_patient([asked], MONTH.since, MONTH.until)
        by_key = [event for event in store.of_unit(UNIT, MONTH) if "person_id:7" in event.patients]
    assert {event.decision_id for event in found} >= {event.decision_id for event in by_key} != set()


def test_the_managers_list_names_the_patient(known):
    known.select(MANAGER, MONTH, UNIT)
    cases = list(known.ledger.history().cases.values())
    with Store.open(known.log.store_path) as store:
        events = store.named(case.event for case in cases)
    assert NUMBER in list_csv(cases, events, known.knowledge).decode("utf-8-sig")


def test_facts_may_name_patients_by_identifier(directory, clock):
    identify(directory / "journal", "person_id:7")
    (directory / "facts.json").write_text(f'{{"protected": ["{NUMBER}"]}}', encoding="utf-8")
    desk = Desk.open(directory, clock=lambda: clock[0])
    desk.log.bring_in()
    made = desk.select(MANAGER, MONTH, UNIT)
    flagged = {event for event, flags in zip(made.events, made.flags, strict=True) if "F07" in flags.split(",")}
    with Store.open(desk.log.store_path) as store:
        of_patient = {event.decision_id for event in store.of_patient([NUMBER], MONTH.since, MONTH.until)}
    assert flagged == of_patient & set(made.events) != set()


def test_what_is_learnt_later_is_known_after_the_next_import(known):
    identify(known.directory / "journal", "person_id:9", identifiers=("199001012391",))
    known.log.bring_in()
    with Store.open(known.log.store_path) as store:
        assert store.of_patient(["199001012391"], MONTH.since, MONTH.until)


def test_two_logs_have_a_chain_of_patients_each(directory, tmp_path, clock):
    other = tmp_path / "other" / "gate-2"
    shutil.copytree(directory / "journal", other)
    identify(directory / "journal", "person_id:7")
    identify(other, "person_id:8", identifiers=("199001012391",))
    plan = (directory / "review.toml").read_text(encoding="utf-8").splitlines()
    plan = [f"journals = ['journal', '{other}']" if line.startswith("journals") else line for line in plan]
    (directory / "review.toml").write_text("\n".join(plan), encoding="utf-8")
    desk = Desk.open(directory, clock=lambda: clock[0])
    desk.log.bring_in()
    desk.log.bring_in()
    with Store.open(desk.log.store_path) as store:
        for number in (NUMBER, "199001012391"):
            assert store.of_patient([number], MONTH.since, MONTH.until)


def test_a_forged_identification_stops_the_import(known):
    segment = next((known.directory / "journal" / PATIENTS).glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(NUMBER.encode(), b"199001012391"))
    with pytest.raises(BrokenLog, match="'patients' is broken"):
        known.log.bring_in()


def test_a_log_that_is_signed_wants_its_patients_signed_too(directory, clock):
    identify(directory / "journal", "person_id:7")
    (public,) = (directory / "journal").glob("*.pub")
    plan = directory / "review.toml"
    plan.write_text(f"public_keys = ['{public}']\n{plan.read_text(encoding='utf-8')}", encoding="utf-8")
    with pytest.raises(BrokenLog, match="'patients' is broken: .*no head of the chain is signed"):
        Desk.open(directory, clock=lambda: clock[0]).log.bring_in()
