"""The embedded engine: threads, and that whatever goes wrong later is a denial."""

import gc
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from readonly_guard.domain import AccessRequest
from readonly_guard.errors import PolicyError, PolicyUnavailable
from readonly_guard.policy import EmbeddedEngine, embedded, load_policies

HEAD = "package readonly_guard.authz\n\n"
ALLOW = '{"allow": true, "deny": []}'


@pytest.fixture
def engine(policies_dir: Path, overlay: Callable[..., str], people: Any) -> EmbeddedEngine:
    return EmbeddedEngine(load_policies(str(policies_dir), (overlay(**people),)))


@pytest.fixture
def engine_of(policy_dir: Callable[..., str]) -> Callable[[str], EmbeddedEngine]:
    return lambda rules: EmbeddedEngine(load_policies(policy_dir(**{"authz.rego": HEAD + rules})))


def test_rules_may_stand_in_another_file_of_the_package(
    policy_dir: Callable[..., str], request_of: Callable[..., AccessRequest]
) -> None:
    allowed = f"decision := {ALLOW} if {{\n\tinput.subject.id\n\tnot off\n}}"
    rules = f'{HEAD}default decision := {{"allow": false, "deny": []}}\n\n{allowed}'
    files = {"authz.rego": rules, "more.rego": HEAD + 'off if input.context.purpose == "none of ours"'}
    engine = EmbeddedEngine(load_policies(policy_dir(**files)))
    assert engine.decide_now(request_of()).allow
    assert not engine.decide_now(request_of(context={"purpose": "none of ours"})).allow


def test_the_revision_stands_in_the_answer(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    assert engine.decide_now(request_of()).revision == engine.revision


async def test_async_is_the_same(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    assert await engine.decide(request_of()) == engine.decide_now(request_of())


def test_no_question_leaves_a_trace_in_the_next(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]
) -> None:
    for _ in range(3):
        assert engine.decide_now(request_of()).allow
        assert not engine.decide_now(request_of(subject={"id": "olle"})).allow
        assert not engine.decide_now(request_of(context={"purpose": None})).allow


@pytest.mark.parametrize(
    "rules",
    [
        f'decision := {ALLOW} if input.subject.id != "anna"',
        f'decision := {ALLOW} if is_string(input.subject.id)\n\ndecision := {{"allow": false, "deny": []}} if input.subject.id == "anna"',
        f'decision := {ALLOW} if input.subject.id != "anna"\n\ndecision := concat("", 1) if input.subject.id == "anna"',
        f'decision := {ALLOW} if input.subject.id != "anna"\n\ndecision := [1] if input.subject.id == "anna"',
    ],
    ids=["undefined", "conflict", "failing built-in", "wrong shape"],
)
def test_what_goes_wrong_later_is_no_answer_and_the_next_question_has_one(
    engine_of: Callable[[str], EmbeddedEngine], request_of: Callable[..., AccessRequest], rules: str
) -> None:
    engine = engine_of(rules)
    for _ in range(2):
        with pytest.raises(PolicyUnavailable):
            engine.decide_now(request_of())
        assert engine.decide_now(request_of(subject={"id": "bo"})).allow


@pytest.mark.parametrize("value", [object(), {1: object()}, "\ud800"], ids=["object", "nested", "surrogate"])
def test_a_question_that_is_not_json_is_no_answer(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest], value: Any
) -> None:
    request = request_of()
    context = request.context | {"purpose": value}
    with pytest.raises(PolicyUnavailable):
        engine.decide_now(msgspec.structs.replace(request, context=context))


@pytest.mark.parametrize("time", ["", "now", "2025-02-30T00:00:00Z", "9999-01-01T00:00:00Z", "2025-03-03"])
def test_a_time_that_is_none_is_a_denial(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest], time: str
) -> None:
    answer = engine.decide_now(request_of(context={"time": time}))
    assert (answer.allow, [reason.code for reason in answer.deny]) == (False, ["RG-SYS-001"])


@pytest.mark.parametrize("subject", ["", "anna\0", "ANNA", "anna ", "../anna", "'; --", "å" * 10_000])
def test_no_other_name_is_anna(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest], subject: str) -> None:
    answer = engine.decide_now(request_of(subject={"id": subject}))
    assert [reason.code for reason in answer.deny] == ["RG-R01"]


def test_nothing_declared_is_echoed(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    secret = "191212121212"
    declared = {"purpose": secret, "case_reference": secret, "print_reason": secret, "justification": secret}
    answer = engine.decide_now(request_of(action={"name": "print"}, context=declared))
    assert not answer.allow
    assert secret not in repr(answer)


def test_every_thread_has_its_own(engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    expected = engine.decide_now(request_of(context={"patients": ["0"]}))
    answers: list[Any] = []

    def ask() -> None:
        # another patient is another question, so that nothing is remembered
        name = threading.current_thread().name
        answers.extend(engine.decide_now(request_of(context={"patients": [f"{name} {n}"]})) for n in range(20))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 80


def test_it_may_be_collected_in_any_thread(
    policies_dir: Path, request_of: Callable[..., AccessRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies are replaced while the guard runs, and the garbage collector runs in whichever thread comes next."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    policies = load_policies(str(policies_dir))
    engines = [EmbeddedEngine(policies)]
    engines[0].decide_now(request_of())
    thread = threading.Thread(target=engines.clear)
    thread.start()
    thread.join()
    gc.collect()
    other = EmbeddedEngine(policies)
    other.decide_now(request_of())  # lets go, in this thread, of what was made of the first
    assert unraisable == []
    assert sum(owner() is None for owner, _ in embedded._own._kept.values()) == 0


def test_a_panic_in_the_engine_is_no_answer_and_the_engine_is_replaced(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]
) -> None:
    """An engine that belongs to another thread panics, with an exception that is no Exception."""
    taken: list[Any] = []

    def lend() -> None:
        engine.decide_now(request_of(subject={"id": "lent"}))
        taken.append(embedded._own.of(engine))
        release.wait(10)
        taken.clear()

    release = threading.Event()
    thread = threading.Thread(target=lend)
    thread.start()
    while not taken:
        thread.join(0.01)
    embedded._own.keep(engine, taken[0])
    with pytest.raises(PolicyUnavailable, match="PanicException"):
        engine.decide_now(request_of())
    assert engine.decide_now(request_of()).allow
    release.set()
    thread.join()


def test_ten_thousand_people(policies_dir: Path, overlay: Callable[..., str], people: Any, request_of: Any) -> None:
    anna = people["roster"]["users"]["anna"]
    users = {f"user{number}": anna for number in range(10_000)}
    engine = EmbeddedEngine(load_policies(str(policies_dir), (overlay(roster={"users": users}),)))
    assert engine.decide_now(request_of(subject={"id": "user9999"})).allow
    assert not engine.decide_now(request_of(subject={"id": "user10000"})).allow


def test_the_same_question_is_evaluated_once_and_again_after_expiry(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest]
) -> None:
    answer = engine.decide_now(request_of())
    assert engine.decide_now(request_of(request_id="other")) is answer
    tomorrow = engine.decide_now(request_of(context={"time": "2025-03-03T23:00:00.000000Z"}))
    assert tomorrow is not answer
    assert tomorrow.expires_at == "2025-03-04T23:00:00Z"


def test_a_rule_that_fails_does_not_quote_what_was_declared(
    engine_of: Callable[[str], EmbeddedEngine], request_of: Callable[..., AccessRequest]
) -> None:
    rule = f"decision := {ALLOW} if input.context.purpose == null\n\ndecision := [input.context.purpose] if is_string(input.context.purpose)"
    with pytest.raises(PolicyUnavailable) as caught:
        engine_of(rule).decide_now(request_of(context={"purpose": "191212121212"}))
    assert "191212121212" not in str(caught.value)


@pytest.mark.parametrize("action", ["read", "search", "print"])
def test_a_rule_that_is_missing_is_not_one_that_found_nothing(
    policies_dir: Path, overlay: Callable[..., str], people: Any, request_of: Any, action: str
) -> None:
    """Where a package has gone, what asks for it has no value; nothing may take that for an empty set."""
    whole = load_policies(str(policies_dir), (overlay(**people),))
    context = {"patients": ["person_id:1"], "print_reason": "MEDICAL_NEED"}
    request = request_of(action={"name": action}, context=context)
    assert EmbeddedEngine(whole).decide_now(request).allow
    refused = set()
    for package in sorted({path.split("/")[1] for path, _ in whole.modules}):
        rest = tuple(module for module in whole.modules if module[0].split("/")[1] != package)
        try:
            engine = EmbeddedEngine(msgspec.structs.replace(whole, modules=rest, cases=None))
        except PolicyError:
            refused.add(package)
        else:
            assert not engine.decide_now(request).allow, package
    assert refused == {"authz", "break_glass", "calendar", "facts", "relation"}


def test_a_question_that_makes_a_rule_go_on_and_on_is_denied(
    engine_of: Callable[[str], EmbeddedEngine], request_of: Callable[..., AccessRequest]
) -> None:
    """As many patients as this no rehearsal knows."""
    engine = engine_of(
        'default decision := {"allow": false, "deny": []}\n\n'
        f"decision := {ALLOW} if count([1 | some a in input.context.patients; some b in input.context.patients; a == b]) > 1\n"
    )
    assert not engine.decide_now(request_of(context={"patients": ["a"]})).allow
    assert engine.decide_now(request_of(context={"patients": ["a", "b"]})).allow
    with pytest.raises(PolicyUnavailable, match="more than 25,000 steps; look up by key"):
        engine.decide_now(request_of(context={"patients": [str(number) for number in range(100)]}))
    assert engine.decide_now(request_of(context={"patients": ["a", "b"]})).allow


def test_the_interpreter_is_asked_what_ends_only(
    engine_of: Callable[[str], EmbeddedEngine], request_of: Callable[..., AccessRequest]
) -> None:
    """Where the two forms disagree the interpreter decides, which has no limit of its own."""
    engine = engine_of(
        'default decision := {"allow": false, "deny": []}\n\n'
        f"decision := {ALLOW} if {{\n\tmissing := input.context.nothing\n\tinput.context.database == 0\n}}\n\n"
        f"decision := {ALLOW} if count([1 | some a in input.context.patients; some b in input.context.patients; a == b]) > 1\n"
    )
    assert not engine.is_compiled
    assert engine.decide_now(request_of(context={"patients": ["a", "b"]})).allow
    with pytest.raises(PolicyUnavailable, match="more than 25,000 steps"):
        engine.decide_now(request_of(context={"patients": [str(number) for number in range(3000)]}))
