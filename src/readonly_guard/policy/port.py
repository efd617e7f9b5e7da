"""The policy decision point as the guard sees it: one question, one strictly decoded answer.

Engines implement this; `readonly_guard.policy.embedded` does in process, `readonly_guard.policy.opa` over HTTP.
"""

from __future__ import annotations

from typing import Final, Protocol

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.policy.residual import Residual

__all__ = [
    "ENTRYPOINT",
    "RECORDS",
    "STAGES",
    "STANDING",
    "PartialDecisionPoint",
    "PolicyDecisionPoint",
    "SyncPolicyDecisionPoint",
]

ENTRYPOINT: Final = "data.readonly_guard.authz.decision"
"""The one question that is asked."""

STANDING: Final = "data.readonly_guard.standing.answer"
RECORDS: Final = "data.readonly_guard.records.answer"
STAGES: Final = (STANDING, RECORDS)
"""Rules on the way to it whose values the embedded engine remembers: what is the same whoever the patient is, and what
is found about the patients."""


class PolicyDecisionPoint(Protocol):
    """Answers access requests.

    ``revision`` names the policies and data in force, for example a digest; it is recorded with every decision.
    """

    @property
    def revision(self) -> str:
        """Which policies and data are in force."""
        ...

    async def decide(self, request: AccessRequest) -> Answer:
        """Answer one request.

        Raises:
            PolicyUnavailable: there is no usable answer: undefined, malformed, late, or the engine failed.
        """
        ...


class SyncPolicyDecisionPoint(PolicyDecisionPoint, Protocol):
    """A decision point that can also answer without an event loop."""

    def decide_now(self, request: AccessRequest) -> Answer:
        """Answer one request at once; as :meth:`decide`."""
        ...


class PartialDecisionPoint(SyncPolicyDecisionPoint, Protocol):
    """A decision point that can also answer all of a question but what depends on its patients."""

    def residual_of(self, request: AccessRequest) -> Residual | None:
        """What is left of a request that was just answered; None where that cannot be told apart."""
        ...

    def decide_rest(self, residual: Residual, patients: tuple[str, ...]) -> Answer:
        """Answer the same request about these patients, at a time at which the residual holds; as `decide_now`."""
        ...
