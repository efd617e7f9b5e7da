"""Askers: who asks the same as before. What was found for a session's texts lately is kept with who asks there."""

from __future__ import annotations

from typing import Final

from readonly_guard.domain import Analysis, Declared, OnePlace, Parameters, Session, Subject
from readonly_guard.precedents import Precedent, Precedents, Repetition, who_asks
from readonly_guard.sql import Variation

__all__ = ["Asker", "Found"]

_MOST: Final = 16
"""Texts of a phase: what is read of one patient after the other is a handful of statements, some in two shapes."""

_MOST_CHARACTERS: Final = 16_384
"""Of these texts together, because there are as many askers as sessions."""


class Asker:
    """Who asks, from where, having declared what: what the requests of a session have in common until it declares more.

    Args:
        subject, declared, initial, session: as in :class:`readonly_guard.domain.StatementRequest`, and the same objects
            as there: a precedent holds for these, not for their like.

    Attributes:
        who: tells the asker from others, for :meth:`Precedents.find_for`.
    """

    __slots__ = ("_recent", "declared", "initial", "session", "subject", "who")

    def __init__(self, subject: Subject, declared: Declared, initial: Declared, session: Session) -> None:
        self.subject: Final = subject
        self.declared: Final = declared
        self.initial: Final = initial
        self.session: Final = session
        self.who: Final = who_asks(subject, declared, initial, session)
        self._recent: Final[dict[str, list[Found]]] = {}

    def recall(
        self, precedents: Precedents, phase: str, text: str, parameters: Parameters | None, now: str
    ) -> Repetition | None:
        """The repetition of a precedent that was found lately, for the same text or one that varies it.

        Args:
            precedents: that it has to be one of, still.
            phase: as in :class:`readonly_guard.domain.StatementRequest`.
            text: the same.
            parameters: the same.
            now: the time, RFC 3339 in UTC.
        """
        recent = self._recent.get(phase)
        if recent is None:
            return None
        for place in range(len(recent)):
            found = recent[place]
            patients = found.patients(text, parameters)
            if patients is not None:
                precedent = found.precedent
                if not (precedent.kept_by is precedents and precedent.holds_at(now)):
                    return None
                if place:
                    del recent[place]
                    recent.insert(0, found)
                return Repetition(precedent, now, patients)
        return None

    def found(self, phase: str, precedent: Precedent) -> Found | None:
        """What was found lately with this precedent, for whatever text."""
        for one in self._recent.get(phase, ()):
            if one.precedent is precedent:
                return one
        return None

    def remember(self, phase: str, found: Found) -> None:
        """Keep what was found for a text of a phase; what has not been asked for the longest time goes first."""
        if len(found.text) > _MOST_CHARACTERS:
            return
        recent = [found]
        characters = len(found.text)
        for one in self._recent.get(phase, ()):
            if one.precedent.kept_by is None or one.precedent is found.precedent or found.is_about(one.text):
                continue  # it holds no more, or is found by this one from now on
            characters += len(one.text)
            if len(recent) == _MOST or characters > _MOST_CHARACTERS:
                break
            recent.append(one)
        self._recent[phase] = recent


class Found:
    """A text, what it was read as, and the precedent that was found for it.

    Args:
        text: that was asked for.
        known: what it was read as.
        precedent: the precedent.
        variation: what texts may differ from it in and be read as the same, but for their patient.
        is_varied: a variation was looked for, whether there is one or not.
    """

    __slots__ = ("_known", "_patients", "_place", "_variation", "is_varied", "precedent", "text")

    def __init__(
        self, text: str, known: Analysis, precedent: Precedent, variation: Variation | None, *, is_varied: bool
    ) -> None:
        self.text: Final = text
        self.precedent: Final = precedent
        self.is_varied: Final = is_varied
        self._known: Final = known
        self._variation: Final = variation
        self._patients: Final = None if known.patients.parameters else precedent.patients(known, None)
        self._place: Final = OnePlace.of(known.patients)

    def is_about(self, text: str) -> bool:
        """Whether :meth:`patients` says whom a text is about."""
        return text == self.text or (self._variation is not None and self._variation.patients(text) is not None)

    def patients(self, text: str, parameters: Parameters | None) -> tuple[str, ...] | None:
        """Whom a text is about with these parameters; None where it is neither this text nor a variation of it."""
        if text is not self.text and text != self.text:
            return None if self._variation is None else self._variation.patients(text)
        if self._patients is not None:
            return self._patients
        if self._place is not None:
            only = self._place.names(parameters)
            if len(only) == 1:
                return only
        return self.precedent.patients(self._known, parameters)
