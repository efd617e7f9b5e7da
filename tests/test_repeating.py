"""What a precedent allows is recorded again as it would be anew, by every plugin that records, or it is not allowed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from readonly_guard import Declared, Guard, Session, StatementRequest, Subject, hookimpl
from readonly_guard.asker import Asker
from readonly_guard.audit import Journal, JournalPlugin, read, verify
from readonly_guard.domain import Answer
from readonly_guard.errors import DecisionUnavailable, LogUnavailable, PluginFailed
from readonly_guard.hooks import Hooks
from readonly_guard.sql import Analyzer

NOON = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
READ = "SELECT * FROM person WHERE person_id = $1"
PURPOSE = Declared(purpose="TREAT")
ASKER = Asker(Subject(id='å"sa'), PURPOSE, PURPOSE, Session(session_id="s", database="db"))


class Engine:
    """Allows everything until tomorrow."""

    revision = "r1"

    async def decide(self, request):
        return self.decide_now(request)

    def decide_now(self, request):
        return Answer(allow=True, expires_at="2025-03-04T00:00:00Z", revision=self.revision)


class Value:
    def __init__(self, text):
        self.text = text

    def texts(self, number, *, is_array):
        return (self.text,)

    def type_name(self, number):
        return "int4"


class Recorder:
    """Another log, which wants records; it fails from when it is told to."""

    def __init__(self, failure=None):
        self.decisions, self.others, self.failure = [], [], failure
        self.fails = False

    @hookimpl
    def decision_made(self, record):
        self.decisions.append(record)
        if self.fails:
            raise self.failure

    @hookimpl
    def record_made(self, record):
        self.others.append(record)


@pytest.fixture
def journal(tmp_path):
    plugin = JournalPlugin(Journal.open(tmp_path / "journal", durability="buffered"))
    yield plugin
    plugin.guard_shutdown()


@pytest.fixture
def make(journal):
    async def make(*others):
        hooks = Hooks([journal])
        guard = Guard(analyzer=Analyzer(), pdp=Engine(), hooks=hooks, clock=lambda: NOON)
        for number, plugin in enumerate(others):
            hooks.register(plugin, f"other{number}")
        await set_precedent(guard, READ)
        return guard, hooks

    return make


async def set_precedent(guard, text):
    """Have a text known, and allowed at once."""
    asked = StatementRequest(
        text=text, subject=ASKER.subject, declared=PURPOSE, initial=PURPOSE, session=ASKER.session,
        phase="execute", parameters=Value("1"),
    )  # fmt: skip
    assert (await guard.decide(asked)).allowed
    told = asyncio.get_running_loop().create_future()
    assert guard.decide_soon(asked, told.set_result)
    assert (await told).allowed


async def again(guard, patient):
    """Repeat for a patient; the decision's id, and what became of its record."""
    told = asyncio.get_running_loop().create_future()
    found = guard.find_precedent(ASKER, "execute", READ, Value(patient))
    decision_id = guard.repeat(found, told.set_result)
    return decision_id, await told


def records(tmp_path):
    return [entry.record for entry in read(tmp_path / "journal")]


@pytest.mark.parametrize("others", [(), (Recorder(),)], ids=["the journal alone", "beside a log that wants records"])
async def test_a_repeated_decision_and_its_completion_are_on_record_as_others_are(make, tmp_path, others):
    guard, _ = await make(*others)
    first = records(tmp_path)[0]
    for patient in ("1", "2", "0x3", 'o"x', "1"):
        decision_id, failure = await again(guard, patient)
        assert failure is None
        record = records(tmp_path)[-1]
        assert record.patients[0] == f"person_id:{patient}"
        assert record == msgspec.structs.replace(first, decision_id=decision_id, patients=record.patients)
        guard.ended(decision_id, None if patient == "2" else 3, 70, 120, "57014" if patient == "2" else "")
    await again(guard, "1")

    ends = [record for record in records(tmp_path) if record.__struct_config__.tag == "completion"]
    assert [(one.rows, one.sqlstate) for one in ends] == [(3, ""), (None, "57014"), (3, ""), (3, ""), (3, "")]
    assert [(one.time, one.bytes, one.duration_us) for one in ends] == [("2025-03-03T12:00:00.000000Z", 70, 120)] * 5
    assert verify(tmp_path / "journal").ok
    for other in others:
        assert other.decisions == [one for one in records(tmp_path) if one.__struct_config__.tag == "decision"]
        assert other.others == ends


async def test_a_plugin_that_is_registered_later_misses_nothing(make):
    guard, hooks = await make()
    await again(guard, "1")
    late = Recorder()
    hooks.register(late)
    decision_id, _ = await again(guard, "2")
    guard.ended(decision_id, 1, 1, 1, "")
    assert [(one.decision_id, one.patients) for one in late.decisions] == [(decision_id, ("person_id:2",))]
    assert [one.decision_id for one in late.others] == [decision_id]


@pytest.mark.parametrize("error", [ValueError("secret"), LogUnavailable("the disk is full")])
async def test_a_plugin_that_fails_keeps_the_decision_from_being_made(make, tmp_path, error):
    other = Recorder(error)
    guard, _ = await make(other)
    other.fails = True
    with pytest.raises(DecisionUnavailable) as refused:
        await again(guard, "1")
    assert "secret" not in str(refused.value)
    assert (type(refused.value), str(refused.value)) == (
        (PluginFailed, "plugin other0: ValueError") if isinstance(error, ValueError) else (LogUnavailable, str(error))
    )
    other.fails = False
    await again(guard, "1")
    failed, end = records(tmp_path)[-3:-1]
    assert failed.decision_id == end.decision_id
    assert (end.rows, end.sqlstate) == (None, "57014")  # the log has it as allowed, and that it came to nothing


async def test_what_an_asker_found_last_is_found_as_long_as_the_guard_goes_by_it(make):
    guard, _ = await make()
    other, _ = await make()
    asker = Asker(ASKER.subject, PURPOSE, PURPOSE, ASKER.session)
    first = guard.find_precedent(asker, "execute", READ, Value("1"))
    assert guard.find_precedent(asker, "execute", READ, Value("2")).precedent is first.precedent
    assert guard.find_precedent(asker, "parse", READ, None) is None
    assert guard.find_precedent(asker, "execute", READ + " ", Value("1")) is None
    assert other.find_precedent(asker, "execute", READ, Value("1")).precedent is not first.precedent
    assert guard.find_precedent(asker, "execute", READ, Value("1")).precedent is first.precedent
    guard.replace_policies(Engine())
    assert guard.find_precedent(asker, "execute", READ, Value("1")) is None


async def test_an_idle_session_holds_no_long_text(make):
    guard, _ = await make()
    asker = Asker(ASKER.subject, PURPOSE, PURPOSE, ASKER.session)
    long = READ + " " * 16_384
    await set_precedent(guard, long)
    for text, is_kept in ((long, False), (READ, True), (long, True)):
        assert guard.find_precedent(asker, "execute", text, Value("1")) is not None
        assert [one.text for kept in asker._recent.values() for one in kept] == [READ] * is_kept


async def test_what_an_asker_found_last_ends_when_the_answer_does(make):
    guard, _ = await make()
    asker = Asker(ASKER.subject, PURPOSE, PURPOSE, ASKER.session)
    assert guard.find_precedent(asker, "execute", READ, Value("1")) is not None
    for now in ("2025-03-04T00:00:00.000000Z", "2025-03-03T11:59:59.999999Z"):
        guard._stamp = lambda now=now: now
        assert guard.find_precedent(asker, "execute", READ, Value("1")) is None


async def test_a_log_that_is_gone_is_told_and_nothing_of_it_remains(make, tmp_path):
    guard, _ = await make()
    segment = tmp_path / "journal" / "journal-00000000000000000001.jsonl"
    segment.rename(tmp_path / "gone")
    decision_id, failure = await again(guard, "1")
    assert isinstance(failure, LogUnavailable)
    guard.ended(decision_id, 1, 1, 1, "")
    (tmp_path / "gone").rename(segment)
    _, failure = await again(guard, "1")
    assert failure is None


async def test_a_closed_log_takes_no_repeated_decision(make, journal):
    guard, _ = await make()
    journal.guard_shutdown()
    with pytest.raises(LogUnavailable, match="closed"):
        await again(guard, "1")
    guard.ended("d", 1, 1, 1, "")  # tells nobody, as the next decision will


async def test_a_plugin_that_reviews_has_its_say_each_time(make):
    class Objects:
        @hookimpl
        def review_statement(self, analysis):
            return []

    guard, hooks = await make()
    hooks.register(Objects())
    assert guard.find_precedent(ASKER, "execute", READ, Value("1")) is None
