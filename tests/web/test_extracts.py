"""The page *Loggutdrag*: for whom, what is recorded, what it hands over, and that no address tells whose it is."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from readonly_guard.audit import read
from readonly_guard.audit.chains import PATIENTS
from readonly_guard.audit.custody import record_custody
from readonly_guard.domain import IdentificationRecord, ReadingRecord
from readonly_guard.review import watch

from .conftest import PASSWORD, Visitor

_NUMBER = "191212121212"
_OCTOBER = {"first": "2026-10-01", "last": "2026-10-31", "language": "sv"}


@pytest.fixture
def identified(desk):
    """The log knows whose the key is that most was done with."""
    record = IdentificationRecord(
        time="2026-10-30T08:00:00.000000Z", patient="person_id:7", identifiers=(_NUMBER,), source="test"
    )
    record_custody(Path(desk.plan.journals[0]) / PATIENTS, record)
    desk.log.bring_in()
    return desk


def _asked(visitor, **form):
    return visitor.post("/extract", visitor.get("/extract"), **{**_OCTOBER, "patient": _NUMBER, **form})


def _readings(desk):
    return [e.record for e in read(desk.ledger.path) if isinstance(e.record, ReadingRecord)]


def test_by_personnummer_as_page_pdf_and_table(identified, officer):
    made = _asked(officer, patient="19121212-1212")
    assert made.status == 303
    assert _NUMBER not in made.headers["location"]
    text = officer.get(made.headers["location"]).text
    for words in ("Loggutdrag", _NUMBER, "Nödöppning", "Läkare", "8 kap. 5 §", "Loggen är inläst till"):
        assert words in text
    assert "Anna Lind" not in text
    files = dict(re.findall(r'href="(/extract\.(pdf|csv)/[^"]+)"', text))
    pdf, csv = sorted(files, key=lambda link: "csv" in link)
    said = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(officer.raw(pdf))).pages)
    assert _NUMBER in said
    table = officer.get(csv)
    assert table.headers["content-disposition"].startswith("attachment")
    assert table.text.startswith("\ufeffTidpunkt;Enhet;Vårdgivare;Roll;")
    assert text.count("<tr>") == len(table.text.strip().splitlines())
    assert officer.get(made.headers["location"]).status == 200  # looked at again, and not made again
    (reading,) = _readings(identified)
    assert (reading.actor, reading.host, reading.command) == ("dekman", "web", "extract")
    assert set(reading.selection) == {
        f"patient={_NUMBER}", "names=no", "since=2026-09-30T22:00:00.000000Z", "until=2026-10-31T23:00:00.000000Z",
    }  # fmt: skip


def test_with_names_in_english_and_by_key(desk, officer):
    made = _asked(officer, patient="person_id:7", names="yes", language="en")
    text = officer.get(made.headers["location"]).text
    assert "Log extract" in text
    assert "Anna Lind" in text
    assert "names=yes" in _readings(desk)[0].selection


def test_only_those_who_look_after_the_log(identified, manager, officer, port):
    made = _asked(officer)
    for answer in (
        manager.get("/extract"), manager.get(made.headers["location"]),
        manager.call("POST", "/extract", {"form": "forged", "patient": _NUMBER, **_OCTOBER}),
        manager.post("/extract", manager.get("/"), patient=_NUMBER, **_OCTOBER),
    ):  # fmt: skip
        assert answer.status in {403, 409}
        assert _NUMBER not in answer.text
    assert 'href="/extract"' not in manager.get("/").text
    stranger = Visitor(port)
    assert {stranger.get(path).status for path in ("/extract", made.headers["location"])} == {303}
    assert [reading.actor for reading in _readings(identified)] == ["dekman"]


def test_it_belongs_to_its_session(identified, officer, port):
    made = _asked(officer)
    again = Visitor(port)
    again.sign_in("dekman")
    answer = again.get(made.headers["location"])
    assert (answer.status, "Utdraget finns inte kvar" in answer.text) == (409, True)


def test_a_replayed_form_makes_none(identified, officer):
    shown = officer.get("/extract")
    assert officer.post("/extract", shown, patient=_NUMBER, **_OCTOBER).status == 303
    assert officer.post("/extract", shown, patient=_NUMBER, **_OCTOBER).status == 403
    assert len(_readings(identified)) == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"patient": "200001012384"}, "Loggen känner inte till det numret"),
        ({"patient": "<script>1</script>"}, "Loggen känner inte till det numret"),
        ({"patient": " , "}, "Ange en patient och två dagar"),
        ({"first": "2026-10-31", "last": "2026-10-01"}, "Ange en patient och två dagar"),
        ({"first": "<script>"}, "Ange en patient och två dagar"),
    ],
)
def test_what_is_wrong_is_said_in_swedish_and_nothing_of_it_repeated(identified, officer, form, said):
    answer = _asked(officer, **form)
    assert said in answer.text
    assert "<script>" not in answer.text
    assert "200001012384" not in answer.text


def test_so_many_in_an_hour(desk, officer, clock):
    for _ in range(30):
        assert _asked(officer, patient="person_id:7").status == 303
    refused = _asked(officer, patient="person_id:7")
    assert (refused.status, "Fler än 30 loggutdrag" in refused.text) == (409, True)
    assert len(_readings(desk)) == 30
    clock[0] += 900
    officer.get("/")
    clock[0] += 900
    officer.get("/")
    clock[0] += 900
    officer.get("/")
    clock[0] += 901
    assert _asked(officer, patient="person_id:7").status == 303


def test_none_is_made_of_a_broken_log(desk, officer):
    segment = min((desk.directory / "journal").glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    answer = _asked(officer, patient="person_id:7")
    assert (answer.status, "Loggens kedja är bruten" in answer.text) == (503, True)


def test_a_large_log_is_not_read_for_it(desk, officer, monkeypatch):
    monkeypatch.setattr(watch, "_SMALL_BYTES", 0)
    assert _asked(officer, patient="person_id:7").status == 303


def test_by_keyboard_in_a_browser(browser, port, identified):
    home = f"http://127.0.0.1:{port}"
    browser.get(home)
    browser.find_element(By.ID, "user").send_keys("dekman", Keys.TAB, PASSWORD, Keys.ENTER)
    browser.find_element(By.LINK_TEXT, "Loggutdrag").send_keys(Keys.ENTER)
    browser.find_element(By.ID, "patient").send_keys(_NUMBER, Keys.ENTER)
    assert browser.find_element(By.CSS_SELECTOR, ".paper h1").text == "Loggutdrag"
    assert _NUMBER not in browser.current_url
    browser.refresh()
    assert browser.find_element(By.CSS_SELECTOR, ".paper h1").text == "Loggutdrag"
    assert browser.get_log("browser") == []
