"""The pages of figures: what they show to whom, what can be sent to them, and what an attacker gets from them."""

from __future__ import annotations

import io
from urllib.parse import quote

import msgspec
import pytest
from pypdf import PdfReader

from readonly_guard.audit import read
from readonly_guard.domain import AcknowledgementRecord, LateWritesRecord
from readonly_guard.review import Actor, Period, Step
from readonly_guard.review.plan import LateWritesPlan

from .conftest import UNIT, Visitor


@pytest.mark.parametrize("path", ["/management", "/management.csv", "/late", "/routine"])
def test_nobody_sees_them_without_signing_in(visitor, path):
    assert visitor.get(path).status == 303


def test_management_is_of_ones_own_units(manager, officer):
    mine, all_ = manager.get("/management"), officer.get("/management")
    assert (mine.status, all_.status) == (200, 200)
    assert UNIT in mine.text
    assert "Akutmottagning" not in mine.text
    assert "Akutmottagning" in all_.text
    assert all_.text.count("<svg") == 3
    csv = manager.get("/management.csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.startswith("\ufeffMånad;Vårdenhet;")
    assert "Akutmottagning" not in csv.text


def test_the_report_and_the_protocol_are_there_as_pdf_for_those_who_may(manager, officer, desk):
    answer = officer.raw("/management.pdf")
    assert answer.startswith(b"%PDF-1.7")
    unsigned = manager.get(f"/protocol.pdf/2026-10/{quote(UNIT)}")
    assert (unsigned.status, "Inget undertecknat protokoll" in unsigned.text) == (409, True)
    cases = desk.ledger.history().of("2026-10", UNIT)
    for case in cases:
        desk.take_step(Actor(user=case.reviewer, via="test"), Step.CLEAR, [case.event])
    signed = desk.sign(Actor(user="enyman", via="test"), Period.parse("2026-10"), UNIT)
    assert f"/protocol.pdf/2026-10/{quote(UNIT)}" in manager.get(f"/protocol/2026-10/{quote(UNIT)}").text
    pdf = manager.raw(f"/protocol.pdf/2026-10/{quote(UNIT)}")
    assert signed.key_id in "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages)
    other = Visitor(manager.port)
    other.sign_in("yhaddad")
    assert other.get(f"/protocol.pdf/2026-10/{quote(UNIT)}").status == 409


def test_the_database_is_looked_at_by_officers_only(manager, officer, desk, millennium):
    desk.plan = msgspec.structs.replace(desk.plan, late_writes=LateWritesPlan(dsn=millennium.admin_dsn))
    assert "Ingen har sett efter ännu" in manager.get("/late").text
    shown = manager.get("/late")
    refused = manager.post("/late", shown)
    assert (refused.status, "officers" in refused.text) == (409, True)
    assert officer.post("/late", officer.get("/late")).status == 303
    whole, part = officer.get("/late").text, manager.get("/late").text
    assert "rader har skapats eller ändrats i läsläge" in whole
    assert "clinical_event_id=900051" in whole
    assert "clinical_event_id" not in part  # which rows is for those who look after the log
    assert "rader har skapats eller ändrats i läsläge" in part
    assert sum(isinstance(e.record, LateWritesRecord) for e in read(desk.ledger.path)) == 1


def test_a_report_of_confirmations_is_imported_by_officers_only(manager, officer, desk):
    refused = manager.post("/routine", manager.get("/routine"), report="alind;2025-01-01")
    assert refused.status == 409
    wrong = officer.post("/routine", officer.get("/routine"), report="<script>;2025-01-01")
    assert (wrong.status, "<script>;" in wrong.text) == (409, False)
    shown = officer.get("/routine")
    assert officer.post("/routine", shown, report="alind;2025-01-01").status == 303
    assert "1 bekräftelse inläst." in officer.get("/routine").text
    assert officer.post("/routine", shown, report="alind;2025-01-02").status == 403  # the same form again
    kept = [e.record for e in read(desk.ledger.path) if isinstance(e.record, AcknowledgementRecord)]
    assert [(record.actor, record.users, record.dates) for record in kept] == [("dekman", ("alind",), ("2025-01-01",))]


def test_they_are_refused_over_a_broken_review(officer, desk):
    segment = min(desk.ledger.path.glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"enyman"', b'"dekman"', 1))
    for path in ("/management", "/late", "/routine"):
        assert officer.get(path).status == 503


def test_the_list_of_what_waits_for_oneself(manager, officer, desk):
    cases = desk.ledger.history().of("2026-10", UNIT)
    mine = [case.event for case in cases if case.reviewer == "enyman"]
    desk.take_step(Actor(user="enyman", via="test"), Step.CLEAR, [mine[0]])
    assert "who=me" in manager.get("/").text
    shown = manager.get("/list?who=me").text
    assert f"{len(mine) - 1} händelser" in shown
    assert mine[0] not in shown
    assert all(case.event not in shown for case in cases if case.reviewer != "enyman")
    assert len(manager.get("/list.csv?who=me").text.strip().splitlines()) == len(mine)
    answer = manager.post("/clear", manager.get("/list?who=me"), who="me", event=[mine[1]])
    assert answer.headers["location"] == "/list?who=me"


def test_in_english_actions_are_english_too(officer, desk):
    officer.post("/language", officer.get("/"), language="en")
    text = officer.get("/list").text
    assert "Denied read" in text
    assert "Nekad" not in text
