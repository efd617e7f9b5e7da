"""`readonly-guard review report|late|routine`, as an officer calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from readonly_guard.moments import utc_now
from readonly_guard.review import Actor, Desk, Period
from readonly_guard_cli.demo.activity import write_review
from readonly_guard_cli.demo.reviewed import write_reviewed

UNIT = "Medicinavdelning 1"


@pytest.fixture
def review(tmp_path: Path, monkeypatch) -> Path:
    path = write_review(tmp_path / "review", year=2026, month=9, readings=20)
    desk = Desk.open(path)
    desk.log.bring_in()
    desk.select(Actor(user="enyman", via="test"), Period.parse("2026-09"), UNIT)
    monkeypatch.setenv("READONLY_GUARD_REVIEW", str(path))
    return path


def test_the_report_is_shown_and_written_once(run, review, tmp_path):
    shown = run("review", "report", "--by", "dekman", "--months", "60")
    assert shown.status == 0
    assert UNIT in shown.out
    assert "not selected" in shown.out  # Akutmottagning
    for name, begin in (("r.html", b"<!doctype html>"), ("r.pdf", b"%PDF"), ("r.csv", b"\xef\xbb\xbfM")):
        assert run("review", "report", "--by", "dekman", "--output", tmp_path / name).status == 0
        assert (tmp_path / name).read_bytes().startswith(begin)
        assert run("review", "report", "--by", "dekman", "--output", tmp_path / name).status == 2
    refused = run("review", "report", "--by", "dekman", "--output", tmp_path / "r.docx")
    assert (refused.status, ".html, .pdf or .csv" in refused.err) == (2, True)


def test_information_added_in_read_mode_is_status_1(run, review, millennium):
    without = run("review", "late", "--by", "dekman")
    assert (without.status, "[late_writes]" in without.err) == (2, True)
    with (review / "review.toml").open("a") as plan:
        plan.write(f"[late_writes]\ndsn = '{millennium.admin_dsn}'\n")
    found = run("review", "late", "--by", "dekman")
    assert found.status == 1
    assert "millennium.clinical_event: " in found.out
    assert "were added or changed since 2024-11-21" in found.out.replace("\n", " ")


def test_confirmations_are_shown_imported_and_entered_in_the_roster(run, review, tmp_path):
    roster = review / "roster.json"
    document = json.loads(roster.read_text())
    document["roster"]["users"]["alind"]["acknowledged_at"] = None
    roster.write_text(json.dumps(document))
    assert "not yet" in run("review", "routine", "--by", "enyman").out
    report = tmp_path / "report.csv"
    report.write_text("alind;2025-01-07\n")
    done = run("review", "routine", "--by", "dekman", "--import", report, "--roster", roster)
    assert (done.status, "imported: 1 confirmations" in done.out, "not yet" in done.out) == (0, True, False)
    assert json.loads(roster.read_text())["roster"]["users"]["alind"]["acknowledged_at"] == "2025-01-07"
    assert run("review", "routine", "--by", "dekman", "--roster", roster).status == 2
    assert run("review", "routine", "--by", "dekman", "--import", tmp_path / "nowhere").status == 2
    report.write_bytes(b"\xff")
    assert "is not UTF-8" in run("review", "routine", "--by", "dekman", "--import", report).err


def test_months_that_were_reviewed_are_signed_and_one_is_overdue(run, tmp_path):
    made = write_reviewed(tmp_path / "review", Period.parse("2026-07"), before=2)
    assert made.flagged > 20
    said = run("review", "report", "--by", "dekman", "--months", "60", "--review", made.directory).out
    assert sum(" signed " in line for line in said.splitlines()[1:]) == 3
    assert sum(" overdue " in line for line in said.splitlines()[1:]) == 3  # one forgotten, and the last month by now
    assert "whole" in run("audit", "verify", made.directory / "ledger").out


def test_a_timer_does_all_of_it_once(run, tmp_path):
    last = Period.before(utc_now())
    path = write_review(tmp_path / "review", year=last.year, month=last.month, readings=20)
    refused = run("review", "run", "--by", "enyman", "--review", path)
    assert (refused.status, "officers" in refused.err) == (2, True)
    first = run("review", "run", "--by", "dekman", "--review", path)
    assert first.status == 1  # units without a reviewer
    assert "names nobody to review them" in first.out
    assert first.out.count("events selected") == 2
    again = run("review", "run", "--by", "dekman", "--review", path)
    assert "imported: 0 decisions" in again.out
    assert "events selected" not in again.out
