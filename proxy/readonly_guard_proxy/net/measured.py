"""A guard and a reader that are measured: they answer what those behind them answer, and count it.

Denials are told to the operational log here, by decision id and codes, so that an operator finds the record in the
journal. No text, no subject and no value is told.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

import structlog

from readonly_guard.asker import Asker
from readonly_guard.domain import Analysis, Decision, Login, Parameters, Reason, Session, StatementRequest, Subject
from readonly_guard.errors import DecisionUnavailable
from readonly_guard.precedents import Repetition
from readonly_guard.sql import Scanned
from readonly_guard.texts import Reader
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.ports import DecisionMaker

__all__ = ["MeasuredGuard", "MeasuredReader"]

_log = structlog.get_logger(__name__)
_OK: Final = "ok"


class MeasuredGuard:
    """A `readonly_guard_proxy.net.ports.DecisionMaker` in front of another.

    Args:
        guard: decides.
        meters: count.
    """

    def __init__(self, guard: DecisionMaker, meters: Meters) -> None:
        self._guard = guard
        self._meters = meters

    async def decide(self, request: StatementRequest) -> Decision:
        """As the guard behind."""
        began = perf_counter()
        decision = await self._guard.decide(request)
        self._count(decision, request, perf_counter() - began)
        return decision

    def decide_soon(self, request: StatementRequest, then: Callable[[Decision], None]) -> bool:
        """As the guard behind."""
        began = perf_counter()

        def measured(decision: Decision) -> None:
            self._count(decision, request, perf_counter() - began)
            then(decision)

        return self._guard.decide_soon(request, measured)

    def find_precedent(self, asker: Asker, phase: str, text: str, parameters: Parameters | None) -> Repetition | None:
        """As the guard behind."""
        return self._guard.find_precedent(asker, phase, text, parameters)

    def repeat(self, repetition: Repetition, then: Callable[[DecisionUnavailable | None], None]) -> str:
        """As the guard behind; what comes of it is counted by :meth:`repeated`."""
        return self._guard.repeat(repetition, then)

    def repeated(self, elapsed_s: float) -> None:
        """A decision was repeated, and is on record this long after it was looked for."""
        self._meters.allowed += 1
        self._meters.decision_s.observe(elapsed_s)

    async def refuse(self, request: StatementRequest, code: str, what: str) -> Decision:
        """As the guard behind."""
        began = perf_counter()
        decision = await self._guard.refuse(request, code, what)
        self._count(decision, request, perf_counter() - began)
        return decision

    def _count(self, decision: Decision, request: StatementRequest, elapsed_s: float) -> None:
        meters = self._meters
        meters.decision_s.observe(elapsed_s)
        reasons = decision.reasons
        if not reasons:
            meters.allowed += 1
            return
        meters.denied.add(reasons[0].code)
        _log.info(
            "statement denied",
            session_id=request.session.session_id,
            decision_id=decision.decision_id,
            phase=request.phase,
            codes=decision.codes,
        )

    def identify(self, login: Login) -> Subject | Reason:
        """As the guard behind."""
        return self._guard.identify(login)

    def ended(self, decision_id: str, rows: int | None, bytes_sent: int, duration_us: int, sqlstate: str) -> None:
        """As the guard behind."""
        self._meters.statements.add(sqlstate[:2] or _OK)
        self._meters.rows += rows or 0
        self._guard.ended(decision_id, rows, bytes_sent, duration_us, sqlstate)

    def session_event(
        self, event: str, session: Session, subject: str, *, codes: tuple[str, ...] = (), detail: str = ""
    ) -> None:
        """As the guard behind."""
        self._meters.session_events.add(event)
        self._guard.session_event(event, session, subject, codes=codes, detail=detail)


class MeasuredReader:
    """A `readonly_guard.texts.Reader` in front of another.

    Args:
        reader: reads.
        meters: count.
    """

    def __init__(self, reader: Reader, meters: Meters) -> None:
        self._reader = reader
        self._meters = meters

    async def read(self, text: str, scanned: Scanned | None = None) -> Analysis:
        """As the reader behind."""
        began = perf_counter()
        analysis = await self._reader.read(text, scanned)
        self._meters.reading_s.observe(perf_counter() - began)
        return analysis
