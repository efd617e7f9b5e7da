"""The rest of a question answers for other patients what the whole question would, or there is none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.policy.port import ENTRYPOINT, RECORDS, STAGES

from .conftest import counting

NOON, MIDNIGHT = "2025-03-03T10:00:00.000000Z", "2025-03-03T23:00:00.000000Z"
PATIENTS = [f"person_id:{number}" for number in range(1, 10)] + ["encntr_id:80", "encntr_id:10", "person_id:$1"]


@pytest.fixture(scope="module")
def engine(policies_dir: Path, people: Any, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedEngine:
    path = tmp_path_factory.mktemp("data") / "people.json"
    path.write_bytes(msgspec.json.encode(people))
    return EmbeddedEngine(load_policies(str(policies_dir), (str(path),)))


@pytest.fixture(scope="module")
def asking(engine: EmbeddedEngine) -> EmbeddedEngine:
    """The same, that does not know which patients are alike, and so asks the rules about each."""
    return EmbeddedEngine.of(msgspec.structs.replace(engine.prepared, knows_alike=False))


def about(request: AccessRequest, patients: tuple[str, ...], time: str = NOON) -> AccessRequest:
    """The same question of others, as a guard asks it: under another name, at another time."""
    context = {**request.context, "patients": patients, "time": time}
    return msgspec.structs.replace(request, request_id="another", context=context)


def outcome(answer: Callable[[], Answer]) -> Answer | str:
    try:
        return answer()
    except PolicyUnavailable as error:
        return str(error)


@given(patients=st.lists(st.lists(st.sampled_from(PATIENTS) | st.text(), max_size=3), min_size=1, max_size=4))
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_every_case_the_rest_says_what_the_whole_says(
    engine: EmbeddedEngine,
    asking: EmbeddedEngine,
    request_of: Callable[..., AccessRequest],
    case: dict[str, Any],
    patients: list[list[str]],
) -> None:
    request = request_of(**case.get("input", {}))
    fresh = EmbeddedEngine.of(asking.prepared)  # which remembers nothing of what the others are asked
    for asked in (engine, asking):
        first = outcome(lambda asked=asked: asked.decide_now(request))
        rest = asked.residual_of(request)
        if rest is None:
            assert "facts" in request.context or not isinstance(first, Answer) or not first.allow
            return
        for others in map(tuple, patients):
            expected = outcome(lambda others=others: fresh.decide_now(about(request, others, request.context["time"])))
            for _ in range(2):
                assert (
                    outcome(lambda asked=asked, rest=rest, others=others: asked.decide_rest(rest, others)) == expected
                )


def test_what_is_asked_all_day_has_a_rest(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    for purpose in ("TREAT", "ETREAT", "HLEGAL"):
        request = request_of(context={"purpose": purpose})
        engine.decide_now(request)
        assert engine.residual_of(request) is not None


def test_only_the_rules_about_patients_are_evaluated(
    asking: EmbeddedEngine, request_of: Callable[..., AccessRequest]
) -> None:
    request = request_of(context={"purpose": "ETREAT", "justification": "medvetslös vid ankomst"})
    engine = EmbeddedEngine.of(asking.prepared)
    assert engine.decide_now(request).allow
    rest = engine.residual_of(request)
    assert rest is not None
    counts = counting(engine)
    denied = engine.decide_rest(rest, ("person_id:3",))
    assert counts == {RECORDS: 1, ENTRYPOINT: 1}
    for number in (91, 92, 92):
        engine.decide_rest(rest, (f"person_id:{number}",))
    assert engine.decide_rest(rest, ("person_id:3",)) is denied
    assert counts[ENTRYPOINT] <= 2  # what is found about 91 is found about 92
    assert counts[RECORDS] == 3
    engine.decide_now(about(request, ("person_id:92",)))  # and remembered by the whole question as well
    assert counts[RECORDS] == 3


def test_it_holds_as_long_as_the_others_find_the_same(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]
) -> None:
    request = request_of()
    engine.decide_now(request)
    rest = engine.residual_of(request)
    assert rest is not None
    times = ("2025-03-03T09:59:59.999999Z", NOON, "2025-03-03T22:59:59.999999Z", MIDNIGHT)
    assert [rest.holds_at(time) for time in times] == [False, True, True, False]


def test_nothing_is_left_of_what_nobody_asked(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    assert engine.residual_of(request_of(subject={"id": "nobody has asked"})) is None


def test_nothing_is_left_where_facts_were_looked_up_about_the_patients(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]
) -> None:
    request = request_of(context={"facts": {"relations": {"person_id:7": {}}}})
    engine.decide_now(request)
    assert engine.residual_of(request) is None


def test_nothing_is_left_of_a_question_without_a_time(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]
) -> None:
    request = request_of(context={"time": None})
    outcome(lambda: engine.decide_now(request))
    assert engine.residual_of(request) is None


def test_another_thread_may_ask(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    request = request_of()
    engine.decide_now(request)
    rest, answers = engine.residual_of(request), []
    assert rest is not None
    thread = threading.Thread(target=lambda: answers.append(engine.decide_rest(rest, ("person_id:6",))))
    thread.start()
    thread.join()
    assert answers == [engine.decide_now(about(request, ("person_id:6",)))]


OWN = {
    "authz": """default decision := {"allow": false, "deny": []}

decision := {"allow": true, "deny": [], "activity_type": data.readonly_guard.standing.answer.id} if {
	data.readonly_guard.records.answer.known
}""",
    "standing": 'answer := {"id": input.subject.id}',
    "records": 'answer := {"known": true} if startswith(input.context.patients[0], "person")',
}


@pytest.fixture
def own(policy_dir: Callable[..., str]) -> Callable[..., EmbeddedEngine]:
    def make(**changes: str) -> EmbeddedEngine:
        files = {f"{name}.rego": f"package readonly_guard.{name}\n\n{text}\n" for name, text in (OWN | changes).items()}
        return EmbeddedEngine(load_policies(policy_dir(**files)))

    return make


def test_rules_of_ones_own_are_parted_alike(
    own: Callable[..., EmbeddedEngine], request_of: Callable[..., AccessRequest]
) -> None:
    engine, request = own(), request_of()
    assert engine.stages == (*STAGES, ENTRYPOINT)
    assert engine.decide_now(request).allow
    rest = engine.residual_of(request)
    assert rest is not None
    said = [engine.decide_rest(rest, (patient,)).allow for patient in ("person_id:1", "stranger", 'person"\0å')]
    assert said == [True, False, True]
    with pytest.raises(PolicyUnavailable, match="not JSON"):
        engine.decide_rest(rest, ("person\ud83d",))
    assert rest.holds_at("9999-01-01T00:00:00.000000Z")


@pytest.mark.parametrize(
    "changes",
    [
        {"standing": 'answer := {"id": input.subject.id, "of": count(input.context.patients)}'},
        {"standing": 'answer := {"id": input.request_id}'},
        {"standing": 'answer := {"id": substring(input.context.time, 0, 4)}'},  # and does not say how long it holds
        {"standing": 'answer := {"id": sprintf("%v", [time.now_ns()])}'},
        {"records": 'answer := {"known": true} if input.context.patients[0] != input.context.time'},
        {"records": 'answer := {"known": true} if input.context.patients[0] != input.request_id'},
        {"records": 'answer := {"known": true} if count(input.context) > 0'},
        {"records": 'answer := {"known": true} if {\n\tinput.context.patients[0]\n\ttime.now_ns() > 0\n}'},
        {"records": 'answer := {"known": true} if input.subject.id != "x"'},
        {"authz": OWN["authz"].replace(".known", ".known\n\tcount(input.context.patients) > 0")},
        {"authz": OWN["authz"].replace(".known", '.known\n\tinput.context.time != "x"')},
        {"authz": OWN["authz"].replace(".known", '.known\n\tinput.request_id != "x"')},
        {"authz": OWN["authz"].replace("records.answer.known", "standing.answer.id")},
    ],
    ids=lambda changes: next(iter(changes.values()))[-60:],
)  # fmt: skip
def test_nothing_is_left_where_more_than_one_stage_may_say_another_thing(
    own: Callable[..., EmbeddedEngine], request_of: Callable[..., AccessRequest], changes: dict[str, str]
) -> None:
    engine, request = own(**changes), request_of()
    assert engine.decide_now(request).allow
    assert engine.residual_of(request) is None


def test_a_rule_that_fails_is_no_answer(
    own: Callable[..., EmbeddedEngine], request_of: Callable[..., AccessRequest]
) -> None:
    slow = 'answer := {"known": true} if {\n\tcount([x | some x in numbers.range(1, to_number(input.context.patients[0]))]) > 0\n}'
    engine, request = own(records=slow), request_of(context={"patients": ["3"]})
    assert engine.decide_now(request).allow
    rest = engine.residual_of(request)
    assert rest is not None
    with pytest.raises(PolicyUnavailable, match="look up by key"):
        engine.decide_rest(rest, ("1000000",))
    assert engine.decide_rest(rest, ("2",)).allow  # and it goes on
