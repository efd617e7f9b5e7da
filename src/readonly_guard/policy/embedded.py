"""The policies, evaluated in this process by regorus: the default engine.

Decisions come from regorus's compiled form, in stages (`readonly_guard.policy.stages`), unless it disagrees with the
interpreter: then that decides (docs/decisions/0015-decide-with-compiled-rego.md). The compiled form stops after so many
steps, and so is asked before the interpreter wherever a rule might go on and on.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

import msgspec
import regorus

from readonly_guard.domain import AccessRequest, Action, Answer, Subject
from readonly_guard.errors import PolicyError, PolicyUnavailable
from readonly_guard.policy.agreement import (
    MOST_STEPS,
    Ask,
    Exhausted,
    NotJsonError,
    agree,
    ask_engine,
    ask_machine,
    fused,
    handed,
    questions,
)
from readonly_guard.policy.answer import decode_answer
from readonly_guard.policy.bundle import SHIPPED, Module, PolicySet
from readonly_guard.policy.extract import document_of
from readonly_guard.policy.likeness import RULES, digest_of
from readonly_guard.policy.plan import Step, plan_of, whole
from readonly_guard.policy.port import ENTRYPOINT, RECORDS
from readonly_guard.policy.reads import Path, Syntax
from readonly_guard.policy.references import References, deepest, refuse_recursion
from readonly_guard.policy.rego_error import explain, place_of
from readonly_guard.policy.residual import Residual, residual_of
from readonly_guard.policy.stages import Asks, Stage, Stages, parts_of

__all__ = ["EmbeddedEngine", "Prepared"]

_REHEARSED: Final = ("read", "search", "print", "catalog", "session", "write")
_NO_RULE: Final = "not a valid rule path"  # regorus, of a rule that no module has
_REMEMBERED_AGREEMENTS: Final = 64


class _Own(threading.local):
    """What a thread has made of each engine: regorus objects must also go in the thread that made them.

    So they are kept here and not by the engine, which may be collected in any thread, and go when their thread makes
    the next or ends.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[EmbeddedEngine], Asks]] = {}

    def of(self, engine: EmbeddedEngine) -> Asks | None:
        """What this thread has made of an engine."""
        owner, asks = self._kept.get(id(engine), (None, None))
        return asks if owner is not None and owner() is engine else None

    def keep(self, engine: EmbeddedEngine, asks: Asks) -> Asks:
        """Keep what was made of an engine, and let go what is nobody's any more."""
        for key in [key for key, (owner, _) in self._kept.items() if owner() is None]:
            del self._kept[key]
        self._kept[id(engine)] = (weakref.ref(engine), asks)
        return asks

    def forget(self, engine: EmbeddedEngine) -> None:
        """Use it no more."""
        self._kept.pop(id(engine), None)


_own: Final = _Own()


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """An engine as plain values, so that one process can make it and another use it."""

    policies: PolicySet
    steps: tuple[Step, ...]
    programs: dict[str, bytes]
    is_compiled: bool
    knows_alike: bool


class EmbeddedEngine:
    """A policy decision point in this process, usable from any thread and from async code alike.

    regorus objects belong to the thread that made them, so each thread makes its own on first use. What each stage
    finds is remembered, as long as it holds.

    Args:
        policies: what to evaluate, see :func:`readonly_guard.policy.load_policies`.

    Raises:
        PolicyError: a module does not compile, the entrypoint is missing, or a rehearsal of every action fails, gives
            something that is not an answer, or is allowed without a question.
    """

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        interpreter = self._interpreter(policies.data)
        interpreted = ask_engine(interpreter, ENTRYPOINT)
        trees = msgspec.json.decode(interpreter.get_ast_as_json())
        references = References(trees)
        refuse_recursion(policies.origin, references)
        entry = self._compile(ENTRYPOINT, policies.modules)
        syntax = Syntax(trees)
        self._is_compiled = True
        at_once = whole(policies.modules, syntax)
        try:
            try:
                agrees = self._try(plan_of(policies.modules, syntax), interpreted)
            except NotJsonError:  # what a stage finds cannot be handed on: then there is but one
                agrees = self._try(at_once, interpreted)
        except Exhausted as error:
            raise self._too_long(syntax, references, error.question) from None
        self._stages = self._fresh()
        if not agrees:
            _own.forget(self)
            self._is_compiled = False
            self._steps, self._programs = at_once, {ENTRYPOINT: entry}
            self._stages = self._fresh()
        self._knows_alike = self._are_rules_known(syntax)

    def _try(self, steps: tuple[Step, ...], interpreted: Ask) -> bool:
        """Take these steps, if what is asked at start goes well; whether they answer as the interpreter does."""
        self._steps = steps
        self._programs = {step.rule: self._compile(step.asked, step.modules) for step in steps}
        self._stages = self._fresh()
        asks = _own.keep(self, self._asks(self._policies.data))
        for name in _REHEARSED:
            self._spend(name, asks)
            self._rehearse(interpreted, name)
        self._ask_nothing(interpreted)
        return self._policies.origin == SHIPPED or self._agrees()

    @property
    def is_compiled(self) -> bool:
        """Whether the compiled form decides; False where it answered otherwise than the interpreter."""
        return self._is_compiled

    @property
    def knows_alike(self) -> bool:
        """Whether the rules about patients are the shipped ones, whose answers hold for all who are alike."""
        return self._knows_alike

    @property
    def cases(self) -> int:
        """How many cases the policies bring to be tried on."""
        table = self._policies.cases
        return 0 if table is None else len(table.cases)

    @property
    def stages(self) -> tuple[str, ...]:
        """The rules that are evaluated and remembered each by itself; the entrypoint is the last."""
        return tuple(step.rule for step in self._steps)

    @property
    def prepared(self) -> Prepared:
        """What :meth:`of` makes the same engine from, without compiling it."""
        return Prepared(
            policies=self._policies,
            steps=self._steps,
            programs=self._programs,
            is_compiled=self._is_compiled,
            knows_alike=self._knows_alike,
        )

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """An engine that was made before, here or in another process; it is not rehearsed again."""
        other = object.__new__(cls)
        other._policies, other._steps = prepared.policies, prepared.steps
        other._programs, other._is_compiled = prepared.programs, prepared.is_compiled
        other._knows_alike = prepared.knows_alike
        other._stages = other._fresh()
        return other

    def with_data(self, data: dict[str, Any]) -> EmbeddedEngine:
        """The same rules on other data, without a rehearsal: for trying many."""
        policies = msgspec.structs.replace(self._policies, data=data)
        return EmbeddedEngine.of(msgspec.structs.replace(self.prepared, policies=policies))

    @property
    def revision(self) -> str:
        """The policies and data in force."""
        return self._policies.revision

    async def decide(self, request: AccessRequest) -> Answer:
        """Answer one request; never waits."""
        return self.decide_now(request)

    def decide_now(self, request: AccessRequest) -> Answer:
        """Answer one request.

        Raises:
            PolicyUnavailable: evaluation failed, or its value is not an answer.
        """
        return self._evaluated(lambda asks: self._stages.answer(document_of(request), asks))

    def residual_of(self, request: AccessRequest) -> Residual | None:
        """What is left of a request that was just answered, for other patients."""
        data = self._policies.data if self._knows_alike else None
        return residual_of(self._stages, document_of(request), data)

    def decide_rest(self, residual: Residual, patients: tuple[str, ...]) -> Answer:
        """Answer what is left of a request, about these patients; raises as :meth:`decide_now`."""
        return self._evaluated(lambda asks: residual.answer(patients, asks))

    def _evaluated(self, evaluate: Callable[[Asks], Answer]) -> Answer:
        try:
            return evaluate(_own.of(self) or _own.keep(self, self._asks(self._policies.data)))
        except (KeyboardInterrupt, SystemExit, PolicyUnavailable):
            raise
        except Exhausted as error:
            raise PolicyUnavailable(f"a rule takes {error}; look up by key instead of going through lists") from None
        except NotJsonError as error:
            raise PolicyUnavailable(str(error)) from None
        except (TypeError, ValueError, RecursionError) as error:
            raise PolicyUnavailable(f"the question is not JSON: {type(error).__name__}") from None
        except RuntimeError as error:
            # the place only: the message can quote what was declared, and so a literal of the statement
            raise PolicyUnavailable(f"a rule failed at {place_of(error)}") from None
        except BaseException as error:  # noqa: BLE001  a panic in the extension derives from it
            # it is not used again: a panic may have left it half way
            _own.forget(self)
            raise PolicyUnavailable(f"the policy engine failed: {type(error).__name__}") from None

    def _are_rules_known(self, syntax: Syntax) -> bool:
        """Whether all rules that look at patients are those of which `readonly_guard.policy.likeness` knows."""
        packages = next((step.reads.packages for step in self._steps if step.rule == RECORDS), None)
        if packages is None:
            return False
        files = frozenset[str]().union(*map(syntax.files_of, packages))
        return digest_of(text for path, text in self._policies.modules if path in files) == RULES

    def _fresh(self) -> Stages:
        """The stages, with nothing remembered."""
        *earlier, last = self._steps
        return Stages(
            tuple(
                Stage(step.rule, step.reads, step.earlier, partial(parts_of, readers=step.readers)) for step in earlier
            ),
            Stage(last.rule, last.reads, last.earlier, partial(decode_answer, revision=self._policies.revision)),
        )

    def _asks(self, data: dict[str, Any]) -> Asks:
        if not self._is_compiled:
            (step,) = self._steps
            machine = self._machine(step, self._programs[ENTRYPOINT], data)
            return {ENTRYPOINT: fused(machine, ask_engine(self._interpreter(data), ENTRYPOINT))}
        return {step.rule: self._machine(step, self._programs[step.rule], data) for step in self._steps}

    def _machine(self, step: Step, program_bytes: bytes, data: dict[str, Any]) -> Ask:
        """A step's program with the documents that it reads."""
        machine = regorus.Rvm()
        program, _ = regorus.Program.deserialize_binary(program_bytes)
        machine.load_program(program)
        roots = step.reads.data
        documents = data if roots is None else {key: value for key, value in data.items() if key in roots}
        machine.set_data_json(msgspec.json.encode(documents).decode())
        ask = ask_machine(machine)
        return ask if step.asked == step.rule else handed(ask, step.rule)

    def _agrees(self) -> bool:
        """Whether both forms answer alike; found out once for the same rules and cases."""
        table = self._policies.cases
        key = hashlib.sha256(repr((self._policies.modules, table, self.stages)).encode()).digest()
        if key not in _agreed:
            documents = self._policies.own_data | (table.data if table else {})
            interpreted = ask_engine(self._interpreter(documents), ENTRYPOINT)
            compiled = partial(self._fresh().answer, asks=self._asks(documents))
            _agreed[key] = agree(interpreted, compiled, questions(table, _question("read")))
            while len(_agreed) > _REMEMBERED_AGREEMENTS:
                del _agreed[next(iter(_agreed))]
        return _agreed[key]

    def _interpreter(self, data: dict[str, Any]) -> regorus.Engine:
        engine = regorus.Engine()
        try:
            for path, text in self._policies.modules:
                engine.add_policy(path, text)
            engine.add_data_json(msgspec.json.encode(data).decode())
        except RuntimeError as error:
            raise PolicyError(
                f"{self._policies.origin}: {explain(error)}; correct it (`opa check --strict` shows the place)"
            ) from None
        return engine

    def _compile(self, rule: str, modules: tuple[Module, ...]) -> bytes:
        """A rule compiled; finds functions and variables that do not exist, which the interpreter meets late."""
        try:
            program = regorus.Program.compile_from_modules("{}", list(modules), [rule])
            return bytes(program.serialize_binary())
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            what = explain(error)
            if what == _NO_RULE:
                raise PolicyError(
                    f"{self._policies.origin}: nothing defines {rule}, which is what the guard asks for; "
                    "name a directory of policies that does"
                ) from None
            raise PolicyError(
                f"{self._policies.origin}: {what}; correct it (`opa check --strict` shows the place)"
            ) from None

    def _spend(self, name: str, asks: Asks) -> None:
        """Ask the compiled form first, which stops a rule that goes on and on; the interpreter would not."""
        question = _question(name)
        try:
            self._stages.answer(document_of(question), asks)
        except Exhausted:
            raise Exhausted(msgspec.json.encode(question).decode()) from None
        except (RuntimeError, PolicyUnavailable):
            return  # the interpreter tells what is wrong

    def _too_long(self, syntax: Syntax, references: References, question: str) -> PolicyError:
        """Names the rule that takes so many steps: the last on the way down from the entrypoint that does."""
        modules, data = self._policies.modules, self._policies.data

        def is_too_long(rule: Path) -> bool:
            name = ".".join(("data", *rule))
            try:
                program = self._compile(name, modules)
                self._machine(Step(name, name, modules, syntax.reads(rule, {}), (), {}), program, data)(question)
            except Exhausted:
                return True
            except (PolicyError, RuntimeError):
                return False  # a function has no value by itself
            return False

        rule = deepest(tuple(ENTRYPOINT.split(".")[1:]), references, is_too_long)
        file, line = references.rules[rule]
        return PolicyError(
            f"{self._policies.origin}/{file}:{line}: data.{'.'.join(rule)} takes more than {MOST_STEPS:,} steps, "
            "where the engine stops and the guard denies; look up by key instead of going through lists"
        )

    def _rehearse(self, interpreted: Ask, name: str) -> None:
        """Ask a harmless question, so that what fails only when evaluated shows at start and not at the first user."""
        try:
            decode_answer(interpreted(msgspec.json.encode(_question(name)).decode()), revision="")
        except (RuntimeError, PolicyUnavailable) as error:
            raise PolicyError(f"{self._policies.origin}: asked about the action {name!r}: {explain(error)}") from None

    def _ask_nothing(self, interpreted: Ask) -> None:
        """What is answered to no question at all is what is answered when a rule fails half way: never yes."""
        try:
            answer = decode_answer(interpreted("{}"), revision="")
        except (RuntimeError, PolicyUnavailable):
            return  # no answer is a denial
        if answer.allow:
            raise PolicyError(
                f"{self._policies.origin}: an empty question is allowed; the default of {ENTRYPOINT} must deny, "
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


_agreed: dict[bytes, bool] = {}
"""By rules and cases, whether the two forms of regorus answer alike."""
