"""The patient's extract: everything of the patient, nothing of others, nobody's name unless it is wanted."""

from pathlib import Path

import pytest

from readonly_guard.audit.chains import PATIENTS
from readonly_guard.audit.custody import record_custody
from readonly_guard.domain import IdentificationRecord
from readonly_guard.review import Facts, NotPossible, Store, extract_csv, extract_paper, paper_html

from .conftest import MONTH


def _html(desk, events, **changes):
    values = {
        "patients": ["person_id:7"],
        "since": MONTH.since,
        "until": MONTH.until,
        "made": MONTH.until,
        "imported_until": MONTH.until,
        "with_names": False,
    }
    return paper_html(extract_paper(events, desk.knowledge, "sv", **(values | changes)))


def test_the_rows_are_the_patients_and_say_unit_role_action_and_purpose(desk):
    with Store.open(desk.log.store_path) as store:
        events = store.of_patient(["person_id:7"], MONTH.since, MONTH.until)
    assert events
    assert all("person_id:7" in event.patients for event in events)
    text = _html(desk, events)
    assert text.count("<tr>") == len(events) + 1
    for words in ("Nödöppning", "Medicinavdelning 1", "Läkare", "Vård och behandling", "8 kap. 5 §"):
        assert words in text
    assert "Anna Lind" not in text
    assert "Medvetslös" not in text  # why is not part of the extract: it may tell of others
    assert "Anna Lind" in _html(desk, events, with_names=True)


def test_a_care_provider_has_its_name_where_the_facts_say_it(desk, event):
    of_unit = event(care_unit="Medicinavdelning 1")
    assert "<td>Exempelregionen</td>" in _html(desk, [of_unit])
    desk.knowledge.facts = Facts()
    assert "<td>SE9999999999-E000000000000</td>" in _html(desk, [of_unit])


def test_whole_days_are_told_as_days_and_moments_as_moments(desk):
    assert "2026-10-01 – 2026-10-31" in _html(desk, [])
    assert "2026-10-01 00:00 – 2026-10-31 01:00" in _html(desk, [], until="2026-10-31T00:00:00.000000Z")


def test_in_csv_and_where_there_is_nothing(desk):
    assert "Ingen har tagit del av dina uppgifter" in _html(desk, [])
    assert extract_csv([], desk.knowledge, "en", with_names=True).decode("utf-8-sig").split("\r\n")[0] == (
        "Time;Unit;Care provider;Role;Action;Information;Purpose;Name"
    )


def test_names_are_text(desk, event):
    assert "<b>" not in _html(desk, [event(care_unit="<b>x</b>")])
    assert ";'=1+1;" in extract_csv([event(care_unit="=1+1")], desk.knowledge, "sv", with_names=False).decode()


def test_a_patient_is_found_by_number_where_the_log_knows_whose_a_key_is(desk):
    with pytest.raises(NotPossible, match="does not know that number"):
        desk.log.keys_of_patient(["191212121212"])
    record = IdentificationRecord(time=MONTH.until, patient="person_id:7", identifiers=("191212121212",), source="test")
    record_custody(Path(desk.plan.journals[0]) / PATIENTS, record)
    assert desk.log.bring_in().decisions == 0  # that chain is checked, and holds no decision
    assert desk.log.keys_of_patient(["191212121212", "person_id:9"]) == ["191212121212", "person_id:7", "person_id:9"]
