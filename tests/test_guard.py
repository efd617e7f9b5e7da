"""Guard: text, who and why in; a recorded decision out; whatever fails on the way is a denial with its own code."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from readonly_guard import ConfigurationError, Declared, Guard, Session, StatementRequest, Subject, hookimpl
from readonly_guard.audit import read, verify
from readonly_guard.domain import Answer, CompletionRecord, DecisionRecord, Reason
from readonly_guard.errors import LogUnavailable, PolicyUnavailable
from readonly_guard.hooks import Hooks
from readonly_guard.sql import Analyzer

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
READ = "SELECT * FROM person WHERE person_id = 7"


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "roster.json"
    user = {
        "hsa_id": "SE1234567890-P000000000001",
        "name": "Anna Lind",
        "care_unit": "Medicin",
        "title": "Läkare",
        "granted_at": "2024-11-12",
        "revoked_at": None,
        "acknowledged_at": "2024-12-18",
        "purposes": ["TREAT", "ETREAT", "RECORDMGT"],
    }
    path.write_text(json.dumps({"roster": {"users": {"alind": user}}}), encoding="utf-8")
    return path


@pytest.fixture
def guard(tmp_path, roster):
    with Guard.open(journal=tmp_path / "journal", data=[roster], clock=lambda: NOW) as opened:
        yield opened


def records(tmp_path):
    return [entry.record for entry in read(tmp_path / "journal")]


def request(text, user="alind", **declared):
    return StatementRequest(text=text, subject=Subject(id=user), declared=Declared(**declared))


def test_a_read_for_care_is_allowed_and_recorded(guard, tmp_path):
    decision = guard.check(READ, subject="alind", purpose="TREAT", session=Session(session_id="s1", database="db"))
    assert decision.allowed
    assert decision.action == "read"
    (record,) = records(tmp_path)
    assert record.decision_id == decision.decision_id
    assert (record.subject, record.hsa_id, record.care_unit) == ("alind", "SE1234567890-P000000000001", "Medicin")
    assert (record.activity, record.purpose, record.verdict) == ("Läsa", "TREAT", "allow")
    assert record.time == "2025-03-03T12:00:00.000000Z"
    assert record.statement == "SELECT * FROM person WHERE person_id = ?"
    assert record.relations == ("person",)
    assert record.policy_revision == decision.policy_revision != ""
    assert verify(tmp_path / "journal").ok


@pytest.mark.parametrize(
    ("sql", "declared", "action"),
    [
        (READ, {}, "read"),
        ("SELECT * FROM person WHERE person_id IN ($1, $2)", {}, "read"),
        ("SELECT * FROM person WHERE $1::int8 = person.person_id", {}, "read"),
        ("SELECT * FROM person WHERE person_id = ANY ($1)", {}, "read"),
        ("SELECT * FROM person WHERE person_id = other_column", {}, "search"),
        ("SELECT * FROM person WHERE name_last = 'Lind'", {}, "search"),
        ("SELECT * FROM pg_class", {}, "catalog"),
        ("SELECT * FROM pg_mine", {}, "search"),
        ("SELECT * FROM information_schema.tables", {}, "catalog"),
        ("SELECT 1", {}, "catalog"),
        ("BEGIN", {}, "session"),
        ("SET readonly_guard.purpose = 'TREAT'", {}, "session"),
        ("EXECUTE something", {}, "search"),
        ("FETCH ALL FROM c", {}, "search"),
        ("COPY person TO STDOUT", {"print_reason": "PATIENT_REQUEST", "purpose": "RECORDMGT"}, "print"),
        (READ, {"print_reason": "MEDICAL_NEED"}, "print"),
        ("BEGIN; " + READ, {}, "read"),
        (READ + "; SELECT * FROM encounter", {}, "search"),
    ],
)
def test_the_action_is_the_weightiest_of_what_is_asked(guard, sql, declared, action):
    decision = guard.check(sql, subject="alind", **{"purpose": "TREAT", **declared})
    assert decision.action == action
    assert decision.allowed, decision.reasons


def test_a_write_is_denied_with_its_code_and_the_table_is_recorded(guard, tmp_path):
    decision = guard.check("UPDATE person SET name_last = 'Secret'", subject="alind", purpose="TREAT")
    assert decision.codes == ("RG-W02",)
    assert "Changing is not allowed in read mode (RG-W02)" in decision.message()
    assert "Ändring är inte tillåten" in decision.message("sv")
    assert decision.decision_id in decision.hint()
    (record,) = records(tmp_path)
    assert (record.activity, record.relations, record.verdict) == ("Nekad skrivning", ("person",), "deny")
    assert "Secret" not in (tmp_path / "journal").joinpath("journal-00000000000000000001.jsonl").read_text()


CANARY = "canary191212121212"


@pytest.mark.parametrize(
    ("sql", "patients", "sets"),
    [
        (READ, ("person_id:7",), ()),
        (f"SELECT '{CANARY}' FROM person WHERE person_id = 8 AND name_last = '{CANARY}'", ("person_id:8",), ()),
        (f"UPDATE encounter SET reason = '{CANARY}' WHERE person_id = 9", ("person_id:9",), ("Vårdkontakter",)),
        (f"INSERT INTO person (person_id, name_last) VALUES (10, '{CANARY}')", ("person_id:10",), ()),
        (f"SELECT nextval('{CANARY}') FROM person WHERE person_id = 11", ("person_id:11",), ()),
        (f"SELECT * FROM person WHERE person_id = 12 AND note = '{CANARY}' AND", (), ()),
    ],
)
def test_the_log_names_the_patient_and_no_other_literal(guard, tmp_path, sql, patients, sets):
    for purpose in ("TREAT", None):  # None is denied by policy
        guard.check(sql, subject="alind", purpose=purpose)
    for record in records(tmp_path):
        assert (record.patients, record.information_sets) == (patients, sets)
    assert CANARY not in "".join(file.read_text() for file in (tmp_path / "journal").iterdir())


def test_nobody_opens_their_own_record_by_spelling_its_key_otherwise(tmp_path, roster):
    document = json.loads(roster.read_text(encoding="utf-8"))
    document["roster"]["users"]["alind"]["patients"] = ["person_id:7"]
    roster.write_text(json.dumps(document), encoding="utf-8")
    with Guard.open(journal=tmp_path / "journal", data=[roster], clock=lambda: NOW) as guard:
        for written in ("7", "' 7'", "'007'", "'+7'", "'0x7'", "7.0", "'7.0'", "-(-7)", "7::int8", "ANY('{+7}')"):
            decision = guard.check(
                f"SELECT * FROM person WHERE person_id = {written}", subject="alind", purpose="TREAT"
            )
            assert "RG-L02" in decision.codes, written
        other = guard.check("SELECT * FROM person WHERE person_id = ' 8'", subject="alind", purpose="TREAT")
        assert "RG-L02" not in other.codes


def test_the_policy_is_asked_about_the_patients():
    class Asked(Engine):
        def decide_now(self, request):
            self.context = request.context
            return self.answer

    engine = Asked(Answer(allow=True))
    guard = Guard(analyzer=Analyzer(), pdp=engine, hooks=Hooks(), clock=lambda: NOW)
    guard.check("SELECT * FROM encounter WHERE person_id IN (7, $1)", subject="a")
    assert engine.context["patients"] == ("person_id:7", "person_id:$1")
    assert engine.context["information_sets"] == ("Vårdkontakter",)
    assert engine.context["is_bound"] is True


@pytest.mark.parametrize(
    ("user", "purpose", "code"),
    [("nobody", "TREAT", "RG-R01"), ("alind", None, "RG-P01"), ("alind", "HSTAT", "RG-P02"), ("", "TREAT", "RG-R01")],
)
def test_policy_denials(guard, user, purpose, code):
    assert code in guard.check(READ, subject=user, purpose=purpose).codes


def test_declaring_and_reading_in_one_text(guard):
    decision = guard.check("SET readonly_guard.purpose = 'TREAT'; " + READ, subject="alind")
    assert decision.allowed
    assert decision.declared == Declared(purpose="TREAT")


async def test_decide_agrees_with_check(guard):
    for text in (READ, "DELETE FROM person", "not sql at all"):
        decided = await guard.decide(request(text, purpose="TREAT"))
        checked = guard.check(text, subject="alind", purpose="TREAT")
        assert (decided.verdict, decided.codes, decided.action) == (checked.verdict, checked.codes, checked.action)


async def test_refuse_records_without_reading(guard, tmp_path):
    decision = await guard.refuse(request("never read", purpose="TREAT"), "RG-T05", "FunctionCall")
    assert decision.codes == ("RG-T05",)
    (record,) = records(tmp_path)
    assert record.statement == ""


async def test_decisions_in_flight_together_are_all_durable(guard, tmp_path):
    decisions = await asyncio.gather(*(guard.decide(request(READ, purpose="TREAT")) for _ in range(50)))
    assert {record.decision_id for record in records(tmp_path)} == {decision.decision_id for decision in decisions}


async def test_a_decision_that_nobody_waits_for_any_longer_came_to_nothing(guard, tmp_path):
    for text in (READ, "DELETE FROM person"):
        deciding = asyncio.create_task(guard.decide(request(text, purpose="TREAT")))
        await asyncio.sleep(0)  # the record is in the buffer, the commit comes at the end of the iteration
        deciding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deciding
    await guard.aclose()
    allowed, ended, denied = records(tmp_path)
    assert (allowed.verdict, denied.verdict) == ("allow", "deny")
    assert (ended.decision_id, ended.sqlstate) == (allowed.decision_id, "57014")


async def test_completions_and_sessions_are_recorded_in_order(guard, tmp_path):
    guard.session_event("opened", Session(session_id="s1"), "alind")
    decision = await guard.decide(request(READ, purpose="TREAT"))
    guard.completed(decision, rows=3, bytes_sent=120, duration_us=450)
    guard.session_event("closed", Session(session_id="s1"), "alind")
    await guard.aclose()
    kinds = [type(record).__name__ for record in records(tmp_path)]
    assert kinds == ["SessionRecord", "DecisionRecord", "CompletionRecord", "SessionRecord"]
    completion = records(tmp_path)[2]
    assert isinstance(completion, CompletionRecord)
    assert (completion.decision_id, completion.rows, completion.bytes) == (decision.decision_id, 3, 120)


class Engine:
    """A policy decision point that answers what it is told."""

    revision = "test"

    def __init__(self, answer):
        self.answer = answer

    def decide_now(self, request):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def decide(self, request):
        return self.decide_now(request)


def make(answer, *plugins):
    return Guard(analyzer=Analyzer(), pdp=Engine(answer), hooks=Hooks(plugins), clock=lambda: NOW)


REASON = Reason(code="RG-X99", rule="test", sv="nej", en="no")


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (Answer(allow=True), ()),
        (Answer(allow=False), ("RG-SYS-001",)),
        (Answer(allow=False, deny=(REASON,)), ("RG-X99",)),
        (Answer(allow=True, deny=(REASON,)), ("RG-X99",)),
        (PolicyUnavailable("late"), ("RG-SYS-001",)),
    ],
)
async def test_allow_needs_an_explicit_allow_and_no_reason(answer, codes):
    guard = make(answer)
    assert guard.check("SELECT 1", subject="a").codes == codes
    assert (await guard.decide(request("SELECT 1"))).codes == codes


def test_a_write_stays_denied_whatever_the_policy_answers():
    assert make(Answer(allow=True)).check("DELETE FROM t", subject="a").codes == ("RG-W05",)


class Strict:
    @hookimpl
    def review_statement(self, analysis):
        return [REASON] if "t" in {str(name) for reading in analysis.readings for name in reading.relations} else None


class Broken:
    @hookimpl
    def review_statement(self):
        raise RuntimeError("SELECT secret")


class BrokenLog:
    def __init__(self):
        self.seen = []

    @hookimpl
    def decision_made(self, record):
        self.seen.append(record)
        raise OSError("boom")


class Recorder:
    def __init__(self):
        self.seen = []

    @hookimpl
    def decision_made(self, record):
        self.seen.append(record)


class Receipts:
    """A log that takes a record and then cannot keep it."""

    @hookimpl
    def decision_made(self, record):
        return self

    def wait(self):
        raise LogUnavailable("the disk is full")

    def __await__(self):
        self.wait()
        yield


def test_a_plugin_can_only_make_a_decision_stricter():
    guard = make(Answer(allow=True), Strict())
    assert guard.check("SELECT * FROM t", subject="a").codes == ("RG-X99",)
    assert guard.check("SELECT * FROM u", subject="a").allowed


def test_a_broken_plugin_is_named_denies_and_hides_nothing():
    recorder = Recorder()
    decision = make(Answer(allow=True), Broken(), recorder).check("SELECT 1", subject="a")
    assert decision.codes == ("RG-SYS-003",)
    assert "Broken" in decision.reasons[0].what
    assert "secret" not in repr(decision)
    assert [record.verdict for record in recorder.seen] == ["deny"]


def test_a_plugin_that_fails_while_recording_denies_and_the_last_word_in_the_log_is_the_denial():
    recorder = Recorder()
    decision = make(Answer(allow=True), recorder, BrokenLog()).check("SELECT 1", subject="a")
    assert decision.codes == ("RG-SYS-003",)
    assert [(record.verdict, record.codes) for record in recorder.seen] == [
        ("allow", ()),
        ("deny", ("RG-SYS-003",)),
    ]


async def test_a_log_that_cannot_be_written_denies_everything():
    guard = make(Answer(allow=True), Receipts())
    for decision in (guard.check("SELECT 1", subject="a"), await guard.decide(request("SELECT 1"))):
        assert not decision.allowed
        assert decision.codes == ("RG-SYS-002",)


def test_configuration_mistakes_are_named(tmp_path, roster):
    with pytest.raises(ConfigurationError, match="durability is 'sometimes'"):
        Guard.open(journal=tmp_path / "j", durability="sometimes")
    with pytest.raises(ConfigurationError, match=r"nope\.json"):
        Guard.open(journal=None, data=[tmp_path / "nope.json"])

    class Misspelt:
        @hookimpl
        def decision_mad(self, record): ...

    with pytest.raises(ConfigurationError, match="decision_mad"):
        Hooks([Misspelt()])
    with pytest.raises(ConfigurationError, match="no plugin 'nope' is installed"):
        Hooks().load(["nope"])


def test_an_engine_that_needs_a_loop_says_so():
    class Remote:
        revision = "r"

        async def decide(self, request):
            return Answer(allow=True)

    guard = Guard(analyzer=Analyzer(), pdp=Remote(), hooks=Hooks())
    with pytest.raises(ConfigurationError, match="await guard.decide"):
        guard.check("SELECT 1", subject="a")


def test_a_decision_record_is_complete(guard, tmp_path):
    guard.check(READ, subject="alind", purpose="TREAT")
    (record,) = records(tmp_path)
    assert isinstance(record, DecisionRecord)
    assert record.fingerprint
    assert record.kinds == ("select",)
    assert record.routine
