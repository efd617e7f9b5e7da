"""Decisions made at once: the same as those that are waited for, repeated only while all that they rest on holds."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from readonly_guard import Declared, Guard, Session, StatementRequest, Subject, hookimpl
from readonly_guard.asker import Asker
from readonly_guard.audit import read, verify
from readonly_guard.domain import MOST_PATIENTS, Answer, Name, Reason
from readonly_guard.errors import LogUnavailable, PolicyUnavailable
from readonly_guard.hooks import Hooks
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.precedents import Precedents
from readonly_guard.sql import Analyzer, Opened

NOON = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
ALIND, SESSION = Subject(id="alind"), Session(session_id="s", database="db")
TREAT, NOTHING = Declared(purpose="TREAT"), Declared()
READ = "SELECT * FROM person WHERE person_id = 7"
USER = {
    "hsa_id": "SE1234567890-P000000000001", "name": "Anna Lind", "care_unit": "Medicin", "title": "Läkare",
    "granted_at": "2024-11-12", "revoked_at": None, "acknowledged_at": "2024-12-18", "purposes": ["TREAT"],
}  # fmt: skip
TEXTS = [
    READ,
    "SELECT * FROM person WHERE person_id = 8",
    "SELECT * FROM person WHERE person_id = $1",
    "SELECT * FROM encounter WHERE person_id IN (7, 8) AND reason = 'x'",
    "SELECT * FROM pg_class",
    "SELECT 1",
    "SELECT 2; SELECT 3",
    "BEGIN",
    "SET readonly_guard.purpose = 'TREAT'",
    "DELETE FROM person",
    "SELECT nextval('s')",
    "SELECT * FROM person; DROP TABLE person",
    "SELEC",
    "",
    ";",
    "-- nothing",
    "SELECT $1",
    "BEGIN READ ONLY",
    "COMMIT",
    "SELECT 1; ROLLBACK",
]


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def guard(tmp_path, clock):
    roster = tmp_path / "roster.json"
    roster.write_text(json.dumps({"roster": {"users": {"alind": USER}}}), encoding="utf-8")
    with Guard.open(journal=tmp_path / "journal", data=[roster], clock=clock) as opened:
        yield opened


class Values:
    def __init__(self, *values):
        self.values = values

    def texts(self, number, *, is_array):
        return (self.values[number - 1],)

    def type_name(self, number):
        return "timestamptz"


def asked(text, *, declared=TREAT, subject=ALIND, phase="query", parameters=None, session=SESSION):
    return StatementRequest(
        text=text, subject=subject, declared=declared, initial=NOTHING, session=session, phase=phase,
        parameters=parameters,
    )  # fmt: skip


async def soon(guard, request):
    """What is decided at once, or None where something has to be waited for."""
    told = asyncio.get_running_loop().create_future()
    return await told if guard.decide_soon(request, told.set_result) else None


def without_ids(value):
    return msgspec.structs.replace(value, decision_id="")


def last(tmp_path):
    return [entry.record for entry in read(tmp_path / "journal")][-1]


@pytest.mark.parametrize("declared", [TREAT, NOTHING], ids=["with a purpose", "without"])
@pytest.mark.parametrize("user", ["alind", "stranger"])
@pytest.mark.parametrize("text", TEXTS)
async def test_what_is_decided_at_once_is_what_is_decided_otherwise(guard, tmp_path, text, user, declared):
    request = asked(text, subject=Subject(id=user), declared=declared)
    expected = await guard.decide(request)
    record = last(tmp_path)
    for _ in range(3):  # read, remembered, repeated
        decision = await soon(guard, request)
        if decision is None:  # a text that is not remembered
            assert not expected.allowed
            return
        assert decision.decision_id != expected.decision_id
        assert without_ids(decision) == without_ids(expected)
        assert without_ids(last(tmp_path)) == without_ids(record)
        assert last(tmp_path).decision_id == decision.decision_id
    assert verify(tmp_path / "journal").ok


async def test_a_text_that_is_new_or_names_an_earlier_one_is_left_to_whoever_can_wait(guard, tmp_path):
    assert await soon(guard, asked(READ)) is None
    await guard.decide(asked("EXECUTE s"))
    assert await soon(guard, asked("EXECUTE s")) is None
    assert len(list(read(tmp_path / "journal"))) == 1


async def test_each_text_of_a_shape_is_recorded_with_its_own_patient(guard, tmp_path):
    await guard.decide(asked(READ))
    for number in (7, 8, 7, 9):
        decision = await soon(guard, asked(READ.replace("7", str(number))))
        assert decision.allowed
        assert last(tmp_path).patients == (f"person_id:{number}",)
        assert decision.analysis.patients.named == (f"person_id:{number}",)


async def test_each_bound_value_is_recorded(guard, tmp_path):
    text = "SELECT * FROM person WHERE person_id = $1"
    await guard.decide(asked(text, phase="parse"))
    for number in ("7", "8", "7"):
        assert (await soon(guard, asked(text, phase="execute", parameters=Values(number)))).allowed
        assert last(tmp_path).patients == (f"person_id:{number}",)
    assert (await soon(guard, asked(text, phase="parse"))).allowed
    assert last(tmp_path).patients == ("person_id:$1",)


DATED = READ + " AND create_dt_tm >= '{}' AND create_dt_tm < '2024-11-21 00:00+01'"


async def test_a_precedent_of_one_window_of_creation_is_none_of_another(guard, tmp_path):
    inside = DATED.format("2024-11-12 00:00+01")
    await guard.decide(asked(inside))
    for moment, codes in [
        ("2024-11-12 00:00+01", ()),
        ("2024-11-11 00:00+01", ("RG-S01",)),
        ("2024-11-12 00:00+01", ()),
        ("2024-11-12 00:00+02", ("RG-S01",)),
        ("2024-11-13 00:00+01", ()),
        ("2024-11-13 00:00", ()),  # nobody knows from when
    ]:
        text = DATED.format(moment)
        expected = await guard.decide(asked(text))
        decision = await soon(guard, asked(text))
        assert decision.codes == expected.codes == codes, moment
        known = {"2024-11-12 00:00+01": "2024-11-11T23:00:00.000000Z", "2024-11-13 00:00": None}
        if moment in known:
            assert last(tmp_path).created_from == known[moment]
    # of the same window, another patient's is asked about at once
    assert (await soon(guard, asked(inside.replace("7", "8")))).allowed
    assert last(tmp_path).patients == ("person_id:8",)
    assert last(tmp_path).created_before == "2024-11-20T23:00:00.000000Z"


async def test_a_window_that_comes_with_bind_is_judged_each_time(guard, tmp_path):
    text = "SELECT * FROM person WHERE person_id = 7 AND create_dt_tm >= $1 AND create_dt_tm < $2"
    assert (await guard.decide(asked(text, phase="parse"))).allowed
    assert last(tmp_path).is_creation_awaited
    until = "2024-11-21 00:00:00+01"
    for since, codes in [
        ("2024-11-12 00:00:00+01", ()),
        ("2024-11-11 00:00:00+01", ("RG-S01",)),
        ("2024-11-12 00:00:00+01", ()),
    ] * 2:
        decision = await soon(guard, asked(text, phase="execute", parameters=Values(since, until)))
        assert decision.codes == codes
        assert last(tmp_path).is_creation_awaited is None


async def test_a_precedent_holds_for_the_one_who_asked_only(guard):
    await guard.decide(asked(READ))
    assert (await soon(guard, asked(READ))).allowed
    assert not (await soon(guard, asked(READ, subject=Subject(id="stranger")))).allowed
    assert not (await soon(guard, asked(READ, declared=NOTHING))).allowed
    assert (await soon(guard, asked(READ))).allowed


async def test_a_precedent_ends_with_its_answer_and_does_not_hold_before_it_was_made(guard, clock):
    clock.now = datetime(2025, 3, 3, 22, 59, 59, tzinfo=UTC)  # 23.59.59 in Sweden
    await guard.decide(asked(READ))
    assert (await soon(guard, asked(READ))).allowed
    guard._pdp = Never()  # whoever asks it is found out
    assert (await soon(guard, asked(READ))).allowed
    clock.now += timedelta(seconds=1)
    assert not (await soon(guard, asked(READ))).allowed
    clock.now -= timedelta(seconds=2)
    assert not (await soon(guard, asked(READ))).allowed


class Never:
    revision = "never"

    def decide_now(self, request):
        raise PolicyUnavailable("asked")


async def test_other_policies_and_another_catalog_forget_all_precedents(guard, tmp_path):
    await guard.decide(asked(READ))
    assert (await soon(guard, asked(READ))).allowed
    guard.replace_policies(EmbeddedEngine(load_policies(None, [])))  # nobody is on the roster
    assert not (await soon(guard, asked(READ))).allowed
    guard.replace_policies(EmbeddedEngine(load_policies(None, [tmp_path / "roster.json"])))
    assert (await soon(guard, asked(READ))).allowed

    class Nothing:
        def judge(self, reading, path):
            return [Reason(code="RG-X01", rule="test", sv="nej", en="no")]

    guard.resolve_with(Nothing())
    assert (await soon(guard, asked(READ))).codes == ("RG-X01",)


class Engine:
    revision = "test"

    def __init__(self):
        self.asked = 0

    def decide_now(self, request):
        self.asked += 1
        return Answer(allow=True, expires_at="2025-03-03T13:00:00Z")

    async def decide(self, request):
        return self.decide_now(request)


def make(*plugins, pdp=None, clock=lambda: NOON):
    return Guard(analyzer=Analyzer(), pdp=pdp or Engine(), hooks=Hooks(plugins), clock=clock)


class Moody:
    """Objects to every second statement."""

    def __init__(self):
        self.count = 0

    @hookimpl
    def review_statement(self, analysis):
        self.count += 1
        return [] if self.count % 2 else [Reason(code="X-1", rule="moody", sv="nej", en="no")]


class Facts:
    @hookimpl
    def gather_context(self):
        return {}


class Remote:
    revision = "r"

    async def decide(self, request):
        return Answer(allow=True)


async def test_a_plugin_that_reviews_statements_sees_each_of_them():
    guard = make(Moody())
    verdicts = [(await guard.decide(asked(READ))).allowed]
    verdicts += [(await soon(guard, asked(READ))).allowed for _ in range(4)]
    assert verdicts == [True, False, True, False, True]


async def test_a_plugin_that_came_later_sees_what_there_is_a_precedent_for():
    guard, plugin = make(), Moody()
    await guard.decide(asked(READ))
    assert (await soon(guard, asked(READ))).allowed
    guard._hooks.register(plugin)
    assert [(await soon(guard, asked(READ))).allowed for _ in range(2)] == [True, False]


@pytest.mark.parametrize("guard", [make(Facts()), make(pdp=Remote())], ids=["facts", "a policy server"])
async def test_what_has_to_be_looked_up_is_waited_for(guard):
    await guard.decide(asked(READ))
    assert await soon(guard, asked(READ)) is None


async def test_an_answer_without_an_end_is_no_precedent():
    class Endless(Engine):
        def decide_now(self, request):
            super().decide_now(request)
            return Answer(allow=True)

    engine = Endless()
    guard = make(pdp=engine)
    await guard.decide(asked(READ))
    for _ in range(3):
        assert (await soon(guard, asked(READ))).allowed
    assert engine.asked == 4


class Receipts:
    """A log that is told later what became of a record, and tells it to whoever awaits it only."""

    def __init__(self, failure=None):
        self.failure = failure

    @hookimpl
    def decision_made(self, record):
        return self

    def wait(self):
        raise AssertionError

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        if self.failure:
            raise self.failure


async def test_a_receipt_that_can_only_be_awaited_is_awaited():
    guard = make(Receipts(), type("Others", (Receipts,), {})())
    await guard.decide(asked(READ))
    assert (await soon(guard, asked(READ))).allowed
    assert (await soon(guard, asked(READ))).allowed


async def test_a_record_that_is_not_kept_denies():
    guard = make(Receipts(LogUnavailable("the disk is full")))
    await guard.decide(asked(READ))
    for _ in range(2):
        decision = await soon(guard, asked(READ))
        assert decision.codes == ("RG-SYS-002",)


async def test_a_full_disk_denies_what_there_is_a_precedent_for(guard, tmp_path):
    await guard.decide(asked(READ))
    assert (await soon(guard, asked(READ))).allowed
    (tmp_path / "journal" / "journal-00000000000000000001.jsonl").rename(tmp_path / "gone")
    assert (await soon(guard, asked(READ))).codes == ("RG-SYS-002",)
    (tmp_path / "gone").rename(tmp_path / "journal" / "journal-00000000000000000001.jsonl")
    assert (await soon(guard, asked(READ))).allowed


async def test_a_plugin_that_fails_while_recording_denies():
    class Broken:
        fails = False

        @hookimpl
        def decision_made(self, record):
            if self.fails:
                raise ValueError("secret")

    plugin, recorder = Broken(), Recorder()
    guard = make(recorder, plugin)
    await guard.decide(asked(READ))
    assert (await soon(guard, asked(READ))).allowed
    plugin.fails = True
    other = READ.replace("7", "8")
    decision = await soon(guard, asked(other))
    assert decision.codes == ("RG-SYS-003",)
    assert "secret" not in repr(decision)
    allowed, denied = recorder.seen[-2:]
    assert (denied.verdict, denied.codes, denied.activity) == ("deny", ("RG-SYS-003",), "Nekad läsning")
    assert (denied.decision_id, denied.time, denied.patients) == (decision.decision_id, allowed.time, ("person_id:8",))


class Recorder:
    def __init__(self):
        self.seen = []

    @hookimpl
    def decision_made(self, record):
        self.seen.append(record)


class About(Engine):
    """Knows something of one patient, has no answer about another, and sees every question."""

    def __init__(self):
        super().__init__()
        self.questions = []

    def decide_now(self, request):
        self.questions.append(request)
        patients = request.context["patients"]
        if "person_id:13" in patients:
            return Answer(allow=False, deny=(Reason(code="X-13", rule="about", sv="nej", en="no"),))
        if "person_id:14" in patients:
            raise PolicyUnavailable("no answer")
        if "person_id:15" in patients:
            return Answer(allow=True, warn=(Reason(code="X-15", rule="about", sv="obs", en="mind"),))
        return super().decide_now(request)


async def test_about_other_patients_the_policies_are_asked_and_their_answer_counts():
    engine = About()
    guard = make(pdp=engine)
    await guard.decide(asked(READ))
    expected = {7: (), 8: (), 13: ("X-13",), 14: ("RG-SYS-001",), 9: (), 15: ()}
    for number, codes in [*expected.items(), (7, ())]:
        decision = await soon(guard, asked(READ.replace("7", str(number))))
        assert decision.codes == codes
        assert [warning.code for warning in decision.warnings] == (["X-15"] if number == 15 else [])
    about = [one for question in engine.questions for one in question.context["patients"]]
    assert set(about) == {f"person_id:{number}" for number in expected}
    assert len({question.request_id for question in engine.questions}) == len(engine.questions)
    assert len({tuple(question.context) for question in engine.questions}) == 1


@pytest.fixture
def blocked(tmp_path):
    """Data in which a patient has had her records blocked."""
    path = tmp_path / "blocks.json"
    path.write_text(json.dumps({"blocks": {"person_id:13": [{"unit": "Psykiatri", "provider": "SE1", "to": None}]}}))
    return path


async def test_about_other_patients_only_the_rules_about_patients_are_asked(tmp_path, clock, blocked, monkeypatch):
    """And what they say counts, as if all had been asked; also when time has passed, and under other policies."""
    users = {"alind": {**USER, "patients": ["person_id:8"]}}
    roster = tmp_path / "roster.json"
    roster.write_text(json.dumps({"roster": {"users": users}}), encoding="utf-8")
    wholes = []
    decide_now = EmbeddedEngine.decide_now
    monkeypatch.setattr(EmbeddedEngine, "decide_now", lambda *given: wholes.append(1) or decide_now(*given))
    with Guard.open(journal=tmp_path / "journal", data=[roster, blocked], clock=clock) as guard:

        async def about(*numbers):
            wholes.clear()
            decisions = [await soon(guard, asked(READ.replace("7", str(number)))) for number in numbers]
            return [decision.codes for decision in decisions], len(wholes)

        await guard.decide(asked(READ))
        assert await about(7, 20, 21) == ([(), (), ()], 2)  # 20 is the first of its shape
        assert await about(22, 24, 13, 23, 8) == ([(), (), ("RG-B01",), (), ("RG-L02",)], 2)  # a denial is decided anew
        guard.replace_policies(EmbeddedEngine(load_policies(None, (str(roster),))))
        assert await about(20, 21, 13, 8) == ([(), (), (), ("RG-L02",)], 2)
        clock.now += timedelta(hours=11)  # the next day
        assert await about(20, 21, 13) == ([(), (), ()], 1)
        assert [last(tmp_path).patients, last(tmp_path).time] == [("person_id:13",), "2025-03-03T23:00:00.000000Z"]


async def test_the_policies_are_asked_about_a_patient_once_as_long_as_their_answer_holds(clock):
    engine = About()
    guard = make(pdp=engine, clock=clock)
    await guard.decide(asked(READ))
    other, denied = READ.replace("7", "8"), READ.replace("7", "13")

    async def questions(text, allowed=True):
        before = len(engine.questions)
        assert (await soon(guard, asked(text))).allowed is allowed
        return len(engine.questions) - before

    assert await questions(READ) == 1
    assert [await questions(other) for _ in range(3)] == [1, 0, 0]
    assert [await questions(denied, allowed=False) for _ in range(2)] == [2, 2]  # and what was denied, each time
    clock.now -= timedelta(microseconds=1)
    assert await questions(other) == 1
    clock.now = NOON + timedelta(hours=1)  # when its answers expire
    assert await questions(other) == 1
    guard.replace_policies(engine)
    assert await questions(READ) == 1
    assert await questions(other) == 1


async def test_for_how_many_patients_a_precedent_is_known_to_hold_is_bounded():
    engine = About()
    guard = make(pdp=engine)
    guard._repeater.precedents = Precedents(most=3)
    await guard.decide(asked(READ))
    for number in (7, 20, 21, 22, 23, 24):
        await soon(guard, asked(READ.replace("7", str(number))))
    before = len(engine.questions)
    for number in (22, 23, 24, 21):
        await soon(guard, asked(READ.replace("7", str(number))))
    assert len(engine.questions) == before + 1


async def test_precedents_are_bounded():
    engine = Engine()
    guard = make(pdp=engine)
    guard._repeater.precedents = Precedents(most=3)
    texts = [f"SELECT {'1, ' * number} 1" for number in range(5)]
    for text in texts:
        await guard.decide(asked(text))
        await soon(guard, asked(text))
    before = engine.asked
    assert (await soon(guard, asked(texts[4]))).allowed
    assert engine.asked == before
    assert (await soon(guard, asked(texts[0]))).allowed
    assert engine.asked == before + 1


@pytest.mark.parametrize(("characters", "is_known"), [(5_000, True), (1_500, False)])
async def test_the_texts_of_precedents_are_bounded(characters, is_known):
    engine = Engine()
    guard = make(pdp=engine)
    guard._repeater.precedents = Precedents(most_characters=characters)
    texts = [f"SELECT {'a, ' * (100 + number)} 1 FROM encounter" for number in range(4)]
    for _ in range(3):  # read, decided, and the same again takes no more room
        for text in texts[:2]:
            await guard.decide(asked(text))
            await soon(guard, asked(text))
    before = engine.asked
    assert (await soon(guard, asked(texts[0]))).allowed
    assert (engine.asked == before) is is_known
    for text in texts:
        await guard.decide(asked(text))
        await soon(guard, asked(text))
    before = engine.asked
    assert (await soon(guard, asked(texts[3]))).allowed
    assert engine.asked == before
    assert guard._repeater.precedents._characters <= characters
    guard.resolve_with(None)
    assert guard._repeater.precedents._characters == 0


def asker_of(request):
    return Asker(request.subject, request.declared, request.initial, request.session)


def found(guard, request):
    return guard.find_precedent(asker_of(request), request.phase, request.text, request.parameters)


async def repeated(guard, repetition):
    """The id that it was given, and what became of its record."""
    told = asyncio.get_running_loop().create_future()
    return guard.repeat(repetition, told.set_result), await told


@pytest.mark.parametrize("text", TEXTS)
async def test_what_is_repeated_is_recorded_as_what_is_decided(guard, tmp_path, text):
    request = asked(text)
    for _ in range(2):
        expected = await guard.decide(request)
        await soon(guard, request)
    record, count = last(tmp_path), len(list(read(tmp_path / "journal")))
    repetition = found(guard, request)
    assert len(list(read(tmp_path / "journal"))) == count  # to look is to record nothing
    is_plain = expected.allowed and text not in {TEXTS[8], "BEGIN READ ONLY", ";", "", "-- nothing"}
    assert (repetition is not None) == is_plain
    if repetition is not None:
        assert repetition.precedent.moves_transaction == (text in {"BEGIN", "COMMIT", "SELECT 1; ROLLBACK"})
        assert repetition.precedent.warnings == {warning.code for warning in expected.warnings}
        decision_id, failure = await repeated(guard, repetition)
        assert failure is None
        assert last(tmp_path).decision_id == decision_id != record.decision_id
        assert without_ids(last(tmp_path)) == without_ids(record)
    assert verify(tmp_path / "journal").ok


async def test_what_is_repeated_names_the_patients_of_its_own_parameters(guard, tmp_path):
    text = "SELECT * FROM person WHERE person_id = $1"
    await guard.decide(asked(text, phase="execute", parameters=Values("7")))
    await soon(guard, asked(text, phase="execute", parameters=Values("7")))
    for number in ("7", "8", "9", "8"):
        _, failure = await repeated(guard, found(guard, asked(text, phase="execute", parameters=Values(number))))
        assert failure is None
        assert last(tmp_path).patients == (f"person_id:{number}",)
    assert found(guard, asked(text, phase="parse")) is None


async def test_only_the_asker_of_a_precedent_finds_it(guard):
    for _ in range(2):
        await guard.decide(asked(READ))
        await soon(guard, asked(READ))
    assert found(guard, asked(READ)) is not None
    for other in (
        asked(READ, subject=Subject(id="alind")),  # an equal one, of another session
        asked(READ, declared=Declared(purpose="TREAT")),
        asked(READ, session=Session(session_id="s", database="db")),
        asked(READ, phase="execute"),
    ):
        assert found(guard, other) is None


async def test_nothing_is_found_that_the_policies_answer_otherwise_or_not_at_all(guard):
    await guard.decide(asked(READ))
    await soon(guard, asked(READ))
    guard._pdp = Never()
    assert found(guard, asked(READ)) is not None
    assert found(guard, asked(READ.replace("7", "8"))) is None


async def test_nothing_is_found_that_a_plugin_has_a_word_in_and_what_warns_says_so():
    class Warns(Engine):
        def decide_now(self, request):
            warning = Reason(code="X-2", rule="test", sv="varning", en="warning")
            return Answer(allow=True, warn=(warning,), expires_at="2025-03-03T13:00:00Z")

    for guard, warnings in [
        (make(), ()), (make(pdp=Warns()), ("X-2",)), (make(Moody()), None), (make(Facts()), None),
    ]:  # fmt: skip
        await guard.decide(asked(READ))
        await soon(guard, asked(READ))
        repetition = found(guard, asked(READ))
        assert (None if repetition is None else tuple(repetition.precedent.warnings)) == warnings


async def test_what_cannot_be_recorded_is_not_repeated(guard, tmp_path):
    await guard.decide(asked(READ))
    await soon(guard, asked(READ))
    repetition = found(guard, asked(READ))
    segment = next((tmp_path / "journal").glob("journal-*.jsonl"))
    moved = segment.rename(tmp_path / "moved")
    _, failure = await repeated(guard, repetition)
    assert isinstance(failure, LogUnavailable)
    moved.rename(segment)
    guard.close()
    with pytest.raises(LogUnavailable):
        guard.repeat(repetition, lambda failure: None)
    assert len(list(read(tmp_path / "journal"))) == 2


async def test_a_prepared_text_is_found_by_itself_only_as_long_as_its_precedent_holds(guard, clock, tmp_path):
    text = "SELECT * FROM person WHERE person_id = $1"
    request = asked(text, phase="execute", parameters=Values("7"))
    for _ in range(2):
        await guard.decide(request)
        await soon(guard, request)
    asker = asker_of(request)

    def is_found(asker=asker, phase="execute"):
        return guard.find_precedent(asker, phase, text, Values("7")) is not None

    assert [is_found() for _ in range(3)] == [True] * 3
    assert not is_found(phase="parse")
    assert not is_found(Asker(ALIND, NOTHING, NOTHING, SESSION))
    clock.now -= timedelta(seconds=1)
    assert not is_found()
    clock.now += timedelta(days=1)
    assert not is_found()
    clock.now -= timedelta(days=1) - timedelta(seconds=1)
    assert is_found()
    guard.replace_policies(EmbeddedEngine(load_policies(None, [])))  # nobody is on the roster
    assert not is_found()


async def test_whether_a_read_is_bound_is_repeated_as_the_catalog_has_it(guard):
    class Opens:  # a function in it that reads a table, of which the statement says nothing
        def judge(self, reading, path):
            return []

        def opens(self, reading, path):
            return Opened(tables=(Name(name="encounter"),))

    guard.resolve_with(Opens())
    search = asked(READ.replace("7", "9"), declared=Declared(purpose="TREAT", justification="söker efter provsvar"))
    for number in ("7", "8", "9"):
        request = msgspec.structs.replace(search, text=READ.replace("7", number))
        expected = await guard.decide(request)
        assert not expected.analysis.patients.is_bound
        for _ in range(2):
            decision = await soon(guard, request)
            assert without_ids(decision) == without_ids(expected)


async def test_a_read_of_more_patients_than_are_listed_is_a_search_whatever_was_decided_before(guard, tmp_path):
    class Many:
        def __init__(self, count):
            self.count = count

        def texts(self, number, *, is_array):
            return tuple(map(str, range(self.count)))

        def type_name(self, number):
            return None

    declared = Declared(purpose="TREAT", justification="söker efter provsvar")
    for count in (3, MOST_PATIENTS, MOST_PATIENTS + 1, 2, MOST_PATIENTS + 50, MOST_PATIENTS + 1, MOST_PATIENTS):
        text = "SELECT * FROM person WHERE person_id = ANY ($1)"
        request = asked(text, declared=declared, phase="execute", parameters=Many(count))
        decision = await soon(guard, request) or await guard.decide(request)
        assert decision.allowed
        assert decision.action == last(tmp_path).action == ("search" if count > MOST_PATIENTS else "read")
    written = ", ".join(map(str, range(MOST_PATIENTS + 1)))
    decision = await guard.decide(asked(f"SELECT * FROM person WHERE person_id IN ({written})", declared=declared))
    assert decision.action == "search"
