"""Precedents: what was allowed is allowed again at once, where everything that it rested on is still the same.

A decision rests on the text's reading, on who asks from where with what declared, on the patients, on policies, data
and catalog, and on the time. A precedent holds for the very same values of the first two, between the moment of its
question and the moment its answer expires; about other patients the policies are asked, and it holds if they answer the
same, for these patients from then on. Whoever changes policies, catalog or modes forgets all precedents. Denials are
none: each is decided anew.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from readonly_guard.case import Case
from readonly_guard.domain import (
    AccessRequest,
    Analysis,
    Answer,
    Decision,
    DecisionRecord,
    StatementRequest,
    listed_patients,
)
from readonly_guard.moments import rfc3339

__all__ = ["Precedent", "Precedents"]

_Key = tuple[str, int, int, int, int, int]


class Precedent:
    """An allowed decision with its record, and what it rested on.

    Args:
        case: that was decided.
        known: what its text was read as, its names not settled.
        answer: the policies'.
        decision: what was decided.
        record: of it.
        until: when the answer expires, RFC 3339 in UTC.
    """

    __slots__ = ("answer", "case", "decision", "known", "record", "since", "until")

    def __init__(  # noqa: PLR0917  one caller
        self, case: Case, known: Analysis, answer: Answer, decision: Decision, record: DecisionRecord, until: str
    ) -> None:
        self.case: Final = case
        self.known: Final = known
        self.answer: Final = answer
        self.decision: Final = decision
        self.record: Final = record
        self.since: Final[str] = case.time
        self.until: Final = until

    def repeated(self, decision_id: str, known: Analysis) -> Decision:
        """The same decision under another id, about a text that is read alike."""
        if known is self.known:
            return replace(self.decision, decision_id=decision_id)
        analysis = replace(self.decision.analysis, patients=known.patients)
        return replace(self.decision, decision_id=decision_id, analysis=analysis)

    def patients(self, request: StatementRequest, known: Analysis) -> tuple[str, ...]:
        """Whom a text that is read alike is about, with the request's parameters."""
        if known.patients is self.known.patients and not known.patients.parameters:
            return self.case.patients
        return listed_patients(known.patients, request.parameters)

    def question(self, decision_id: str, time: str, patients: tuple[str, ...]) -> AccessRequest:
        """The question that was answered, asked about these patients at this time."""
        context = {**self.case.question.context, "time": time, "patients": patients}
        return replace(self.case.question, request_id=decision_id, context=context)

    def recorded(self, decision_id: str, time: str, patients: tuple[str, ...]) -> DecisionRecord:
        """Its record, about these patients at this time."""
        return replace(self.record, decision_id=decision_id, time=time, patients=patients)


class Precedents:
    """The most recently used precedents of one guard. Not for several threads at once.

    Args:
        most: how many are kept, and for how many patients it is remembered that one holds; each takes some 2 KB, and
            for another's patients a quarter of one.
    """

    def __init__(self, most: int = 16_384) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, Precedent] = OrderedDict()
        self._alike: OrderedDict[tuple[Precedent, tuple[str, ...]], str] = OrderedDict()

    def find(self, request: StatementRequest, known: Analysis, now: str) -> Precedent | None:
        """The precedent of a request.

        Args:
            request: what is asked.
            known: what its text was read as, its names not settled.
            now: the time, RFC 3339 in UTC.
        """
        key = _key(request, known)
        found = self._kept.get(key)
        if found is None or not found.since <= now < found.until:
            return None
        self._kept.move_to_end(key)
        return found

    def keep(self, case: Case, known: Analysis, answer: Answer, decision: Decision, record: DecisionRecord) -> None:
        """Keep a decision that was made, if it can be a precedent."""
        if not decision.allowed or known.reasons or not known.readings or answer.expires_at is None:
            return
        if known.creation is not None and any(span.parameters for span in known.creation.spans):
            return  # the window of creation is another with other parameters
        self._kept[_key(case.request, known)] = Precedent(
            case, known, answer, decision, record, rfc3339(datetime.fromisoformat(answer.expires_at))
        )
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def holds_for(self, precedent: Precedent, patients: tuple[str, ...], now: str) -> bool:
        """Whether a precedent that holds now is known to hold about these patients, too."""
        since = self._alike.get((precedent, patients))
        return since is not None and since <= now

    def hold_for(self, precedent: Precedent, patients: tuple[str, ...], now: str) -> None:
        """The policies were asked about these patients at this time, and answered the same until the same moment."""
        self._alike[precedent, patients] = now
        while len(self._alike) > self._most:
            self._alike.popitem(last=False)

    def forget(self) -> None:
        """Policies, modes or catalog are others from now on."""
        self._kept.clear()
        self._alike.clear()


def _key(request: StatementRequest, known: Analysis) -> _Key:
    # The values are frozen, and those of a session the same objects as long as they do not change; what is kept holds
    # them, so that no other object can have their ids. Texts of one shape share their readings.
    return (
        request.phase,
        id(known.readings),
        id(request.subject),
        id(request.declared),
        id(request.initial),
        id(request.session),
    )
