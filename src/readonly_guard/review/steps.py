"""A step as a record, and what it has to say: a comment, the number of a case."""

from __future__ import annotations

from typing import Final

from readonly_guard.domain import ReviewRecord
from readonly_guard.review.standing import Actor
from readonly_guard.review.states import NotPossible, Step

__all__ = ["check_words", "step_record"]

_SHORTEST_COMMENT: Final = 3
_LONGEST_COMMENT: Final = 2_000
_LONGEST_REFERENCE: Final = 64

_NEEDS_COMMENT: Final = frozenset({Step.ASK, Step.JUSTIFY, Step.REMARK, Step.ACT, Step.RECONSIDER})


def step_record(
    time: str,
    actor: Actor,
    step: Step,
    events: tuple[str, ...],
    *,
    comment: str = "",
    reference: str = "",
    reviewer: str = "",
) -> ReviewRecord:
    """The record of a step that somebody takes with one or more events."""
    return ReviewRecord(
        time=time,
        actor=actor.user,
        via=actor.via,
        step=step.value,
        events=events,
        comment=comment,
        reviewer=reviewer,
        reference=reference,
    )


def check_words(step: Step, comment: str, reference: str) -> None:
    """That what somebody says with a step is enough, and not too much.

    Raises:
        NotPossible: it is not; the text says what is needed.
    """
    if step in _NEEDS_COMMENT and len(comment) < _SHORTEST_COMMENT:
        raise NotPossible(f"{step}: a comment is needed", "En kommentar behövs.")
    if len(comment) > _LONGEST_COMMENT:
        raise NotPossible(
            f"the comment is longer than {_LONGEST_COMMENT} characters",
            f"Kommentaren är längre än {_LONGEST_COMMENT} tecken.",
        )
    if step is Step.ESCALATE and not reference:
        raise NotPossible(
            "escalate: the number of the case in MedControl PRO is needed", "Ärendets nummer i MedControl PRO behövs."
        )
    if len(reference) > _LONGEST_REFERENCE or not reference.isprintable():
        raise NotPossible(
            f"the case number is printable text of at most {_LONGEST_REFERENCE} characters",
            f"Ärendets nummer är högst {_LONGEST_REFERENCE} skrivbara tecken.",
        )
    if step is Step.CLOSE:
        raise NotPossible(
            "events are closed by signing the protocol", "Händelser avslutas när protokollet undertecknas."
        )
