"""The table of cases: how it is read, and that every difference is told."""

import json
from collections.abc import Callable

import pytest

from readonly_guard.domain import Answer, Reason
from readonly_guard.errors import PolicyError
from readonly_guard.policy import Expected, differences, load_policies, run_cases

RULES = """package readonly_guard.authz

default decision := {"allow": false, "deny": [{"code": "RG-D01", "rule": "door", "sv": "Nej", "en": "No"}]}

decision := {"allow": true, "deny": []} if input.subject.id in data.guests
"""
QUESTION = {
    "request_id": "1",
    "subject": {"id": "anna"},
    "action": {"name": "read"},
    "resources": [],
    "context": {"time": "2025-03-03T10:00:00Z"},
}


@pytest.fixture
def policies_with(policy_dir: Callable[..., str]) -> Callable[..., str]:
    def write(*cases: object, **table: object) -> str:
        document = {"input": QUESTION, "data": {"guests": ["anna"]}, "cases": cases} | table
        return policy_dir(**{"authz.rego": RULES, "cases/cases.json": json.dumps(document)})

    return write


def test_cases_that_hold(policies_with: Callable[..., str]) -> None:
    policies = load_policies(
        policies_with(
            {"name": "a guest", "expected": {"allow": True}},
            {"name": "another", "input": {"subject": {"id": "bo"}}, "expected": {"allow": False, "deny": ["RG-D01"]}},
            {"name": "no guests", "data": {"guests": []}, "expected": {"allow": False, "deny": ["RG-D01"]}},
        )
    )
    assert policies.cases is not None
    assert len(policies.cases.cases) == 3
    assert run_cases(policies, policies.cases) == []


def test_a_case_that_does_not_hold_says_in_what(policies_with: Callable[..., str]) -> None:
    policies = load_policies(policies_with({"name": "a guest", "expected": {"allow": False, "deny": ["RG-D01"]}}))
    assert policies.cases is not None
    (failure,) = run_cases(policies, policies.cases)
    assert str(failure) == 'a guest: allow is true, expected false; deny is [], expected ["RG-D01"]'


def test_a_question_that_is_none_is_named(policies_with: Callable[..., str]) -> None:
    policies = load_policies(
        policies_with({"name": "odd", "input": {"subject": {"id": 7}}, "expected": {"allow": True}})
    )
    assert policies.cases is not None
    with pytest.raises(PolicyError, match="the case 'odd' is no question: Expected `str`, got `int`"):
        run_cases(policies, policies.cases)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"cases": [{"name": "x", "expected": {}}]}, r"cases/cases.json: Object missing required field `allow`"),
        ({"cases": [{"name": "x", "expects": {}}]}, r"cases/cases.json: Object .*`expect"),
        ({"cases": 7}, "cases/cases.json: Expected `array`"),
        ({"case": []}, "cases/cases.json: Object contains unknown field `case`"),
    ],
)
def test_a_table_of_another_shape_is_named(
    policies_with: Callable[..., str], table: dict[str, object], says: str
) -> None:
    with pytest.raises(PolicyError, match=says):
        load_policies(policies_with(**table))


def test_what_is_not_written_is_not_compared() -> None:
    answer = Answer(allow=True, activity_type="Läsa", expires_at=None, subject={"hsa_id": "SE1"})
    assert differences(answer, Expected(allow=True)) == ()
    assert differences(answer, Expected(allow=True, expires_at=None, hsa_id="SE1")) == ()
    assert differences(answer, Expected(allow=True, hsa_id=None)) == ('hsa_id is "SE1", expected null',)
    warned = Answer(allow=True, warn=(Reason(code="RG-N90", rule="npo_first", sv="", en=""),))
    assert differences(warned, Expected(allow=True)) == ('warn is ["RG-N90"], expected []',)
