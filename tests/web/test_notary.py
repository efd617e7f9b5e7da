"""Signing where the log is large: the request does not wait, the check is begun after it, and nothing slips in between."""

from __future__ import annotations

import threading
import time
from urllib.parse import quote

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from readonly_guard import ConfigurationError
from readonly_guard.audit import KeyRing
from readonly_guard.review import Actor, Period, Step, checking, watch
from readonly_guard_web.notary import Notary, Waiting

from .conftest import PASSWORD, UNIT, Visitor

_PATH = f"/protocol/2026-10/{quote(UNIT)}"
_OCTOBER = Period.parse("2026-10")


@pytest.fixture
def large(desk, monkeypatch):
    """Every event has its answer, and every log counts as large."""
    monkeypatch.setattr(watch, "_SMALL_BYTES", 0)
    for unit in (UNIT, "Akutmottagning"):
        for case in desk.ledger.history().of("2026-10", unit):
            desk.take_step(Actor(user=case.reviewer, via="test"), Step.CLEAR, [case.event])
    return desk


@pytest.fixture
def gate(monkeypatch):
    """Holds every check until it is opened; counts them."""

    class Gate(threading.Event):
        begun = 0

    gate, check = Gate(), checking.check_apart

    def held(*arguments, **named):
        gate.begun += 1
        assert gate.wait(60)
        return check(*arguments, **named)

    monkeypatch.setattr(watch, "check_apart", held)
    return gate


def _until(true):
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError


def _signed(desk, unit=UNIT):
    return desk.ledger.history().protocols.get(("2026-10", unit))


def test_the_request_does_not_wait_and_the_signature_comes(large, gate, manager):
    assert "Loggen är stor" in manager.get(_PATH).text
    answer = manager.post(_PATH, manager.get(_PATH))
    assert (answer.status, answer.headers["location"]) == (303, _PATH)
    shown = manager.get(_PATH).text
    assert "Loggen kontrolleras" in shown
    assert f'hx-get="/signing/2026-10/{quote(UNIT)}"' in shown
    assert '<button class="primary">Underteckna' not in shown
    assert "0 %" in manager.get(f"/signing/2026-10/{quote(UNIT)}").text
    assert _signed(large) is None
    gate.set()
    _until(lambda: _signed(large))
    _until(lambda: "hx-redirect" in manager.get(f"/signing/2026-10/{quote(UNIT)}").headers)
    signed = _signed(large)
    assert (signed.actor, signed.via) == ("enyman", "web")
    assert KeyRing.beside(large.ledger.path).objection(signed) is None
    assert "Underskriften är riktig" in manager.get(_PATH).text


def test_a_log_that_is_broken_is_found_by_it_said_and_not_signed(large, manager):
    segment = min((large.directory / "journal").glob("journal-*.jsonl"))
    whole = segment.read_bytes()
    segment.write_bytes(whole.replace(b'"TREAT"', b'"XREAT"', 1))
    manager.post(_PATH, manager.get(_PATH))
    _until(lambda: "Loggens kedja är bruten" in manager.get(_PATH).text)
    assert segment.name in manager.get(_PATH).text
    assert _signed(large) is None
    segment.write_bytes(whole)
    shown = manager.get(_PATH)
    assert "Kontrollera loggen igen" in shown.text
    manager.post(_PATH, shown)
    _until(lambda: _signed(large))


def test_what_is_assessed_anew_meanwhile_forbids_the_signature(large, gate, manager):
    manager.post(_PATH, manager.get(_PATH))
    case = next(case for case in large.ledger.history().of("2026-10", UNIT) if case.reviewer == "dekman")
    dekman = Actor(user="dekman", via="test")
    large.take_step(dekman, Step.RECONSIDER, [case.event], comment="Ny uppgift")
    large.take_step(dekman, Step.CLEAR, [case.event])
    gate.set()
    _until(lambda: "Något bedömdes om medan loggen kontrollerades" in manager.get(_PATH).text)
    assert _signed(large) is None
    manager.post(_PATH, manager.get(_PATH))  # having looked
    _until(lambda: _signed(large))


def test_those_who_come_while_a_check_runs_share_the_next(large, gate):
    notary = Notary(large)

    def ask(user, unit):
        seen = tuple(large.ledger.history().of("2026-10", unit))
        notary.ask(_OCTOBER, unit, Waiting(actor=Actor(user=user, via="test"), seen=seen))

    ask("enyman", UNIT)
    _until(lambda: gate.begun == 1)
    ask("yhaddad", "Akutmottagning")
    ask("enyman", UNIT)
    assert notary.percent(_OCTOBER, "Akutmottagning") == 0
    gate.set()
    _until(lambda: _signed(large, "Akutmottagning"))
    _until(lambda: notary.percent(_OCTOBER, "Akutmottagning") is None)
    assert gate.begun == 2  # the one that ran when the second came does not count for it
    assert notary.fault(_OCTOBER, UNIT) is None


def test_a_check_that_dies_leaves_nobody_waiting(large, manager, monkeypatch):
    monkeypatch.setattr(
        checking, "_COMMAND", ("sh", "-c", "cat > /dev/null; echo '{\"progress\":[1,2,3]}'; kill -9 $$")
    )
    manager.post(_PATH, manager.get(_PATH))
    _until(lambda: "Det undertecknades inte" in manager.get(_PATH).text)
    assert "without an answer; try again" in manager.get(_PATH).text
    monkeypatch.undo()
    monkeypatch.setattr(watch, "_SMALL_BYTES", 0)
    manager.post(_PATH, manager.get(_PATH))
    _until(lambda: _signed(large))


def test_what_forbids_it_is_said_at_once(desk, manager, monkeypatch):
    monkeypatch.setattr(watch, "_SMALL_BYTES", 0)
    answer = manager.post(_PATH, manager.get("/"))
    assert (answer.status, "är inte bedömda än" in answer.text) == (409, True)


def test_the_progress_of_another_unit_is_nobodys(large, port):
    other = Visitor(port)
    other.sign_in("yhaddad")
    assert other.get(f"/signing/2026-10/{quote(UNIT)}").status == 409


def test_the_process_tells_how_far_it_is_and_finds_what_a_check_finds(desk):
    told = []
    assert desk.log.verify(told.append) == desk.log.verify()
    with pytest.raises(ConfigurationError, match="nowhere: the journal is not there"):
        checking.check_apart(("nowhere",), public_keys=(), anchors=(), progress=told.append)


def test_in_a_browser_the_page_turns_into_the_signed_protocol(large, gate, browser, port):
    browser.get(f"http://127.0.0.1:{port}/sign-in")
    browser.find_element(By.ID, "user").send_keys("enyman")
    browser.find_element(By.ID, "password").send_keys(PASSWORD)
    browser.find_element(By.CSS_SELECTOR, "button.primary").click()
    browser.find_element(By.CSS_SELECTOR, "nav a[aria-current=page]")
    browser.get(f"http://127.0.0.1:{port}{_PATH}")
    browser.find_element(By.CSS_SELECTOR, "main form button.primary").click()
    assert browser.find_element(By.CSS_SELECTOR, "[hx-get] h2").text == "Loggen kontrolleras"
    gate.set()
    WebDriverWait(browser, 60).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".paper .right"))
    assert browser.get_log("browser") == []
