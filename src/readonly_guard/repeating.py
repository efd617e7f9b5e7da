"""Repeating: whether what was allowed before is allowed again, about whom it is asked this time.

A precedent is looked for where it is found soonest: with who asks, then by what the text is read as. That it holds is
not enough; the policies have to answer the same about the patients, and are asked for no more than they need to be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from readonly_guard.asker import Asker, Found
from readonly_guard.domain import Analysis, Answer, Parameters, StatementRequest, has_unlisted
from readonly_guard.errors import DecisionUnavailable
from readonly_guard.policy import PartialDecisionPoint, SyncPolicyDecisionPoint
from readonly_guard.precedents import Precedent, Precedents, Repetition
from readonly_guard.texts import Texts

__all__ = ["Repeater"]


class Repeater:
    """Finds what can be repeated. Not for several threads at once.

    Args:
        texts: what texts are.
        new_id: gives ids to the questions that are asked of the policies.

    Attributes:
        precedents: what was allowed.
    """

    def __init__(self, texts: Texts, new_id: Callable[[], str]) -> None:
        self._texts = texts
        self._new_id = new_id
        self.precedents = Precedents()

    def find(  # noqa: PLR0917  one caller, and keywords cost where this is not compiled
        self,
        asker: Asker,
        phase: str,
        text: str,
        parameters: Parameters | None,
        now: str,
        pdp: SyncPolicyDecisionPoint,
    ) -> Repetition | None:
        """What a session's text can be allowed by, if it leaves the session as it was, but for its transaction.

        Args:
            asker: who asks.
            phase: as in :class:`readonly_guard.domain.StatementRequest`.
            text: the same.
            parameters: the same.
            now: the time, RFC 3339 in UTC.
            pdp: the policies that the precedents are of.
        """
        repetition = asker.recall(self.precedents, phase, text, parameters, now)
        if repetition is None:
            repetition = self._look_up(asker, phase, text, parameters, now)
        if repetition is None or not self._holds(repetition, pdp):
            return None
        return repetition

    def find_for(
        self, request: StatementRequest, known: Analysis, now: str, pdp: SyncPolicyDecisionPoint
    ) -> Repetition | None:
        """What any request can be allowed by.

        Args:
            request: what is asked.
            known: what its text was read as, its names not settled.
            now: as for :meth:`find`.
            pdp: the same.
        """
        precedent = self.precedents.find(request, known, now)
        if precedent is None:
            return None
        repetition = Repetition(precedent, now, precedent.patients(known, request.parameters))
        return repetition if self._holds(repetition, pdp) else None

    def _look_up(
        self, asker: Asker, phase: str, text: str, parameters: Parameters | None, now: str
    ) -> Repetition | None:
        known = self._texts.recall(text)
        if known is None or known.patients.is_elsewhere:
            return None
        precedent = self.precedents.find_for(asker.who, phase, known, now)
        if precedent is None or not precedent.is_plain:
            return None
        before = asker.found(phase, precedent)
        if before is None:
            asker.remember(phase, Found(text, known, precedent, None, is_varied=False))
        elif not before.is_varied:  # it came again in other words, and may go on doing so
            asker.remember(phase, Found(text, known, precedent, self._texts.variation(text, known), is_varied=True))
        return Repetition(precedent, now, precedent.patients(known, parameters))

    def _holds(self, repetition: Repetition, pdp: SyncPolicyDecisionPoint) -> bool:
        """Whether the policies answer the same about the patients of this time."""
        precedent, patients, now = repetition.precedent, repetition.patients, repetition.time
        if patients == precedent.about:
            return True
        if has_unlisted(patients) != has_unlisted(precedent.about):
            return False  # it is another action
        residual = precedent.residual
        if residual is not None and residual.holds_at(now):  # made by the same policies: others forget all precedents
            answer = residual.recall(patients)
            if answer is not None:
                return answer is precedent.answer or answer == precedent.answer
        if self.precedents.holds_for(precedent, patients, now):
            return True
        try:
            answer = self._answer_about(precedent, patients, now, pdp)
        except DecisionUnavailable:
            return False
        if answer != precedent.answer:
            return False
        self.precedents.hold_for(precedent, patients, now)
        return True

    def _answer_about(
        self, precedent: Precedent, patients: tuple[str, ...], now: str, pdp: SyncPolicyDecisionPoint
    ) -> Answer:
        """What the policies answer about these patients; asked for the rest only, where all else is known."""
        if not hasattr(pdp, "residual_of"):
            return pdp.decide_now(precedent.question(self._new_id(), now, patients))
        partial, residual = cast("PartialDecisionPoint", pdp), precedent.residual
        if residual is None or not residual.holds_at(now):
            question = precedent.question(self._new_id(), now, patients)
            residual = precedent.residual = partial.residual_of(question)
            if residual is None:
                return partial.decide_now(question)
            partial.decide_rest(residual, precedent.about)  # mostly the next patients are like the first
        return partial.decide_rest(residual, patients)
