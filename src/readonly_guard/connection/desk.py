"""The desk: on whose behalf one connection asks, what has been declared there, and what the log is told of it."""

from __future__ import annotations

import time

from readonly_guard.codes import Sqlstate
from readonly_guard.connection.denied import denied
from readonly_guard.domain import Decision, Declared, Earlier, Language, Parameters, Session, StatementRequest, Subject
from readonly_guard.guard import Guard

__all__ = ["Desk"]


class Desk:
    """Asks the guard for one session.

    Args:
        guard: decides.
        subject: who asks.
        session: where the requests come from.
        initial: what was declared when the session began; RESET returns to it.
        language: of denials, until the session declares another.
    """

    def __init__(
        self, *, guard: Guard, subject: Subject, session: Session, initial: Declared, language: Language
    ) -> None:
        self._guard = guard
        self._initial = initial
        self._default_language = language
        self._is_open = False
        self.subject = subject
        self.session = session
        self.declared = initial

    def for_another(self, subject: Subject, session_id: str) -> Desk:
        """A desk on the same connection for somebody else, with what was declared at the beginning."""
        return Desk(
            guard=self._guard,
            subject=subject,
            session=Session(
                session_id=session_id,
                role=self.session.role,
                database=self.session.database,
                client_address=self.session.client_address,
                application_name=self.session.application_name,
                listener=self.session.listener,
            ),
            initial=self._initial,
            language=self._default_language,
        )

    @property
    def language(self) -> Language:
        """The language that a denial is told in."""
        match self.declared.language:
            case "sv":
                return "sv"
            case "en":
                return "en"
            case _:
                return self._default_language

    def open(self) -> None:
        """Record that the session begins."""
        self._is_open = True
        self._guard.session_event("opened", self.session, self.subject.id)

    def close(self, reason: str = "") -> None:
        """Record that the session has ended; once, however often it is said."""
        if self._is_open:
            self._is_open = False
            self._guard.session_event("closed", self.session, self.subject.id, detail=reason)

    def start_over(self) -> None:
        """The server has reset the session: what was declared at the beginning holds again."""
        # what SQL has prepared is there still
        self.declared = self._initial.prepared() if self.declared.paths_at_prepare else self._initial

    async def decide(
        self, phase: str, text: str, parameters: Parameters | None = None, earlier: Earlier | None = None
    ) -> Decision:
        """Have a text decided; the decision is durable when this returns.

        Args:
            phase: as in :class:`readonly_guard.domain.StatementRequest`.
            text: what is to be sent.
            parameters: what it is run with; None while that is still to come.
            earlier: knows what EXECUTE and FETCH refer to.

        Raises:
            StatementDenied: it may not be released.
        """
        return self._allowed(await self._guard.decide(self._request(phase, text, parameters, earlier)))

    async def refuse(self, phase: str, code: str, what: str) -> Decision:
        """Have a denial recorded without a text being read. Never returns.

        Raises:
            StatementDenied: always.
        """
        return self._allowed(await self._guard.refuse(self._request(phase, ""), code, what))

    def completed(
        self, decision: Decision, since: float, *, rows: int | None, sent: int = 0, sqlstate: str = ""
    ) -> None:
        """Record how a released statement ended.

        Args:
            decision: that released it.
            since: when, by :func:`time.monotonic`.
            rows: that it gave, None where that is not known.
            sent: bytes handed to the caller, where asyncpg shows them: for COPY.
            sqlstate: empty on success.
        """
        elapsed_us = round((time.monotonic() - since) * 1_000_000)
        self._guard.completed(decision, rows=rows, bytes_sent=sent, duration_us=elapsed_us, sqlstate=sqlstate)

    def never_released(self, decision: Decision) -> None:
        """Record that an allowed text was given up before it was released."""
        self.completed(decision, time.monotonic(), rows=None, sqlstate=Sqlstate.CANCELED)

    def _request(
        self, phase: str, text: str, parameters: Parameters | None = None, earlier: Earlier | None = None
    ) -> StatementRequest:
        return StatementRequest(
            text=text,
            subject=self.subject,
            declared=self.declared,
            initial=self._initial,
            session=self.session,
            phase=phase,
            parameters=parameters,
            earlier=earlier,
        )

    def _allowed(self, decision: Decision) -> Decision:
        if not decision.allowed:
            raise denied(decision, self.language)
        return decision
