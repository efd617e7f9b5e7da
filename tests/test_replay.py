"""Replay: every recorded decision decided anew, from the log alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest

from readonly_guard import ConfigurationError, Declared, Guard, Session, StatementRequest, Subject, hookimpl
from readonly_guard.audit import read
from readonly_guard.case import Case, question_of
from readonly_guard.domain import Answer, Decision, DecisionRecord, Reason, Verdict
from readonly_guard.policy import load_policies
from readonly_guard.replay import replay
from readonly_guard.sql import Analyzer
from readonly_guard_cli.demo import policy_data

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
READ = "SELECT * FROM person WHERE person_id = 7"


class Objection:
    @hookimpl
    def review_statement(self, analysis, request):
        if analysis.normalised.startswith("SELECT name_last"):
            return [Reason(code="SITE-1", rule="site", sv="Nej", en="No")]
        return None


@pytest.fixture
def overlay(tmp_path):
    def write(name="data.json", **changes):
        path = tmp_path / name
        path.write_text(json.dumps(policy_data() | changes), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def journal(tmp_path, overlay):
    path = tmp_path / "journal"
    with Guard.open(journal=path, data=[overlay()], clock=lambda: NOW) as guard:
        guard._hooks.register(Objection())
        session = Session(session_id="s", database="db", application_name="psql")
        for user in ("alind", "bberg", "nobody"):
            guard.check(READ, subject=user, purpose="TREAT", session=session)
            guard.check("UPDATE person SET name_last = 'x'", subject=user, purpose="TREAT")
        guard.check("SELECT name_last FROM person WHERE person_id = 7", subject="alind", purpose="TREAT")
        guard.session_event("closed", session, "alind")
    return path


def without(user):
    users = {name: entry for name, entry in policy_data()["roster"]["users"].items() if name != user}
    return {"roster": {"users": users}}


def test_the_same_policies_decide_the_same(journal, overlay):
    found = replay(journal, load_policies(None, (overlay(),)))
    assert (found.decisions, found.changed, found.unreadable) == (7, 0, 0)
    assert found.records > 7


@pytest.mark.parametrize("processes", [1, 2])
def test_what_would_change_is_told_by_user_purpose_and_code(journal, overlay, processes):
    sizes, changes = [], []
    found = replay(
        journal,
        load_policies(None, (overlay(**without("bberg")),)),
        processes=processes,
        progress=sizes.append,
        changed=changes.append,
    )
    assert found.changed == 2
    differences = {item.before: item for item in found.differences}
    closed = differences[()]
    assert (closed.kind, closed.subject, closed.purpose, closed.after) == ("closes", "bberg", "TREAT", ("RG-R01",))
    written = differences["RG-W02",]
    assert (written.kind, written.after) == ("other codes", ("RG-R01", "RG-W02"))
    assert sum(sizes) == sum(file.stat().st_size for file in journal.glob("*.jsonl"))
    records = [entry.record for entry in read(journal) if isinstance(entry.record, DecisionRecord)]
    assert [change.decision_id for change in changes] == [
        record.decision_id for record in records if record.subject == "bberg"
    ]
    assert found.examples[closed] == changes[0].decision_id


def test_who_is_admitted_now_could_read_but_never_write(journal, overlay):
    users = policy_data()["roster"]["users"]
    found = replay(journal, load_policies(None, (overlay(roster={"users": users | {"nobody": users["alind"]}}),)))
    assert {(item.kind, item.before, item.after) for item in found.differences} == {
        ("opens", ("RG-R01",), ()),
        ("other codes", ("RG-R01", "RG-W02"), ("RG-W02",)),
    }


def test_what_a_plugin_denied_stays_denied(journal, overlay):
    found = replay(journal, load_policies(None, (overlay(**without("alind")),)))
    assert ("SITE-1",) in {item.before for item in found.differences}
    assert all("SITE-1" in item.after for item in found.differences if "SITE-1" in item.before)


def test_a_line_that_is_none_is_counted(journal, overlay):
    with next(journal.glob("*.jsonl")).open("ab") as file:
        file.write(b'{"seq": 9}\n\xff\n{"half":')
    found = replay(journal, load_policies(None, (overlay(),)))
    assert (found.decisions, found.unreadable) == (7, 2)


def test_without_a_journal(tmp_path, overlay):
    with pytest.raises(ConfigurationError, match="holds no journal"):
        replay(tmp_path, load_policies(None, (overlay(),)))


def test_a_record_holds_the_whole_question():
    """But for what information points looked up, which is not the log's to keep."""
    request = StatementRequest(
        text=READ,
        subject=Subject(id="anna", properties={"authentication": "scram-sha-256", "assurance_level": 3}),
        declared=Declared(purpose="HLEGAL", case_reference="Ä 1", print_reason="MEDICAL_NEED", justification="j"),
        session=Session(session_id="s", database="db", client_address="a", application_name="p", listener="l"),
        phase="parse",
    )
    case = Case(request, Analyzer().analyse(request.text), "id", NOW)
    decision = Decision(
        decision_id="id", verdict=Verdict.ALLOW, analysis=case.analysis, action=case.question.action.name
    )
    asked_again = question_of(case.record(decision, Answer(allow=True)))
    assert msgspec.to_builtins(asked_again) == msgspec.to_builtins(case.question)


def test_an_old_record_says_nothing_of_what_was_not_kept():
    case = Case(StatementRequest(text=READ, subject=Subject(id="anna")), Analyzer().analyse(READ), "id", NOW)
    decision = Decision(decision_id="id", verdict=Verdict.ALLOW, analysis=case.analysis, action="read")
    record = msgspec.structs.replace(case.record(decision, Answer(allow=True)), is_bound=None)
    assert "is_bound" not in question_of(record).context
    assert question_of(record).subject.properties == {}
