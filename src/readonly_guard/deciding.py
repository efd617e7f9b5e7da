"""Deciding: text, who and why in; a decision out. The one place where it is decided.

The order is fixed and nothing in it can be skipped: read the text with both keys, ask the policy, let plugins object,
combine (a denial from anyone is a denial), record, wait until the record is durable, answer. Whatever fails on the way
is a denial with its own code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from readonly_guard.asker import Asker
from readonly_guard.case import Case
from readonly_guard.codes import Sqlstate
from readonly_guard.conclusion import Outcome, conclude, no_answer, record
from readonly_guard.domain import (
    Analysis,
    CompletionRecord,
    Decision,
    Login,
    Parameters,
    Reason,
    Session,
    SessionRecord,
    StatementRequest,
    Subject,
    core_reason,
)
from readonly_guard.errors import ConfigurationError, DecisionUnavailable
from readonly_guard.hooks import Hooks, gather, gather_now
from readonly_guard.ids import new_id
from readonly_guard.moments import stamps_of, utc_now
from readonly_guard.policy import Modes, PolicyDecisionPoint, SyncPolicyDecisionPoint
from readonly_guard.precedents import Repetition
from readonly_guard.repeating import Repeater
from readonly_guard.settings import (
    PluginSettings,
    PolicySettings,
)
from readonly_guard.sql import (
    Analyzer,
    BuiltinResolver,
    Resolver,
    StartupJudgement,
    judge_startup,
)
from readonly_guard.telling import Teller, durable, durable_now
from readonly_guard.texts import Reader, Texts

__all__ = ["Decider"]


class Decider:
    """Decides whether a statement may be released, and records that before it says so.

    Not for use from several threads at once; many tasks of one event loop are fine.

    Args:
        analyzer: reads texts.
        pdp: the policies.
        hooks: the plugins, the journal among them.
        reader: reads texts in the analyzer's place.
        clock: gives the time, timezone-aware.
        new_id: gives ids that were never given before.
    """

    def __init__(
        self,
        *,
        analyzer: Analyzer,
        pdp: PolicyDecisionPoint,
        hooks: Hooks,
        reader: Reader | None = None,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._texts = Texts(analyzer, reader, BuiltinResolver(analyzer.rules))
        self._pdp = pdp
        self._hooks = hooks
        self._facts_deadline_s = PluginSettings().timeout_s
        self._modes = Modes(PolicySettings())
        self._stamp = stamps_of(clock)
        self._new_id = new_id
        self._repeater = Repeater(self._texts, self._new_id)
        self._teller = Teller()

    @property
    def policy_revision(self) -> str:
        """Which policies and data are in force."""
        return self._pdp.revision

    def resolve_with(self, resolver: Resolver | None) -> None:
        """Have names settled by ``resolver`` from the next decision on.

        Args:
            resolver: a :class:`readonly_guard.catalog.CatalogResolver`, or None where no catalog is known any more.
        """
        self._repeater.precedents.forget()
        self._texts.resolve_with(resolver)

    def replace_policies(self, pdp: PolicyDecisionPoint, settings: PolicySettings | None = None) -> PolicyDecisionPoint:
        """Decide with another policy decision point from the next decision on, in the settings' modes (reload).

        Returns:
            The former, which decisions that are under way still ask.
        """
        self._repeater.precedents.forget()
        former, self._pdp = self._pdp, pdp
        if settings is not None:
            self._modes = Modes(settings)
        return former

    def read_with(self, reader: Reader) -> None:
        """Have texts that are new read by ``reader`` from now on; :meth:`check` goes on reading them itself."""
        self._texts.read_with(reader)

    def judge_startup(self, parameters: Mapping[str, str]) -> StartupJudgement:
        """Whether a session may be opened with these parameters; see :func:`readonly_guard.sql.judge_startup`."""
        return judge_startup(parameters, self._texts.rules)

    def identify(self, login: Login) -> Subject | Reason:
        """Whose login this is, or why it is refused. Where no plugin has a word, the subject is the database user."""
        try:
            return self._hooks.identify(login) or Subject(id=login.user)
        except DecisionUnavailable as error:
            return core_reason(error.code, str(error))

    async def decide(self, request: StatementRequest) -> Decision:
        """Decide, with either policy engine; returns when the record is durable. See :meth:`check`.

        When it is cancelled and the log has the decision by then, the log is also told that it came to nothing.
        """
        return await self._decide(request, await self._texts.of(request))

    def decide_blocking(self, request: StatementRequest) -> Decision:
        """Decide now, without an event loop; what an earlier statement says is not looked at.

        Raises:
            ConfigurationError: the policy decision point needs an event loop; use :meth:`decide`.
        """
        if not hasattr(self._pdp, "decide_now"):
            raise ConfigurationError("this policy decision point needs an event loop: use `await guard.decide(...)`")
        pdp = cast("SyncPolicyDecisionPoint", self._pdp)
        case = Case(request, self._texts.of_now(request), self._new_id(), self._stamp())
        try:
            case.inform(gather_now(self._hooks.facts(case.question)))
            answer = pdp.decide_now(case.question)
        except DecisionUnavailable as error:
            answer = no_answer(error)
        decision = conclude(case, answer, self._modes, self._hooks)
        decision, receipts = record(decision, case.record(decision, answer), self._hooks)
        return durable_now(decision, receipts)

    def decide_soon(self, request: StatementRequest, then: Callable[[Decision], None]) -> bool:
        """Decide now what needs nothing but this process, and tell it when the record is durable.

        The same decisions as :meth:`decide` makes, without a task for each.

        Args:
            request: as for :meth:`decide`.
            then: called once with the decision, before or after this returns; it may not raise.

        Returns:
            False where something has to be waited for, and so nothing was done: a text that is new, an earlier
            statement, what plugins look up, policies in a server. Then :meth:`decide` has to be asked.
        """
        known = self._texts.recall(request.text)
        if known is None or known.patients.is_elsewhere or self._hooks.bring_facts:
            return False
        if not hasattr(self._pdp, "decide_now"):
            return False
        now, pdp = self._stamp(), cast("SyncPolicyDecisionPoint", self._pdp)
        outcome = self._repeat(request, known, now, pdp) or self._decide_now(request, known, now, pdp)
        decision, receipts = outcome
        self._teller.tell(decision, receipts, then)
        return True

    def find_precedent(self, asker: Asker, phase: str, text: str, parameters: Parameters | None) -> Repetition | None:
        """What a request can be allowed by at once; nothing is recorded yet, see :meth:`repeat`.

        Only what leaves the session as it was is found, but for its transaction: there is nothing to do about it but to
        let it through, and to tell what it warns of, where that is news.

        Args:
            asker: who asks.
            phase: as in :class:`readonly_guard.domain.StatementRequest`.
            text: the same.
            parameters: the same.

        Returns:
            None where :meth:`decide_soon` or :meth:`decide` has to be asked, or the policies do not answer the same.
        """
        if self._hooks.bring_facts or self._hooks.review_statements:
            return None
        # there are precedents only of policies that answer at once
        pdp = cast("SyncPolicyDecisionPoint", self._pdp)
        return self._repeater.find(asker, phase, text, parameters, self._stamp(), pdp)

    def repeat(self, repetition: Repetition, then: Callable[[DecisionUnavailable | None], None]) -> str:
        """Allow again what a precedent allows, in the same turn of the event loop in which it was found.

        Args:
            repetition: what was found.
            then: called once, before or after this returns, when the record is durable, or with why it is not: then
                nothing may be released. It may not raise.

        Returns:
            The decision's id.

        Raises:
            DecisionUnavailable: it could not be recorded, and counts as not made.
        """
        decision_id, hooks = self._new_id(), self._hooks
        precedent, time, patients = repetition.precedent, repetition.time, repetition.patients
        try:
            if hooks.keep_spelt_decisions:
                receipts = hooks.decided_again(precedent.spelt(decision_id, time, patients))
            else:
                receipts = hooks.decided(precedent.recorded(decision_id, time, patients))
        except DecisionUnavailable:
            # where a plugin failed behind the journal, that has the decision all the same
            self.ended(decision_id, None, 0, 0, Sqlstate.CANCELED)
            raise
        self._teller.when_durable(receipts, then)
        return decision_id

    async def refuse(self, request: StatementRequest, code: str, what: str) -> Decision:
        """Deny without reading, and record it: a protocol feature, an undecodable text.

        Args:
            request: as for :meth:`decide`; the text is not looked at.
            code: one of :data:`readonly_guard.codes.CORE_CODES`.
            what: what it is about, in names only.
        """
        return await self._decide(request, Analysis(reasons=(core_reason(code, what),)))

    def completed(
        self, decision: Decision, *, rows: int | None, bytes_sent: int, duration_us: int, sqlstate: str = ""
    ) -> None:
        """Record how a released statement ended. Not waited for; a log that fails shows at the next decision."""
        self.ended(decision.decision_id, rows, bytes_sent, duration_us, sqlstate)

    def ended(self, decision_id: str, rows: int | None, bytes_sent: int, duration_us: int, sqlstate: str) -> None:
        """As :meth:`completed`, by the decision's id."""
        self._note(
            CompletionRecord(
                decision_id=decision_id,
                time=self._stamp(),
                rows=rows,
                bytes=bytes_sent,
                duration_us=duration_us,
                sqlstate=sqlstate,
            )
        )

    def session_event(
        self, event: str, session: Session, subject: str, *, codes: tuple[str, ...] = (), detail: str = ""
    ) -> None:
        """Record that a session ``opened``, ``closed`` or was ``refused``. Not waited for, as :meth:`completed`."""
        self._note(
            SessionRecord(
                session_id=session.session_id,
                time=self._stamp(),
                event=event,
                subject=subject,
                database=session.database,
                client_address=session.client_address,
                application_name=session.application_name,
                listener=session.listener,
                codes=codes,
                detail=detail,
            )
        )

    def _repeat(
        self, request: StatementRequest, known: Analysis, now: str, pdp: SyncPolicyDecisionPoint
    ) -> Outcome | None:
        """Decide as before; None where there is no precedent, or the policies do not answer the same."""
        if self._hooks.review_statements:  # these have their say each time
            return None
        repetition = self._repeater.find_for(request, known, now, pdp)
        if repetition is None:
            return None
        precedent, patients = repetition.precedent, repetition.patients
        decision_id = self._new_id()
        written = precedent.recorded(decision_id, now, patients)
        decision = precedent.repeated(decision_id, known)
        return record(decision, written, self._hooks)

    def _decide_now(
        self, request: StatementRequest, known: Analysis, now: str, pdp: SyncPolicyDecisionPoint
    ) -> Outcome:
        case = Case(request, self._texts.settled(known, request), self._new_id(), now)
        try:
            answer = pdp.decide_now(case.question)
        except DecisionUnavailable as error:
            answer = no_answer(error)
        decision = conclude(case, answer, self._modes, self._hooks)
        written = case.record(decision, answer)
        if not self._hooks.review_statements:
            self._repeater.precedents.keep(case, known, answer, decision, written)
        return record(decision, written, self._hooks)

    async def _decide(self, request: StatementRequest, analysis: Analysis) -> Decision:
        case = Case(request, analysis, self._new_id(), self._stamp())
        try:
            if points := self._hooks.facts(case.question):
                case.inform(await gather(points, self._facts_deadline_s))
            answer = await self._pdp.decide(case.question)
        except DecisionUnavailable as error:
            answer = no_answer(error)
        decision = conclude(case, answer, self._modes, self._hooks)
        decision, receipts = record(decision, case.record(decision, answer), self._hooks)
        try:
            return await durable(decision, receipts)
        except asyncio.CancelledError:  # the log has the decision all the same, and nobody to act on it
            if decision.allowed:
                self.completed(decision, rows=None, bytes_sent=0, duration_us=0, sqlstate=Sqlstate.CANCELED)
            raise

    def _note(self, record: CompletionRecord | SessionRecord) -> None:
        try:
            self._hooks.recorded(record)
        except DecisionUnavailable:
            return  # nothing is released on this record, and the next decision meets the same fault and denies
