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

from readonly_guard.audit import RepeatedRecord
from readonly_guard.case import Case
from readonly_guard.domain import (
    AccessRequest,
    Analysis,
    Answer,
    Decision,
    DecisionRecord,
    Declared,
    Effect,
    Parameters,
    Reading,
    Session,
    StatementRequest,
    Subject,
    listed_patients,
)
from readonly_guard.moments import rfc3339
from readonly_guard.policy import Residual

__all__ = ["Precedent", "Precedents", "Repetition", "Who", "who_asks"]

Who = tuple[int, ...]
"""Tells an asker from others, as long as the objects that it was made of are kept."""

_Key = tuple[str, int, Who]
_PLAIN: Final = frozenset({Effect.READ, Effect.TRANSACTION})


class Precedent:
    """An allowed decision with its record, and what it rested on.

    Args:
        case: that was decided.
        known: what its text was read as, its names not settled.
        answer: the policies'.
        decision: what was decided.
        record: of it.
        until: when the answer expires, RFC 3339 in UTC.

    Attributes:
        about: its patients.
        is_plain: it leaves the session as it was, but for its transaction.
        moves_transaction: a transaction may begin or end by it.
        warnings: the codes of what it warns of.
        patients: whom the decision was about.
        kept_by: who goes by it; None once it is forgotten.
        characters: of the texts that it keeps.
        residual: of its question, once it was asked about other patients and where the policies can tell.
    """

    __slots__ = (
        "_repeated", "about", "answer", "case", "characters", "decision", "is_plain", "kept_by", "known",
        "moves_transaction", "record", "residual", "since", "until", "warnings",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  one caller
        self, case: Case, known: Analysis, answer: Answer, decision: Decision, record: DecisionRecord, until: str
    ) -> None:
        self.case: Final = case
        self.known: Final = known
        self.answer: Final = answer
        self.decision: Final = decision
        self.record: Final = record
        self.about: Final[tuple[str, ...]] = case.patients
        self.since: Final[str] = case.time
        self.until: Final = until
        effects = frozenset[Effect]().union(*(reading.effects for reading in decision.analysis.readings))
        self.is_plain: Final = effects <= _PLAIN and not any(map(_changes_session, decision.analysis.readings))
        self.moves_transaction: Final = Effect.TRANSACTION in effects
        self.warnings: Final = frozenset(warning.code for warning in decision.warnings)
        self.kept_by: Precedents | None = None
        self.residual: Residual | None = None
        # the statement as the log has it is kept in its record and, once that is repeated, in its bytes
        self.characters: Final = len(case.request.text) + 2 * len(known.normalised)
        self._repeated: RepeatedRecord | None = None  # made when it is repeated: most of a new text's never are

    def holds_at(self, now: str) -> bool:
        """Whether a time, RFC 3339 in UTC, is between the question and the end of the answer."""
        return self.since <= now < self.until

    def repeated(self, decision_id: str, known: Analysis) -> Decision:
        """The same decision under another id, about a text that is read alike."""
        if known is self.known:
            return replace(self.decision, decision_id=decision_id)
        analysis = self.decision.analysis
        patients = replace(known.patients, is_bound=analysis.patients.is_bound)  # the catalog may have said otherwise
        return replace(self.decision, decision_id=decision_id, analysis=replace(analysis, patients=patients))

    def patients(self, known: Analysis, parameters: Parameters | None) -> tuple[str, ...]:
        """Whom a text that is read alike is about, with these parameters."""
        if known.patients is self.known.patients and not known.patients.parameters:
            return self.about
        return listed_patients(known.patients, parameters)

    def question(self, decision_id: str, time: str, patients: tuple[str, ...]) -> AccessRequest:
        """The question that was answered, asked about these patients at this time."""
        context = {**self.case.question.context, "time": time, "patients": patients}
        return replace(self.case.question, request_id=decision_id, context=context)

    def recorded(self, decision_id: str, time: str, patients: tuple[str, ...]) -> DecisionRecord:
        """Its record, about these patients at this time."""
        return replace(self.record, decision_id=decision_id, time=time, patients=patients)

    def spelt(self, decision_id: str, time: str, patients: tuple[str, ...]) -> bytes:
        """The canonical bytes of the same record.

        Raises:
            LogUnavailable: it cannot be written.
        """
        if self._repeated is None:
            self._repeated = RepeatedRecord(self.record)
        return self._repeated.spelt(decision_id, time, patients)


class Repetition:
    """A precedent that holds for a request, at which time that was found, and whom it is about.

    What it warns of (:attr:`Precedent.warnings`) is for whoever repeats it to tell, as it is with any decision.
    """

    __slots__ = ("patients", "precedent", "time")

    def __init__(self, precedent: Precedent, time: str, patients: tuple[str, ...]) -> None:
        self.precedent: Final = precedent
        self.time: Final = time
        self.patients: Final = patients


class Precedents:
    """The most recently used precedents of one guard. Not for several threads at once.

    Args:
        most: how many are kept, and for how many patients it is remembered that one holds; each takes some 3 KB,
            4.5 once others than its first patients were asked about, and for another's patients a quarter of one.
        most_characters: of the texts of those that are kept.
    """

    def __init__(self, most: int = 16_384, most_characters: int = 32 * 1024 * 1024) -> None:
        self._most = most
        self._most_characters = most_characters
        self._characters = 0
        self._kept: OrderedDict[_Key, Precedent] = OrderedDict()
        self._alike: OrderedDict[tuple[Precedent, tuple[str, ...]], str] = OrderedDict()

    def find(self, request: StatementRequest, known: Analysis, now: str) -> Precedent | None:
        """The precedent of a request.

        Args:
            request: what is asked.
            known: what its text was read as, its names not settled.
            now: the time, RFC 3339 in UTC.
        """
        return self.find_for(_who_asks(request), request.phase, known, now)

    def find_for(self, who: Who, phase: str, known: Analysis, now: str) -> Precedent | None:
        """As :meth:`find`, of a request that nobody has put together yet."""
        key = _key(who, phase, known)
        found = self._kept.get(key)
        if found is None or not found.holds_at(now):
            return None
        self._kept.move_to_end(key)
        return found

    def keep(self, case: Case, known: Analysis, answer: Answer, decision: Decision, record: DecisionRecord) -> None:
        """Keep a decision that was made, if it can be a precedent."""
        if not decision.allowed or known.reasons or not known.readings or answer.expires_at is None:
            return
        if known.creation is not None and any(span.parameters for span in known.creation.spans):
            return  # the window of creation is another with other parameters
        key, until = (
            _key(_who_asks(case.request), case.request.phase, known),
            rfc3339(datetime.fromisoformat(answer.expires_at)),
        )
        former = self._kept.pop(key, None)
        if former is not None:
            self._drop(former)
        kept = self._kept[key] = Precedent(case, known, answer, decision, record, until)
        kept.kept_by = self
        self._characters += kept.characters
        while len(self._kept) > self._most or self._characters > self._most_characters:
            self._drop(self._kept.popitem(last=False)[1])

    def _drop(self, former: Precedent) -> None:
        former.kept_by = None
        self._characters -= former.characters

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
        for precedent in self._kept.values():
            precedent.kept_by = None
        self._kept.clear()
        self._characters = 0
        self._alike.clear()


def _changes_session(reading: Reading) -> bool:
    """Whether a name or a setting is another once it has run."""
    if reading.settings or reading.moves_cursors:
        return True
    return reading.prepares is not None or reading.declares is not None


def who_asks(subject: Subject, declared: Declared, initial: Declared, session: Session) -> Who:
    """What tells an asker from others: these very objects, frozen, and a session's as long as nothing changes."""
    return id(subject), id(declared), id(initial), id(session)


def _who_asks(request: StatementRequest) -> Who:
    return who_asks(request.subject, request.declared, request.initial, request.session)


def _key(who: Who, phase: str, known: Analysis) -> _Key:
    # What is kept holds the objects, so that no other can have their ids. Texts of one shape share their readings.
    return phase, id(known.readings), who
