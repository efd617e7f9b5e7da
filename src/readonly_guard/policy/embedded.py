"""The policies, evaluated in this process by regorus: the default engine.

Decisions come from regorus's compiled form, in stages (`readonly_guard.policy.stages`), unless it disagrees with the
interpreter: then that decides (docs/decisions/0015-decide-with-compiled-rego.md). The compiled form stops after so many
steps, and so is asked before the interpreter wherever a rule might go on and on.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Final, Self

import msgspec

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.policy.agreement import Exhausted, NotJsonError
from readonly_guard.policy.bundle import PolicySet
from readonly_guard.policy.extract import document_of
from readonly_guard.policy.prepared import Prepared
from readonly_guard.policy.rego_error import place_of
from readonly_guard.policy.rehearsal import prepare
from readonly_guard.policy.residual import Residual, residual_of
from readonly_guard.policy.stages import Asks

__all__ = ["EmbeddedEngine"]


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
        self._prepared, asks = prepare(policies)
        self._stages = self._prepared.stages(self._prepared.policies.data)
        if asks is not None:
            _own.keep(self, asks)

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """An engine of policies that were prepared before, here or in another process; they are not rehearsed again."""
        other = object.__new__(cls)
        other._prepared = prepared
        other._stages = prepared.stages(prepared.policies.data)
        return other

    @property
    def prepared(self) -> Prepared:
        """What :meth:`of` makes the same engine from."""
        return self._prepared

    @property
    def is_compiled(self) -> bool:
        """Whether the compiled form decides; False where it answered otherwise than the interpreter."""
        return self._prepared.is_compiled

    @property
    def knows_alike(self) -> bool:
        """Whether the rules about patients are the shipped ones, whose answers hold for all who are alike."""
        return self._prepared.knows_alike

    @property
    def cases(self) -> int:
        """How many cases the policies bring to be tried on."""
        table = self._prepared.policies.cases
        return 0 if table is None else len(table.cases)

    @property
    def stages(self) -> tuple[str, ...]:
        """The rules that are evaluated and remembered each by itself; the entrypoint is the last."""
        return tuple(step.rule for step in self._prepared.steps)

    def with_data(self, data: dict[str, Any]) -> EmbeddedEngine:
        """The same rules on other data, without a rehearsal: for trying many."""
        policies = msgspec.structs.replace(self._prepared.policies, data=data)
        return EmbeddedEngine.of(msgspec.structs.replace(self._prepared, policies=policies))

    @property
    def revision(self) -> str:
        """The policies and data in force."""
        return self._prepared.policies.revision

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
        return residual_of(self._stages, document_of(request))

    def decide_rest(self, residual: Residual, patients: tuple[str, ...]) -> Answer:
        """Answer what is left of a request, about these patients; raises as :meth:`decide_now`."""
        return self._evaluated(lambda asks: residual.answer(patients, asks))

    def _evaluated(self, evaluate: Callable[[Asks], Answer]) -> Answer:
        try:
            return evaluate(_own.of(self) or _own.keep(self, self._prepared.asks(self._prepared.policies.data)))
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
