"""What policies must withstand before they decide: they are compiled, rehearsed and held against the interpreter.

What fails only when it is evaluated shows here, at start, and not at the first user.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Final

import msgspec

from readonly_guard.domain import AccessRequest, Action, Subject
from readonly_guard.errors import PolicyError, PolicyUnavailable
from readonly_guard.policy.agreement import MOST_STEPS, Ask, Exhausted, NotJsonError, agree, ask_engine, questions
from readonly_guard.policy.answer import decode_answer
from readonly_guard.policy.bundle import SHIPPED, PolicySet
from readonly_guard.policy.extract import document_of
from readonly_guard.policy.likeness import RULES, digest_of
from readonly_guard.policy.plan import Step, plan_of, whole
from readonly_guard.policy.port import ENTRYPOINT, RECORDS, STANDING
from readonly_guard.policy.prepared import Prepared, compile_rule, interpreter_of, machine_of
from readonly_guard.policy.reads import Path, Syntax
from readonly_guard.policy.references import References, deepest, refuse_recursion
from readonly_guard.policy.rego_error import explain
from readonly_guard.policy.stages import Asks, Stages

__all__ = ["prepare"]

_REHEARSED: Final = ("read", "search", "print", "catalog", "session", "write")
_REMEMBERED_AGREEMENTS: Final = 64

_agreed: dict[bytes, bool] = {}
"""By rules and cases, whether the two forms of regorus answer alike."""


def prepare(policies: PolicySet) -> tuple[Prepared, Asks | None]:
    """Compile policies and try them.

    Returns:
        What decides by them, and what this thread has made of it already: large data takes a while.

    Raises:
        PolicyError: a module does not compile, the entrypoint is missing, or a rehearsal of every action fails, gives
            something that is not an answer, or is allowed without a question.
    """
    interpreter = interpreter_of(policies, policies.data)
    interpreted = ask_engine(interpreter, ENTRYPOINT)
    trees = msgspec.json.decode(interpreter.get_ast_as_json())
    references = References(trees)
    refuse_recursion(policies.origin, references)
    entry = compile_rule(policies, ENTRYPOINT, policies.modules)
    syntax = Syntax(trees)
    at_once = whole(policies.modules, syntax)
    try:
        try:
            prepared = _compiled(policies, plan_of(policies.modules, syntax), syntax)
            asks = _rehearsed(prepared, interpreted)
            agrees = policies.origin == SHIPPED or _agrees(prepared)
        except NotJsonError:  # what a stage finds cannot be handed on: then there is but one
            prepared = _compiled(policies, at_once, syntax)
            asks = _rehearsed(prepared, interpreted)
            agrees = _agrees(prepared)
    except Exhausted as error:
        raise _too_long(policies, syntax, references, error.question) from None
    if agrees:
        return prepared, asks
    programs = {ENTRYPOINT: entry}
    return Prepared(policies=policies, steps=at_once, programs=programs, is_compiled=False, knows_alike=False), None


def _compiled(policies: PolicySet, steps: tuple[Step, ...], syntax: Syntax) -> Prepared:
    return Prepared(
        policies=policies,
        steps=steps,
        programs={step.rule: compile_rule(policies, step.asked, step.modules) for step in steps},
        is_compiled=True,
        knows_alike=_are_rules_known(policies, steps, syntax),
    )


def _are_rules_known(policies: PolicySet, steps: tuple[Step, ...], syntax: Syntax) -> bool:
    """Whether all rules that look at patients are those of which `readonly_guard.policy.likeness` knows."""
    records = next((step for step in steps if step.rule == RECORDS), None)
    if records is None or records.reads.packages is None or records.earlier != (STANDING,):
        return False
    files = frozenset[str]().union(*map(syntax.files_of, records.reads.packages))
    return digest_of(text for path, text in policies.modules if path in files) == RULES


def _rehearsed(prepared: Prepared, interpreted: Ask) -> Asks:
    """Ask both forms about every action, and about nothing at all."""
    origin = prepared.policies.origin
    data = prepared.policies.data
    stages, asks = prepared.stages(data), prepared.asks(data)
    for name in _REHEARSED:
        _spend(name, stages, asks)
        _rehearse(origin, interpreted, name)
    _ask_nothing(origin, interpreted)
    return asks


def _agrees(prepared: Prepared) -> bool:
    """Whether both forms answer alike; found out once for the same rules and cases."""
    policies = prepared.policies
    table = policies.cases
    key = hashlib.sha256(repr((policies.modules, table, tuple(step.rule for step in prepared.steps))).encode()).digest()
    if key not in _agreed:
        documents = policies.own_data | (table.data if table else {})
        interpreted = ask_engine(interpreter_of(policies, documents), ENTRYPOINT)
        compiled = partial(prepared.stages(documents).answer, asks=prepared.asks(documents))
        _agreed[key] = agree(interpreted, compiled, questions(table, _question("read")))
        while len(_agreed) > _REMEMBERED_AGREEMENTS:
            del _agreed[next(iter(_agreed))]
    return _agreed[key]


def _spend(name: str, stages: Stages, asks: Asks) -> None:
    """Ask the compiled form first, which stops a rule that goes on and on; the interpreter would not."""
    question = _question(name)
    try:
        stages.answer(document_of(question), asks)
    except Exhausted:
        raise Exhausted(msgspec.json.encode(question).decode()) from None
    except (RuntimeError, PolicyUnavailable):
        return  # the interpreter tells what is wrong


def _too_long(policies: PolicySet, syntax: Syntax, references: References, question: str) -> PolicyError:
    """Names the rule that takes so many steps: the last on the way down from the entrypoint that does."""
    modules, data = policies.modules, policies.data

    def is_too_long(rule: Path) -> bool:
        name = ".".join(("data", *rule))
        try:
            program = compile_rule(policies, name, modules)
            machine_of(Step(name, name, modules, syntax.reads(rule, {}), (), {}), program, data)(question)
        except Exhausted:
            return True
        except (PolicyError, RuntimeError):
            return False  # a function has no value by itself
        return False

    rule = deepest(tuple(ENTRYPOINT.split(".")[1:]), references, is_too_long)
    file, line = references.rules[rule]
    return PolicyError(
        f"{policies.origin}/{file}:{line}: data.{'.'.join(rule)} takes more than {MOST_STEPS:,} steps, "
        "where the engine stops and the guard denies; look up by key instead of going through lists"
    )


def _rehearse(origin: str, interpreted: Ask, name: str) -> None:
    """Ask a harmless question, so that what fails only when evaluated shows at start and not at the first user."""
    try:
        decode_answer(interpreted(msgspec.json.encode(_question(name)).decode()), revision="")
    except (RuntimeError, PolicyUnavailable) as error:
        raise PolicyError(f"{origin}: asked about the action {name!r}: {explain(error)}") from None


def _ask_nothing(origin: str, interpreted: Ask) -> None:
    """What is answered to no question at all is what is answered when a rule fails half way: never yes."""
    try:
        answer = decode_answer(interpreted("{}"), revision="")
    except (RuntimeError, PolicyUnavailable):
        return  # no answer is a denial
    if answer.allow:
        raise PolicyError(
            f"{origin}: an empty question is allowed; the default of {ENTRYPOINT} must deny, "
            "it is the answer where a rule fails"
        )


def _question(action: str) -> AccessRequest:
    """A question about which nothing is known."""
    return AccessRequest(
        request_id="rehearsal",
        subject=Subject(id=""),
        action=Action(name=action, properties={"kinds": [], "phase": "query"}),
        resources=(),
        context={
            "time": "2025-01-01T00:00:00.000000Z",
            "purpose": None,
            "case_reference": None,
            "print_reason": None,
            "justification": None,
            "database": "",
            "client_address": "",
            "application_name": "",
            "listener": "",
            "patients": [],
            "information_sets": [],
            "is_bound": False,
        },
    )
