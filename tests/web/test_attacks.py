"""What an attacker, or another unit's manager, tries with the page."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from readonly_guard import ConfigurationError
from readonly_guard.audit import read
from readonly_guard.domain import ReadingRecord
from readonly_guard.review import State
from readonly_guard_web import Accounts
from readonly_guard_web.sessions import IDLE_S, LONGEST_S

from .conftest import PASSWORD, UNIT, Visitor


def _cases(desk, unit=UNIT, ground=None):
    return [case for case in desk.ledger.history().of("2026-10", unit) if ground in {None, case.ground}]


@pytest.mark.parametrize(
    "path", ["/", "/list", "/list.csv", "/event/x", f"/protocol/2026-10/{UNIT.replace(' ', '%20')}"]
)
def test_nobody_gets_in_without_signing_in(visitor, path):
    for cookie in ("", "readonly_guard_review=forged", "readonly_guard_review="):
        visitor.cookie = cookie
        answer = visitor.get(path)
        assert (answer.status, answer.headers["location"]) == (303, "/sign-in")
        assert visitor.call("POST", path, {"form": "x"}).status in {303, 405}


def test_guessing_is_slowed_down_for_the_right_password_too(visitor, clock):
    for _ in range(5):
        assert visitor.sign_in("enyman", "gissning nummer ett").status == 403
    assert visitor.sign_in("enyman").status == 429
    clock[0] += 15 * 60 + 1
    assert visitor.sign_in("enyman").status == 303


def test_many_guesses_at_once_are_many_guesses(port):
    def guess(number: int) -> int:
        return Visitor(port).sign_in("enyman", f"gissning nummer {number:03}").status

    with ThreadPoolExecutor(12) as pool:
        statuses = Counter(pool.map(guess, range(12)))
    assert statuses == {403: 5, 429: 7}  # the limit holds also while the first are still being looked at


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(visitor):
    cookie = visitor.sign_in("enyman").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_session_ends_by_itself_and_by_signing_out(manager, clock):
    assert manager.get("/").status == 200
    clock[0] += IDLE_S + 1
    assert manager.get("/").status == 303
    manager.sign_in("enyman")
    kept, shown = manager.cookie, manager.get("/")
    assert manager.post("/sign-out", shown).status == 303
    manager.cookie = kept
    assert manager.get("/").status == 303
    manager.sign_in("enyman")
    for _ in range(int(LONGEST_S / IDLE_S) + 1):
        clock[0] += IDLE_S
        last = manager.get("/").status
    assert last == 303


def test_who_loses_the_account_is_out_at_once(manager, directory):
    Accounts(directory).remove("enyman")
    assert manager.get("/").status == 303


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/review.css", "/nowhere"])
def test_every_answer_has_the_headers(manager, path):
    headers = manager.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert ("cache-control" in headers and headers["cache-control"] == "no-store") or path.startswith("/static/")


def test_no_page_loads_anything_from_elsewhere(manager, desk):
    for path in ("/", "/list", f"/event/{_cases(desk)[0].event}", "/static/review.css"):
        text = manager.get(path).text
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
        assert "style=" not in text


def test_another_units_event_by_its_id(manager, desk):
    theirs = _cases(desk, "Akutmottagning")[0].event
    shown = manager.get("/")
    answers = (manager.get(f"/event/{theirs}"), manager.post(f"/event/{theirs}", shown, step="clear"))
    shown = manager.get("/")
    answers += (manager.post("/clear", shown, event=[theirs]), manager.get("/protocol/2026-10/Akutmottagning"))
    for answer in answers:
        assert answer.status == 409
        assert "Akutmottagning, " not in answer.text
    assert manager.get("/event/00000000-0000-4000-8000-000000000000").text.count("finns inte bland dina enheters") == 1
    assert theirs not in manager.get("/list?unit=Akutmottagning").text
    assert theirs not in manager.get("/list.csv").text
    assert {case.state for case in _cases(desk, "Akutmottagning")} == {State.ASSIGNED}


def test_ones_own_access_cannot_be_assessed(manager, desk):
    own = next(case for case in _cases(desk) if case.reviewer == "dekman")
    shown = manager.get(f"/event/{own.event}")
    assert "inte din att bedöma" in shown.text
    answer = manager.post(f"/event/{own.event}", shown, step="clear")
    assert (answer.status, "ingen granskar sina egna" in answer.text) == (409, True)


def test_a_form_counts_once_and_only_from_its_session(manager, desk, port):
    case = next(case for case in _cases(desk, ground="flag") if case.reviewer == "enyman")
    path = f"/event/{case.event}"
    shown = manager.get(path)
    assert manager.post(path, shown, step="ask", comment="Varför?").status == 303
    assert manager.post(path, shown, step="ask", comment="Varför?").status == 403  # replayed
    assert manager.call("POST", path, {"step": "remark", "comment": "Utan token"}).status == 403
    superior = Visitor(port)
    superior.sign_in("dekman")
    assert superior.post(path, manager.get(path), step="remark", comment="Annans token").status == 403
    assert desk.ledger.history().cases[case.event].state is State.EXPLANATION_ASKED


def test_what_was_flagged_is_not_cleared_in_bulk_whatever_is_sent(manager, desk):
    flagged = [case.event for case in _cases(desk, ground="flag") if case.reviewer == "enyman"][:2]
    answer = manager.post("/clear", manager.get("/list"), event=flagged)
    assert (answer.status, "bedöm den för sig" in answer.text) == (409, True)


@pytest.mark.parametrize(
    "form", [{"step": "close"}, {"step": "sign"}, {"step": "ask"}, {"step": "escalate", "reference": "x"}]
)
def test_steps_that_are_none_or_not_now(manager, desk, form):
    path = f"/event/{next(case.event for case in _cases(desk) if case.reviewer == 'enyman')}"
    assert manager.post(path, manager.get(path), **form).status == 409


def test_a_form_without_end_is_not_read_to_its_end(manager):
    assert manager.post("/language", manager.get("/"), language="x" * 300_000).status == 403


def test_formulas_in_the_list_are_text(manager, desk):
    path = f"/event/{next(case.event for case in _cases(desk, ground='flag') if case.reviewer == 'enyman')}"
    manager.post(path, manager.get(path), step="remark", comment="=cmd|' /C calc'!A0")
    answer = manager.get("/list.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert ";'=cmd|" in answer.text


def test_a_tampered_ledger_shows_nothing(manager, desk):
    segment = min(desk.ledger.path.glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"flag"', b'"sample"', 1))
    for path in ("/", "/list"):
        answer = manager.get(path)
        assert (answer.status, "Loggens kedja är bruten" in answer.text) == (503, True)


@pytest.mark.parametrize("path", ["/protocol/2026-13/x", "/protocol/oktober/x", "/protocol.pdf/x/y", "/signing/%00/y"])
def test_a_month_that_is_none_is_no_failure_of_the_page(manager, path):
    answer = manager.get(path)
    assert (answer.status, "Månaden skrivs som 2026-10." in answer.text) == (409, True)


def test_a_unit_whose_name_holds_a_slash_has_a_protocol(manager):
    answer = manager.get("/protocol/2026-10/Barn%2FUngdom")
    assert (answer.status, "Inget protokoll för den enheten bland dina" in answer.text) == (409, True)


def test_what_is_looked_at_is_recorded(manager, desk):
    event = _cases(desk)[0].event
    manager.get(f"/event/{event}")
    manager.get("/list.csv")
    readings = [entry.record for entry in read(desk.ledger.path) if isinstance(entry.record, ReadingRecord)]
    assert [(reading.actor, reading.host, reading.command) for reading in readings] == [
        ("enyman", "web", "event"),
        ("enyman", "web", "list.csv"),
    ]
    assert readings[0].selection == (f"case={event}",)


def test_who_manages_no_unit_any_more_sees_none_with_the_next_request(manager, port, desk):
    plan = desk.directory / "review.toml"
    whole = plan.read_text()
    plan.write_text(whole.replace('reviewer = "enyman"', 'reviewer = "yhaddad"'))
    assert manager.get("/").text.count(UNIT) == 0
    assert manager.get(f"/event/{_cases(desk)[0].event}").status == 409
    officer = Visitor(port)
    officer.sign_in("dekman")
    plan.write_text(f"{whole}\n[units")
    assert "En fil har ändrats och kan inte användas" in officer.get("/").text
    assert "review.toml" not in manager.get("/").text
    plan.write_text(whole)
    assert UNIT in manager.get("/").text
    assert "En fil har ändrats" not in officer.get("/").text


class TestAccounts:
    def test_passwords_are_hashes_that_only_the_owner_may_read(self, directory):
        text = (directory / "accounts.json").read_text()
        assert PASSWORD not in text
        assert text.count("$argon2id$v=19$m=65536,t=3,p=4$") == 3
        assert (directory / "accounts.json").stat().st_mode & 0o077 == 0

    def test_a_short_password_and_an_account_that_is_none(self, directory):
        with pytest.raises(ConfigurationError, match="12 to 256"):
            Accounts(directory).put("enyman", "kort")
        with pytest.raises(ConfigurationError, match="has no account"):
            Accounts(directory).remove("nobody")

    def test_nobody_has_every_password(self, directory):
        assert not Accounts(directory).is_right("nobody", PASSWORD)
        assert Accounts(directory).is_right("enyman", PASSWORD)
