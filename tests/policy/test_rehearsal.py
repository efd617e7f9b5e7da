"""What policies must withstand before they decide, and which form of them decides then."""

from collections.abc import Callable
from pathlib import Path

import pytest

from readonly_guard.domain import AccessRequest
from readonly_guard.errors import PolicyError
from readonly_guard.policy import EmbeddedEngine, load_policies

HEAD = "package readonly_guard.authz\n\n"
ALLOW = '{"allow": true, "deny": []}'


@pytest.fixture
def engine_of(policy_dir: Callable[..., str]) -> Callable[[str], EmbeddedEngine]:
    return lambda rules: EmbeddedEngine(load_policies(policy_dir(**{"authz.rego": HEAD + rules})))


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("decision := {", r"authz\.rego:\d+:\d+: "),
        ("decision := nothing_such", r"authz\.rego:3:13: Undefined variable: 'nothing_such'"),
        ("decision := no.such.function(1)", r"authz\.rego:3:\d+: Unknown function"),
        ("decision := 1\n\ndecision := 2", "authz.rego:.*rule conflicts"),
        (
            "decision := x\n\nx := decision",
            r"authz\.rego:3: recursion: data\.readonly_guard\.authz\.decision .* way of data\.readonly_guard\.authz\.x; Rego",
        ),
        (
            "decision := f(1)\n\nf(x) := f(x)",
            r"authz\.rego:5: recursion: data\.readonly_guard\.authz\.f refers to itself;",
        ),
        ("decision := data.readonly_guard.authz", r"authz\.rego:3: recursion: "),
        ("decision := count([x | some x in data.readonly_guard])", r"authz\.rego:3: recursion: "),
        ("decision := 1 / input.context.listener", "authz.rego:3:"),
        (f'decision := {ALLOW} if input.action.name == "nothing"', "'read': the policy's decision is undefined"),
        (f'decision := {ALLOW} if input.action.name == "read"', "'search': the policy's decision is undefined"),
        ('decision := "yes"', "wrong shape"),
        ('decision := {"allow": true, "deny": [], "who": 1}', "unknown field `who`"),
        ('decision := {"allow": false, "deny": ["no"]}', "wrong shape"),
        (
            'decision := {"allow": false, "deny": [], "obligations": {"max_rows": 10}}',
            "demands max_rows, which this guard does not carry out; leave it empty",
        ),
        ("other := 1", r"nothing defines data\.readonly_guard\.authz\.decision"),
    ],
)
def test_a_policy_that_cannot_answer_shows_at_start(
    engine_of: Callable[[str], EmbeddedEngine], rules: str, says: str
) -> None:
    with pytest.raises(PolicyError, match=says) as caught:
        engine_of(rules)
    assert "backtrace" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_policies_without_the_entrypoint(policy_dir: Callable[..., str]) -> None:
    with pytest.raises(PolicyError, match=r"nothing defines data\.readonly_guard\.authz\.decision"):
        EmbeddedEngine(load_policies(policy_dir(**{"a.rego": "package other\n\nx := 1\n"})))


@pytest.mark.parametrize("rules", [f"decision := {ALLOW}", f"default decision := {ALLOW}\n\ndecision := 1 if input.no"])
def test_policies_that_allow_an_empty_question_are_refused(
    engine_of: Callable[[str], EmbeddedEngine], rules: str
) -> None:
    """It is the answer where a rule fails half way."""
    with pytest.raises(PolicyError, match="an empty question is allowed; the default of .* must deny"):
        engine_of(rules)


DISAGREE = """default decision := {"allow": false, "deny": []}

decision := {"allow": true, "deny": []} if has_reason

has_reason if reason := input.context.print_reason_given
"""


def test_where_the_two_forms_disagree_the_interpreter_decides(
    engine_of: Callable[[str], EmbeddedEngine], request_of: Callable[..., AccessRequest]
) -> None:
    """Regorus 0.13, compiled, takes the assignment of nothing for one that succeeded, and would allow here."""
    engine = engine_of(DISAGREE)
    assert not engine.is_compiled
    assert not engine.decide_now(request_of()).allow
    assert engine.decide_now(request_of(context={"print_reason_given": "yes"})).allow


def test_the_shipped_rules_are_decided_by_the_compiled_form(policies_dir: Path) -> None:
    """On the table of cases, and on every question of it with each field left out, null and empty in turn."""
    assert EmbeddedEngine(load_policies(str(policies_dir))).is_compiled
    assert EmbeddedEngine(load_policies(None)).is_compiled


LIST = "[1 | some i in numbers.range(1, 1000); some j in numbers.range(1, 1000); i < j]"


@pytest.mark.parametrize(
    "where",
    ['input.action.name == "read"', "true"],
)
def test_a_rule_that_goes_on_and_on_is_refused_and_named(policy_dir: Callable[..., str], where: str) -> None:
    rules = f'{HEAD}decision := {{"allow": false, "deny": []}} if data.slow.is_slow\n\ndefault decision := {{"allow": false, "deny": []}}\n'
    slow = f"package slow\n\nis_slow if {{\n\t{where}\n\tcount(_pairs) > 0\n}}\n\n_pairs := {LIST}\n"
    with pytest.raises(PolicyError, match=r"/slow\.rego:8: data\.slow\._pairs takes more than 25,000 steps") as caught:
        EmbeddedEngine(load_policies(policy_dir(**{"authz.rego": rules, "slow.rego": slow})))
    assert "\n" not in str(caught.value)
