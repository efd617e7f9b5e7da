"""The residual of a question: what is left to be answered once everything but its patients is known.

Policy engines know it as partial evaluation. In a session the same is asked of one patient after the other, and only
the stage that looks at them (`readonly_guard.policy.stages`) has to be evaluated anew: what it is handed is put
together once, with a gap for the patients, and where it finds what it found before, the answer is the one that
followed from it. Where it is known of the rules what makes patients alike (`readonly_guard.policy.likeness`), it is not
even evaluated for the next of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from readonly_guard.domain import Answer
from readonly_guard.moments import rfc3339
from readonly_guard.policy.extract import Document
from readonly_guard.policy.likeness import Alike
from readonly_guard.policy.reads import Path
from readonly_guard.policy.stages import Asks, Parts, Stage, Stages, time_of

__all__ = ["Residual", "residual_of"]

_PATIENTS: Final[Path] = ("context", "patients")
_REQUEST: Final[Path] = ("request_id",)
_TIME: Final[Path] = ("context", "time")
_GAP: Final = b"\0"
"""Stands for the patients until they are known: within JSON this byte is written otherwise."""

_KEPT: Final = 8
"""Answers: what is found about a patient is mostly nothing, and else one of few things."""

_KEPT_ALIKE: Final = 16
"""Answers by what is known of a patient, which is one of more things."""

_json: Final = msgspec.json.Encoder().encode


class Residual:
    """What is left of a question.

    Args:
        stage: that looks at the patients.
        last: makes the answer of what that and the others found.
        found: by the other stages.
        question: that was asked of the first patients; what is left of it reads neither its time nor its name.
        since, until: between which times, RFC 3339 in UTC, the other stages find the same.
    """

    __slots__ = (
        "_after", "_alike", "_answers", "_before", "_found", "_last", "_likeness", "_parts", "_question", "_since",
        "_stage", "_until",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  one caller
        self,
        stage: Stage[Parts],
        last: Stage[Answer],
        found: Mapping[str, Parts],
        question: Document,
        since: str,
        until: str,
    ) -> None:
        self._stage: Final = stage
        self._last: Final = last
        self._found: Final = found
        self._question: Final = question
        self._since: Final = since
        self._until: Final = until
        with_gap = {**question, "context": {**question["context"], "patients": msgspec.Raw(_GAP)}}
        self._before, _, self._after = _json(stage.extract(with_gap)).partition(_GAP)
        self._parts = stage.parts(found)
        self._likeness: Final = stage.likeness(question, self._parts)
        self._answers: dict[bytes | None, Answer] = {}  # by what the stage found, as far as the answer depends on it
        self._alike: dict[Alike, Answer] = {}

    def holds_at(self, now: str) -> bool:
        """Whether the others find the same at this time, RFC 3339 in UTC."""
        return self._since <= now < self._until

    def recall(self, patients: tuple[str, ...]) -> Answer | None:
        """The answer about these patients, where it is known of others who are like them; nothing is evaluated."""
        alike = None if self._likeness is None else self._likeness.of(patients)
        return None if alike is None else self._alike.get(alike)

    def answer(self, patients: tuple[str, ...], asks: Asks) -> Answer:
        """The answer to the same question about these patients.

        Raises:
            PolicyUnavailable: there is none.
            RuntimeError: a rule failed.
        """
        alike = None if self._likeness is None else self._likeness.of(patients)
        if alike is None:
            return self._asked(patients, None, asks)
        answer = self._alike.get(alike)
        if answer is None:
            answer = self._asked(patients, alike, asks)
            if len(self._alike) < _KEPT_ALIKE:
                self._alike[alike] = answer
        return answer

    def _asked(self, patients: tuple[str, ...], alike: Alike | None, asks: Asks) -> Answer:
        stage, last = self._stage, self._last
        handed = b"".join((self._before, _json(patients), self._after))
        key = handed if alike is None else b"".join((self._before, _json(alike), self._after))
        parts = stage.value_for(key, handed, self._parts, asks[stage.rule])
        told = parts[last.rule]
        answer = self._answers.get(told)
        if answer is None:
            answer = last.value(self._question, None, {**self._found, stage.rule: parts}, asks[last.rule])
            if len(self._answers) < _KEPT:
                self._answers[told] = answer
        return answer


def residual_of(stages: Stages, question: Document) -> Residual | None:
    """What is left of a question that was just answered.

    Returns:
        None where not all but one stage can be taken as known: one of the others looks at the patients or at what was
        found about them, the rest looks at the time or at the question's name, or a value is not remembered.
    """
    stage, last = _open(stages), stages.last
    now = time_of(question)
    if stage is None or now is None or "facts" in question["context"]:  # what was looked up is about these patients
        return None
    since, until = now, datetime.max.replace(tzinfo=now.tzinfo)
    found: dict[str, Parts] = {}
    for other in stages.earlier:
        if other is stage:
            continue
        known = other.known(question, now, found)
        if known is None:
            return None
        found[other.rule], span = known
        if span is not None:
            since, until = max(since, span.since), min(until, span.until)
    return Residual(stage, last, found, question, rfc3339(since), rfc3339(until))


def _open(stages: Stages) -> Stage[Parts] | None:
    """The one stage that looks at the patients, where the last looks at them by what that one found only."""
    looking = [stage for stage in stages.earlier if stage.extract.sees(_PATIENTS)]
    if len(looking) != 1 or any(stage.extract.sees(_REQUEST) for stage in stages.earlier):
        return None
    stage, last = looking[0], stages.last
    if any(stage.rule in other.earlier for other in stages.earlier) or stage.rule not in last.earlier:
        return None
    if stage.extract.sees(_TIME) or any(last.extract.sees(path) for path in (_PATIENTS, _REQUEST, _TIME)):
        return None
    return stage if stage.is_repeatable and last.is_repeatable else None
