"""What the proxy needs from outside, as protocols: who decides, and who judges a startup packet.

`readonly_guard.Guard` and `readonly_guard.sql.judge_startup` are these; tests bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from readonly_guard.asker import Asker
from readonly_guard.domain import Decision, Declared, Login, Parameters, Reason, Session, StatementRequest, Subject
from readonly_guard.errors import DecisionUnavailable
from readonly_guard.precedents import Repetition

__all__ = ["DecisionMaker", "StartupJudge", "StartupJudgement"]


class DecisionMaker(Protocol):
    """Decides about texts and keeps the log. A decision that is returned has been recorded durably."""

    async def decide(self, request: StatementRequest, /) -> Decision:
        """Decide whether a text may be released."""
        ...

    def decide_soon(self, request: StatementRequest, then: Callable[[Decision], None], /) -> bool:
        """Decide now, where nothing has to be waited for but the log, and call ``then`` with the decision.

        Returns:
            False where something has to be: nothing was done, and :meth:`decide` has to be asked.
        """
        ...

    def find_precedent(
        self, asker: Asker, phase: str, text: str, parameters: Parameters | None, /
    ) -> Repetition | None:
        """What a request can be allowed by at once; nothing is recorded yet."""
        ...

    def repeat(self, repetition: Repetition, then: Callable[[DecisionUnavailable | None], None], /) -> str:
        """Allow again what a precedent allows, and call ``then`` when that is recorded, or with why it is not.

        Returns:
            The decision's id.

        Raises:
            DecisionUnavailable: it could not be recorded, and counts as not made.
        """
        ...

    async def refuse(self, request: StatementRequest, code: str, what: str, /) -> Decision:
        """Deny without reading the text, with one of the core's codes, and record it."""
        ...

    def identify(self, login: Login, /) -> Subject | Reason:
        """Whose login this is, or why it is refused."""
        ...

    def ended(self, decision_id: str, rows: int | None, bytes_sent: int, duration_us: int, sqlstate: str, /) -> None:
        """Record how a released statement ended."""
        ...

    def session_event(
        self, event: str, session: Session, subject: str, /, *, codes: tuple[str, ...] = (), detail: str = ""
    ) -> None:
        """Record that a session ``opened``, ``closed`` or was ``refused``."""
        ...


class StartupJudgement(Protocol):
    """What a startup packet comes to."""

    @property
    def forward(self) -> Mapping[str, str]:
        """The parameters to send to the server."""
        ...

    @property
    def declared(self) -> Declared:
        """What the client declared with ``readonly_guard.*`` settings."""
        ...

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the connection is refused; empty when it is not."""
        ...


StartupJudge = Callable[[Mapping[str, str]], StartupJudgement]
