"""What the proxy needs from outside, as protocols: who decides, and who judges a startup packet.

`readonly_guard.Guard` and `readonly_guard.sql.judge_startup` are these; tests bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from readonly_guard.domain import Decision, Declared, Login, Reason, Session, StatementRequest, Subject

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

    async def refuse(self, request: StatementRequest, code: str, what: str, /) -> Decision:
        """Deny without reading the text, with one of the core's codes, and record it."""
        ...

    def identify(self, login: Login, /) -> Subject | Reason:
        """Whose login this is, or why it is refused."""
        ...

    def completed(
        self, decision: Decision, /, *, rows: int | None, bytes_sent: int, duration_us: int, sqlstate: str = ""
    ) -> None:
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
