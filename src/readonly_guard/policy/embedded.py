"""The policies, evaluated in this process by regorus: the default engine.

The interpreter is used, not regorus's compiled form: as of 0.13 the latter gives no value where two rules conflict and
where a built-in function fails, while the interpreter stops with an error, which is a denial here.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import msgspec
import regorus

from readonly_guard.domain import AccessRequest, Action, Answer, Subject
from readonly_guard.errors import PolicyError, PolicyUnavailable
from readonly_guard.policy.answer import decode_answer
from readonly_guard.policy.bundle import PolicySet
from readonly_guard.policy.cache import AnswerCache
from readonly_guard.policy.port import ENTRYPOINT
from readonly_guard.policy.rego_error import explain, place_of

__all__ = ["EmbeddedEngine"]

_REHEARSED: Final = ("read", "search", "print", "catalog", "session", "write")
_NO_RULE: Final = "not a valid rule path"  # regorus, of a rule that no module has
_MISTAKES: Final = ("Unknown function", "Undefined variable")
_REMEMBERED: Final = 4_096  # answers


class EmbeddedEngine:
    """A policy decision point in this process, usable from any thread and from async code alike.

    regorus objects belong to the thread that made them, so each thread compiles its own on first use. Answers are
    remembered until they expire.

    Args:
        policies: what to evaluate, see :func:`readonly_guard.policy.load_policies`.

    Raises:
        PolicyError: a module does not compile, the entrypoint is missing, or a rehearsal of every action fails or
            gives something that is not an answer.
    """

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._data = msgspec.json.encode(policies.data).decode()
        self._cache = AnswerCache(_REMEMBERED)
        self._local = threading.local()
        self._local.engine = self._compile()
        self._check_names()
        for name in _REHEARSED:
            self._rehearse(name)

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
        engine = getattr(self._local, "engine", None)
        try:
            if engine is None:
                engine = self._local.engine = self._compile()
            engine.set_input_json(question)
            return msgspec.json.decode(engine.eval_rule_as_json(ENTRYPOINT))
        except (RuntimeError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  a panic in the extension derives from it
            # the engine is not used again: a panic may have left it half way
            self._local.engine = None
            raise PolicyUnavailable(f"the policy engine failed: {type(error).__name__}") from None

    def _compile(self) -> regorus.Engine:
        engine = regorus.Engine()
        try:
            for path, text in self._policies.modules:
                engine.add_policy(path, text)
            engine.add_data_json(self._data)
        except RuntimeError as error:
            raise PolicyError(
                f"{self._policies.origin}: {explain(error)}; correct it (`opa check --strict` shows the place)"
            ) from None
        return engine

    def _check_names(self) -> None:
        """Find functions and variables that do not exist; the interpreter meets them only when a rule gets that far.

        The compiled form is made for its errors alone. Of those only the ones that name a mistake of the author count:
        it does not know all of Rego.
        """
        try:
            regorus.Program.compile_from_modules(self._data, list(self._policies.modules), [ENTRYPOINT])
        except BaseException as error:
            what = explain(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            if any(mistake in what for mistake in _MISTAKES):
                raise PolicyError(
                    f"{self._policies.origin}: {what}; correct it (`opa check --strict` shows the place)"
                ) from None

    def _rehearse(self, name: str) -> None:
        """Ask a harmless question, so that what fails only when evaluated shows at start and not at the first user."""
        request = AccessRequest(
            request_id="rehearsal",
            subject=Subject(id=""),
            action=Action(name=name, properties={"kinds": [], "phase": "query"}),
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
        try:
            decode_answer(self._evaluate(msgspec.json.encode(request).decode()), revision="")
        except (RuntimeError, PolicyUnavailable) as error:
            what = explain(error)
            if what == _NO_RULE:
                raise PolicyError(
                    f"{self._policies.origin}: nothing defines {ENTRYPOINT}, which is what the guard asks for; "
                    "name a directory of policies that does"
                ) from None
            raise PolicyError(f"{self._policies.origin}: asked about the action {name!r}: {what}") from None
