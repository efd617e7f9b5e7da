"""The policies, evaluated in this process by regorus: the default engine.

Decisions come from regorus's compiled form, which is nine times as fast as its interpreter, unless the two disagree:
then the interpreter decides (docs/decisions/0015-decide-with-compiled-rego.md).
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from typing import Any, Final

import msgspec
import regorus

from readonly_guard.domain import AccessRequest, Action, Answer, Subject
from readonly_guard.errors import PolicyError, PolicyUnavailable
from readonly_guard.policy.agreement import Ask, agree, ask_engine, ask_machine, questions
from readonly_guard.policy.answer import decode_answer
from readonly_guard.policy.bundle import SHIPPED, PolicySet
from readonly_guard.policy.cache import AnswerCache
from readonly_guard.policy.port import ENTRYPOINT
from readonly_guard.policy.rego_error import explain, place_of

__all__ = ["EmbeddedEngine"]

_REHEARSED: Final = ("read", "search", "print", "catalog", "session", "write")
_NO_RULE: Final = "not a valid rule path"  # regorus, of a rule that no module has
_REMEMBERED: Final = 4_096  # answers
_REMEMBERED_AGREEMENTS: Final = 64


class _Own(threading.local):
    """What a thread has made of each engine: regorus objects must also go in the thread that made them.

    So they are kept here and not by the engine, which may be collected in any thread, and go when their thread makes
    the next or ends.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[EmbeddedEngine], Ask]] = {}

    def of(self, engine: EmbeddedEngine) -> Ask | None:
        """What this thread has made of an engine."""
        owner, ask = self._kept.get(id(engine), (None, None))
        return ask if owner is not None and owner() is engine else None

    def keep(self, engine: EmbeddedEngine, ask: Ask) -> Ask:
        """Keep what was made of an engine, and let go what is nobody's any more."""
        for key in [key for key, (owner, _) in self._kept.items() if owner() is None]:
            del self._kept[key]
        self._kept[id(engine)] = (weakref.ref(engine), ask)
        return ask

    def forget(self, engine: EmbeddedEngine) -> None:
        """Use it no more."""
        self._kept.pop(id(engine), None)


_own: Final = _Own()


class EmbeddedEngine:
    """A policy decision point in this process, usable from any thread and from async code alike.

    regorus objects belong to the thread that made them, so each thread makes its own on first use. Answers are
    remembered until they expire.

    Args:
        policies: what to evaluate, see :func:`readonly_guard.policy.load_policies`.

    Raises:
        PolicyError: a module does not compile, the entrypoint is missing, or a rehearsal of every action fails, gives
            something that is not an answer, or is allowed without a question.
    """

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._data = msgspec.json.encode(policies.data).decode()
        self._cache = AnswerCache(_REMEMBERED)
        interpreted = ask_engine(self._interpreter(self._data), ENTRYPOINT)
        self._program = self._compiled()
        for name in _REHEARSED:
            self._rehearse(interpreted, name)
        self._ask_nothing(interpreted)
        self._is_compiled = policies.origin == SHIPPED or self._agrees()

    @property
    def is_compiled(self) -> bool:
        """Whether the compiled form decides; False where it answered otherwise than the interpreter."""
        return self._is_compiled

    def with_data(self, data: dict[str, Any]) -> EmbeddedEngine:
        """The same rules on other data, without a rehearsal: for trying many."""
        other = object.__new__(EmbeddedEngine)
        other._policies = msgspec.structs.replace(self._policies, data=data)
        other._data = msgspec.json.encode(data).decode()
        other._cache = AnswerCache(_REMEMBERED)
        other._program = self._program
        other._is_compiled = self._is_compiled
        return other

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
        try:
            remembered = self._cache.get(request)
            question = msgspec.json.encode(request).decode() if remembered is None else ""
        except (TypeError, ValueError, RecursionError) as error:
            raise PolicyUnavailable(f"the question is not JSON: {type(error).__name__}") from None
        if remembered is not None:
            return remembered
        try:
            value = self._evaluate(question)
        except RuntimeError as error:
            # the place only: the message can quote what was declared, and so a literal of the statement
            raise PolicyUnavailable(f"a rule failed at {place_of(error)}") from None
        answer = decode_answer(value, revision=self._policies.revision)
        self._cache.put(request, answer)
        return answer

    def _evaluate(self, question: str) -> Any:
        """The entrypoint's value; RuntimeError when a rule fails, PolicyUnavailable when the engine itself does."""
        try:
            ask = _own.of(self) or _own.keep(self, self._form(self._data))
            return ask(question)
        except (RuntimeError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  a panic in the extension derives from it
            # it is not used again: a panic may have left it half way
            _own.forget(self)
            raise PolicyUnavailable(f"the policy engine failed: {type(error).__name__}") from None

    def _form(self, data: str) -> Ask:
        return self._machine(data) if self._is_compiled else ask_engine(self._interpreter(data), ENTRYPOINT)

    def _machine(self, data: str) -> Ask:
        machine = regorus.Rvm()
        program, _ = regorus.Program.deserialize_binary(self._program)
        machine.load_program(program)
        machine.set_data_json(data)
        return ask_machine(machine)

    def _agrees(self) -> bool:
        """Whether both forms answer alike; found out once for the same rules and cases."""
        table = self._policies.cases
        key = hashlib.sha256(repr((self._policies.modules, table)).encode()).digest()
        if key not in _agreed:
            documents = self._policies.own_data | (table.data if table else {})
            data = msgspec.json.encode(documents).decode()
            asked = questions(table, _question("read"))
            _agreed[key] = agree(ask_engine(self._interpreter(data), ENTRYPOINT), self._machine(data), asked)
            while len(_agreed) > _REMEMBERED_AGREEMENTS:
                del _agreed[next(iter(_agreed))]
        return _agreed[key]

    def _interpreter(self, data: str) -> regorus.Engine:
        engine = regorus.Engine()
        try:
            for path, text in self._policies.modules:
                engine.add_policy(path, text)
            engine.add_data_json(data)
        except RuntimeError as error:
            raise PolicyError(
                f"{self._policies.origin}: {explain(error)}; correct it (`opa check --strict` shows the place)"
            ) from None
        return engine

    def _compiled(self) -> bytes:
        """The compiled modules; finds functions and variables that do not exist, which the interpreter meets late."""
        try:
            program = regorus.Program.compile_from_modules("{}", list(self._policies.modules), [ENTRYPOINT])
            return bytes(program.serialize_binary())
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            what = explain(error)
            if what == _NO_RULE:
                raise PolicyError(
                    f"{self._policies.origin}: nothing defines {ENTRYPOINT}, which is what the guard asks for; "
                    "name a directory of policies that does"
                ) from None
            raise PolicyError(
                f"{self._policies.origin}: {what}; correct it (`opa check --strict` shows the place)"
            ) from None

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
