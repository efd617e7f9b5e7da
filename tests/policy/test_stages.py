"""What is evaluated again, and what is remembered."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from readonly_guard.domain import AccessRequest
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.policy import EmbeddedEngine, embedded, load_policies
from readonly_guard.policy.port import ENTRYPOINT, STAGES

STANDING, RECORDS = STAGES


@pytest.fixture
def engine(policies_dir: Path, overlay: Callable[..., str], people: Any) -> EmbeddedEngine:
    return EmbeddedEngine(load_policies(str(policies_dir), (overlay(**people),)))


@pytest.fixture
def evaluated(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> Counter[str]:
    """Counts what this thread evaluates, after one question."""
    engine.decide_now(request_of())
    counts: Counter[str] = Counter()
    asks = embedded._own.of(engine)
    assert asks is not None

    def counted(rule: str, ask: Callable[[str], Any]) -> Callable[[str], Any]:
        def count(question: str) -> Any:
            counts[rule] += 1
            return ask(question)

        return count

    embedded._own.keep(engine, {rule: counted(rule, ask) for rule, ask in asks.items()})
    return counts


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"request_id": "other", "context": {"time": "2025-03-03T22:59:59.999999Z"}}, set()),
        ({"context": {"application_name": "other"}}, set()),
        ({"context": {"patients": ["person_id:9"]}}, set()),  # who is like the first
        ({"context": {"patients": ["person_id:9", "person_id:91"]}}, {RECORDS}),
        ({"context": {"patients": ["person_id:3"]}}, {RECORDS, ENTRYPOINT}),
        ({"resources": [{"id": "person", "type": "relation"}]}, {STANDING}),
        ({"context": {"purpose": "HLEGAL"}}, {STANDING, RECORDS, ENTRYPOINT}),
        ({"subject": {"id": "olle"}}, {STANDING, RECORDS, ENTRYPOINT}),
        ({"context": {"time": "2025-03-03T23:00:00.000000Z"}}, {STANDING, RECORDS, ENTRYPOINT}),
        ({"context": {"facts": {"relations": {"person_id:7": {}}}}}, {RECORDS, ENTRYPOINT}),
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else "",
)
def test_only_what_can_have_changed_is_evaluated_again(
    engine: EmbeddedEngine,
    request_of: Callable[..., AccessRequest],
    evaluated: Counter[str],
    changes: dict[str, Any],
    again: set[str],
) -> None:
    request = request_of(**changes)
    answer = engine.decide_now(request)
    assert evaluated == dict.fromkeys(again, 1)
    assert engine.decide_now(request) is answer
    assert evaluated == dict.fromkeys(again, 1)


def test_a_clock_that_is_set_back_finds_nothing(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest], evaluated: Counter[str]
) -> None:
    engine.decide_now(request_of(context={"time": "2025-03-03T09:59:59.999999Z"}))
    assert evaluated[STANDING] == 1


def test_a_question_of_great_length_is_not_kept(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest], evaluated: Counter[str]
) -> None:
    for _ in range(2):
        engine.decide_now(request_of(context={"justification": "x" * 5000}))
    assert evaluated[STANDING] == 2


OWN = """default decision := {"allow": false, "deny": []}

decision := {"allow": true, "deny": [], "activity_type": data.readonly_guard.standing.answer.kind} if {
	data.readonly_guard.standing.answer.id == input.subject.id
}
"""


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("input.action.name", 1),
        ("substring(input.context.time, 0, 4)", 3),  # reads the time, and does not say how long it holds
        ('sprintf("%v", [time.now_ns() > 0])', 3),
    ],
)
def test_what_is_not_known_to_hold_is_evaluated_each_time(
    policy_dir: Callable[..., str], request_of: Callable[..., AccessRequest], kind: str, times: int
) -> None:
    files = {
        "authz.rego": f"package readonly_guard.authz\n\n{OWN}",
        "standing.rego": f'package readonly_guard.standing\n\nanswer := {{"id": input.subject.id, "kind": {kind}}}\n',
    }
    engine = EmbeddedEngine(load_policies(policy_dir(**files)))
    assert engine.is_compiled
    assert engine.stages == (STANDING, ENTRYPOINT)
    engine.decide_now(request_of(subject={"id": "bo"}))
    asks = embedded._own.of(engine)
    assert asks is not None
    asked: list[str] = []

    def noted(question: str) -> Any:
        asked.append(question)
        return asks[STANDING](question)

    embedded._own.keep(engine, {**asks, STANDING: noted})
    for _ in range(3):
        assert engine.decide_now(request_of()).allow
    assert len(asked) == times


def test_a_stage_without_a_value_is_undefined_to_the_next(
    policy_dir: Callable[..., str], request_of: Callable[..., AccessRequest]
) -> None:
    files = {
        "authz.rego": f"package readonly_guard.authz\n\n{OWN}",
        "standing.rego": 'package readonly_guard.standing\n\nanswer := {"id": "anna", "kind": ""} if input.action.name == "read"\n',
    }
    engine = EmbeddedEngine(load_policies(policy_dir(**files)))
    assert engine.decide_now(request_of()).allow
    assert not engine.decide_now(request_of(action={"name": "search"})).allow


BLOCKING = """default decision := {"allow": false, "deny": []}

decision := {"allow": true, "deny": []} if {
	input.subject.id == "anna"
	data.readonly_guard.records.answer
	not data.readonly_guard.records.answer%s
}
"""
PATIENTS = "some patient in input.context.patients"


@pytest.mark.parametrize(
    ("found", "looked_up", "is_parted"),
    [
        (f'answer := {{"blocked": {{patient | {PATIENTS}}}}}', '.blocked["x"]', False),
        (f'answer := {{"of": [{{"blocked": {{patient | {PATIENTS}}}}}]}}', '.of[0].blocked["x"]', False),
        (f"answer contains patient if {PATIENTS}", '["x"]', False),
        (f'answer := {{"blocked": {{patient: true | {PATIENTS}}}}}', '.blocked["x"]', True),
        (f'answer := {{"blocked": [patient | {PATIENTS}; patient == "x"]}}', ".blocked[0]", True),
    ],
    ids=["set", "set within", "partial set", "object", "array"],
)  # fmt: skip
def test_what_is_no_json_is_not_handed_from_stage_to_stage(
    policy_dir: Callable[..., str],
    request_of: Callable[..., AccessRequest],
    found: str,
    looked_up: str,
    is_parted: bool,
) -> None:
    """As an array a set has nothing under "x", so that a denial would be none."""
    files = {
        "authz.rego": f"package readonly_guard.authz\n\n{BLOCKING % looked_up}",
        "records.rego": f"package readonly_guard.records\n\n{found}\n",
    }
    engine = EmbeddedEngine(load_policies(policy_dir(**files)))
    assert engine.is_compiled
    assert (len(engine.stages) == 2) == is_parted
    assert not engine.decide_now(request_of(context={"patients": ["x"]})).allow
    assert engine.decide_now(request_of(context={"patients": []})).allow


@pytest.mark.parametrize(
    ("found", "looked_up"),
    [
        (f'answer := {{"blocked": {{[patient]: true | {PATIENTS}}}}}', '.blocked[["x"]]'),
        ('answer := {"blocked": {number: patient | some number, patient in input.context.patients}}', ".blocked[0]"),
        (f'answer := {{"blocked": {{patient | {PATIENTS}}}}} if "x" in input.context.patients\nelse := {{}}', '.blocked["x"]'),
    ],
    ids=["array as key", "number as key", "set in a rare case"],
)  # fmt: skip
def test_what_turns_out_to_be_no_json_later_denies(
    policy_dir: Callable[..., str], request_of: Callable[..., AccessRequest], found: str, looked_up: str
) -> None:
    files = {
        "authz.rego": f"package readonly_guard.authz\n\n{BLOCKING % looked_up}",
        "records.rego": f"package readonly_guard.records\n\n{found}\n",
    }
    engine = EmbeddedEngine(load_policies(policy_dir(**files)))
    assert len(engine.stages) == 2
    assert engine.decide_now(request_of(context={"patients": []})).allow
    with pytest.raises(PolicyUnavailable, match=r"records\.answer holds a set .*make arrays"):
        engine.decide_now(request_of(context={"patients": ["x"]}))


def test_the_shipped_rules_are_parted(engine: EmbeddedEngine) -> None:
    assert engine.stages == (STANDING, RECORDS, ENTRYPOINT)
