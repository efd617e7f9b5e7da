"""Policies parted into stages, or not where that would change what they say."""

import json

import pytest
import regorus

from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.policy.plan import Step, plan_of
from readonly_guard.policy.port import ENTRYPOINT, STAGES
from readonly_guard.policy.reads import Syntax

STANDING, RECORDS = STAGES
MODULES = {
    "standing": "answer := {1: input.subject.id, 2: _day}\n\n_day := input.context.time",
    "records": "answer := [data.readonly_guard.standing.answer.id, input.context.patients, data.relations]",
    "authz": "decision := [data.readonly_guard.standing.answer, data.readonly_guard.records.answer]",
}


def plan(**changes: str) -> tuple[Step, ...]:
    modules = tuple(
        (f"{name}.rego", f"package readonly_guard.{name}\n\n{text}\n") for name, text in (MODULES | changes).items()
    )
    engine = regorus.Engine()
    for path, text in modules:
        engine.add_policy(path, text)
    return plan_of(modules, Syntax(json.loads(engine.get_ast_as_json())))


def test_each_stage_reads_its_own() -> None:
    standing, records, decision = plan()
    assert [standing.rule, records.rule, decision.rule] == [STANDING, RECORDS, ENTRYPOINT]
    assert standing.reads.fields == {("subject", "id"), ("context", "time")}
    assert records.reads.fields == {("context", "patients")}
    assert decision.reads.fields == frozenset()
    assert (standing.reads.data, records.reads.data, decision.reads.data) == (set(), {"relations"}, set())
    assert (standing.earlier, records.earlier, decision.earlier) == ((), (STANDING,), (STANDING, RECORDS))
    assert standing.readers == {RECORDS: {("id",)}, ENTRYPOINT: {()}}
    assert records.readers == {ENTRYPOINT: {()}}


def test_in_a_stages_program_the_earlier_rules_are_fields() -> None:
    *_, decision = plan()
    texts = {path: text for path, text in decision.modules if "authz" not in path}
    assert texts == {
        "readonly_guard/standing/answer.rego": f'package readonly_guard.standing\n\nanswer := input["{STANDING}"]\n',
        "readonly_guard/records/answer.rego": f'package readonly_guard.records\n\nanswer := input["{RECORDS}"]\n',
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"authz": "decision := [data.readonly_guard.standing._day, data.readonly_guard.records.answer]"},
        {"authz": "decision := data.readonly_guard[input.action.name]"},
        {"authz": "decision := [data.readonly_guard.records.answer, input]"},
        {"records": "answer := count(input)"},
        {"standing": "answer := 1 if { data.readonly_guard.own with input as {} }"},
    ],
    ids=["past the door", "by any name", "reads all", "a stage reads all", "with"],
)
def test_what_could_see_the_difference_is_one_stage(changes: dict[str, str]) -> None:
    steps = plan(**changes)
    assert [step.rule for step in steps if step.rule != RECORDS] in ([ENTRYPOINT], [ENTRYPOINT])


def test_policies_without_these_rules_are_one_stage() -> None:
    assert [step.rule for step in plan(standing="other := 1", records="other := 2")] == [ENTRYPOINT]


def test_the_shipped_ones_have_all() -> None:
    """A new patient is a new question to the rules about patients, and to no other."""
    engine = EmbeddedEngine(load_policies(None))
    assert engine.stages == (STANDING, RECORDS, ENTRYPOINT)
    standing, records, decision = engine.prepared.steps
    assert not {field for field in standing.reads.fields if field[:2] == ("context", "patients")}
    assert ("context", "facts", "relations") not in standing.reads.fields
    assert ("context", "time") in standing.reads.fields
    assert ("context", "time") not in records.reads.fields | decision.reads.fields
    assert "relations" not in (standing.reads.data or ())
    assert records.reads.data == {"relations", "patients", "blocks", "demands"}
