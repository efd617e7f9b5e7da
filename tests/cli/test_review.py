"""`readonly-guard review` as a manager calls it, from an empty store to the signed protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from readonly_guard_cli.demo.activity import write_review

UNIT = "Medicinavdelning 1"


@pytest.fixture
def review(tmp_path: Path, monkeypatch) -> Path:
    path = write_review(tmp_path / "review", year=2026, month=10, readings=20)
    monkeypatch.setenv("READONLY_GUARD_REVIEW", str(path))
    return path


def test_from_import_to_protocol(run, review, tmp_path):
    assert "whole" in run("review", "import").out
    month = ("--period", "2026-10", "--unit", UNIT)
    selected = run("review", "select", "--by", "enyman", *month)
    assert "events selected\n" in selected.out
    assert "not decided for want of facts: F12" in selected.out
    again = run("review", "select", "--by", "enyman", *month)
    assert (again.status, again.out) == (2, "")
    assert "a selection is made once" in again.err

    listed = tmp_path / "list.csv"
    assert run("review", "list", "--by", "enyman", "--output", listed).status == 0
    assert listed.read_bytes().startswith(b"\xef\xbb\xbfLoggnr;")
    assert run("review", "list", "--by", "enyman", "--output", listed).status == 2
    assert run("review", "list", "--by", "yhaddad").out.count("\n") == 1  # another unit's manager: the heading only

    unanswered = run("review", "sign", "--by", "enyman", *month)
    assert (unanswered.status, "have no answer yet" in unanswered.err) == (2, True)
    mine, own = _events(review, "enyman"), _events(review, "dekman")
    shown = run("review", "show", "--by", "enyman", mine[0])
    assert "under granskning, for enyman" in shown.out
    assert run("review", "show", "--by", "yhaddad", mine[0]).status == 2
    assert run("review", "assign", "--by", "enyman", "--to", "dekman", mine[1]).status == 0
    refused = run("review", "assess", "--by", "enyman", "--outcome", "clear", *mine[2:])
    assert (refused.status, "look at it by itself" in refused.err) == (2, True)
    for by, events in (("enyman", mine[2:]), ("dekman", [mine[1], *own])):
        for outcome in ("ask", "justify"):  # these may be given to several at once
            said = run("review", "assess", "--by", by, "--outcome", outcome, "--comment", "Varför?", *events)
            assert (said.status, said.out.count("\n")) == (0, len(events))
    remarked = run("review", "assess", "--by", "enyman", "--outcome", "remark", "--comment", "Ej befogad", mine[0])
    assert remarked.status == 0
    assert run("review", "escalate", "--by", "enyman", "--reference", "MC-1", mine[0]).out == f"{mine[0]}: escalated\n"

    signed = run("review", "sign", "--by", "enyman", *month, "--output", tmp_path / "protokoll")
    assert signed.status == 0
    protocol = json.loads((tmp_path / "protokoll.json").read_bytes())
    assert protocol["references"] == ["MC-1"]
    assert "Underskriften är riktig" in (tmp_path / "protokoll.html").read_text()
    assert "enyman" in run("review", "status").out


def _events(review: Path, reviewer: str) -> list[str]:
    from readonly_guard.review import Desk  # noqa: PLC0415

    return [case.event for case in Desk.open(review).ledger.history().cases.values() if case.reviewer == reviewer]


def test_a_broken_log_is_said_and_where(run, review):
    segment = min((review / "journal").glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    for command in (
        ("import",),
        ("status",),
        ("extract", "--by", "x", "--patient", "person_id:7", "--since", "2026-10-01", "--until", "2026-11-01",
         "--output", review / "e.html"),
    ):  # fmt: skip
        ended = run("review", *command)
        assert ended.status == 1
        assert f"{segment.name}, line " in ended.err


def test_an_extract(run, review, tmp_path):
    of = ("extract", "--by", "dekman", "--patient", "person_id:7", "--since", "2026-10-01", "--until", "2026-11-01")
    assert run("review", *of, "--output", tmp_path / "utdrag.html").status == 0
    assert "Loggutdrag" in (tmp_path / "utdrag.html").read_text()
    assert run("review", *of, "--output", tmp_path / "utdrag.csv", "--names").status == 0
    assert "Anna Lind" in (tmp_path / "utdrag.csv").read_text("utf-8-sig")
    assert run("review", *of, "--output", tmp_path / "utdrag.pdf").status == 0
    assert (tmp_path / "utdrag.pdf").read_bytes().startswith(b"%PDF")
    assert "ends in .html, .pdf or .csv" in run("review", *of, "--output", tmp_path / "utdrag.docx").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("select", "--by", "x", "--period", "oktober", "--unit", UNIT), "write 2026-10"),
        (("list", "--by", "x", "--state", "nowhere"), "--state: 'nowhere' is none"),
        (("select", "--by", "x", "--period", "2026-10", "--unit", UNIT), "readonly-guard review import"),
        (("status", "--review", "nowhere"), "docs/review.md"),
    ],
)
def test_what_is_wrong_is_said_with_its_fix(run, review, arguments, said):
    ended = run("review", *arguments)
    assert ended.status == 2
    assert said in ended.err


def test_accounts_for_the_page(run, review):
    assert run("review", "account").out == "nobody has an account\n"
    assert "12 to 256" in run("review", "account", "enyman", stdin="kort\n").err
    assert run("review", "account", "enyman", stdin="korrekt häst batteri\n").out == "enyman: may sign in\n"
    assert "reviews no unit" in run("review", "account", "alind", stdin="korrekt häst batteri\n").err
    assert run("review", "account").out == "enyman\n"
    assert run("review", "account", "enyman", "--remove").out == "enyman: removed\n"
    assert run("review", "account", "enyman", "--remove").status == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "192.0.2.1"), "passwords would cross the network in the clear"),
        (("--certificate", "x.pem"), "belong together"),
        (("--certificate", "x.pem", "--key", "x.key"), "--certificate: x.pem cannot be read"),
        (("--certificate", __file__, "--key", __file__), "--key: others may read"),
    ],
)
def test_the_page_is_not_served_in_the_clear_to_others(run, review, arguments, said):
    ended = run("review", "serve", "--port", "0", *arguments)
    assert (ended.status, said in ended.err) == (2, True)


def test_a_review_to_try(run, tmp_path):
    ended = run("review", "demo", tmp_path / "try")
    assert ended.status == 0
    assert "sign in as dekman, enyman, yhaddad with the password " in ended.out
    assert "events selected" in ended.out
    status = run("review", "status", "--review", tmp_path / "try")
    assert (status.status, status.out.count("whole")) == (1, 2)  # one unit's month of long ago was forgotten
    assert "is there already" in run("review", "demo", tmp_path / "try").err
