"""The page with the button that imports and selects."""

from __future__ import annotations

import time

import pytest

from readonly_guard.review import Desk, Store

from .conftest import NOW, UNIT, Visitor


@pytest.fixture
def desk(directory) -> Desk:
    for name in ("events.duckdb",):
        (directory / name).unlink()  # as before the first import
    for file in (directory / "ledger").iterdir():
        if file.is_file():
            file.unlink()
    return Desk.open(directory, clock=lambda: NOW)


def _wait(officer: Visitor) -> str:
    deadline = time.monotonic() + 60
    while "hx-trigger" in (text := officer.get("/log").text):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return text


def test_an_officer_imports_and_selects(officer, desk):
    assert officer.post("/log", officer.get("/log")).status == 303
    text = _wait(officer)
    assert "nya händelser inlästa" in text
    assert "2 enheter utvalda" in text
    assert "Ingen granskare är angiven för" in text
    assert set(desk.ledger.history().selections) == {("2026-10", UNIT), ("2026-10", "Akutmottagning")}


def test_nobody_else_does_or_sees_the_page(port, officer, desk):
    manager = Visitor(port)
    manager.sign_in("enyman")
    assert 'href="/log"' not in manager.get("/").text
    assert manager.get("/log").status == 409
    assert manager.post("/log", manager.get("/")).status == 409
    assert not desk.log.store_path.exists()


def test_a_broken_log_is_said_and_nothing_is_selected(officer, desk):
    segment = min((desk.directory / "journal").glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    officer.post("/log", officer.get("/log"))
    text = _wait(officer)
    assert "Loggens kedja är bruten" in text
    assert segment.name in text
    assert desk.ledger.history().selections == {}


def test_while_it_is_being_written_the_other_pages_say_so(officer, desk):
    desk.log.bring_in()
    with Store.open(desk.log.store_path, is_written=True):
        answer = officer.get("/list")
    assert (answer.status, "Loggen läses in just nu" in answer.text) == (503, True)
