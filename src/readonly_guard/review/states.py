"""The life of an event under review, as a table. What is not in the table is refused.

::

    ny → tilldelad → under granskning → utan anmärkning ─────────────────────────┐
                          │                                                      │
                          ├→ förklaring begärd → befogad ────────────────────────┤
                          │          └─────────┐                                 ├→ avslutad (by signing)
                          └──────────────→ med anmärkning → eskalerad → åtgärdad ┘

``förfallen`` is no state but time: an event that nobody has concluded `ReviewPlan.overdue_days` after it was selected
is the superior's, whether anybody noticed or not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from readonly_guard.errors import GuardError
from readonly_guard.review.words import word

__all__ = ["CONCLUDED", "TRANSITIONS", "NotPossible", "State", "Step", "next_state"]


class State(StrEnum):
    """Where an event stands."""

    NEW = "new"
    ASSIGNED = "assigned"
    UNDER_REVIEW = "under_review"
    WITHOUT_REMARK = "without_remark"
    EXPLANATION_ASKED = "explanation_asked"
    JUSTIFIED = "justified"
    WITH_REMARK = "with_remark"
    ESCALATED = "escalated"
    ACTED = "acted"
    CLOSED = "closed"


class Step(StrEnum):
    """What a reviewer does."""

    ASSIGN = "assign"
    BEGIN = "begin"
    CLEAR = "clear"
    ASK = "ask"
    JUSTIFY = "justify"
    REMARK = "remark"
    ESCALATE = "escalate"
    ACT = "act"
    RECONSIDER = "reconsider"
    CLOSE = "close"


class NotPossible(GuardError):  # noqa: N818  a state of the world, not a defect of the call
    """A step that cannot be taken now, or not by this reviewer; the text says why and what can be done.

    Args:
        text: in English, as on the command line.
        sv: the same in Swedish, for the page.
    """

    def __init__(self, text: str, sv: str) -> None:
        super().__init__(text)
        self.sv = sv


TRANSITIONS: Final[dict[tuple[State, Step], State]] = {
    (State.NEW, Step.ASSIGN): State.ASSIGNED,
    (State.ASSIGNED, Step.ASSIGN): State.ASSIGNED,
    (State.UNDER_REVIEW, Step.ASSIGN): State.ASSIGNED,
    (State.EXPLANATION_ASKED, Step.ASSIGN): State.EXPLANATION_ASKED,
    (State.WITH_REMARK, Step.ASSIGN): State.WITH_REMARK,
    (State.ASSIGNED, Step.BEGIN): State.UNDER_REVIEW,
    (State.ASSIGNED, Step.CLEAR): State.WITHOUT_REMARK,
    (State.UNDER_REVIEW, Step.CLEAR): State.WITHOUT_REMARK,
    (State.ASSIGNED, Step.ASK): State.EXPLANATION_ASKED,
    (State.UNDER_REVIEW, Step.ASK): State.EXPLANATION_ASKED,
    (State.ASSIGNED, Step.REMARK): State.WITH_REMARK,
    (State.UNDER_REVIEW, Step.REMARK): State.WITH_REMARK,
    (State.EXPLANATION_ASKED, Step.JUSTIFY): State.JUSTIFIED,
    (State.EXPLANATION_ASKED, Step.REMARK): State.WITH_REMARK,
    (State.WITH_REMARK, Step.ESCALATE): State.ESCALATED,
    (State.ESCALATED, Step.ACT): State.ACTED,
    (State.WITHOUT_REMARK, Step.RECONSIDER): State.UNDER_REVIEW,
    (State.JUSTIFIED, Step.RECONSIDER): State.UNDER_REVIEW,
    (State.WITH_REMARK, Step.RECONSIDER): State.UNDER_REVIEW,
    (State.WITHOUT_REMARK, Step.CLOSE): State.CLOSED,
    (State.JUSTIFIED, Step.CLOSE): State.CLOSED,
    (State.ACTED, Step.CLOSE): State.CLOSED,
}

CONCLUDED: Final = frozenset({State.WITHOUT_REMARK, State.JUSTIFIED, State.ESCALATED, State.ACTED, State.CLOSED})
"""Where the reviewer has given an answer, so that the protocol can be signed; what is escalated goes on elsewhere."""


def next_state(state: State, step: Step) -> State:
    """Where a step leads.

    Raises:
        NotPossible: it leads nowhere from there.
    """
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        can = ", ".join(sorted(item for at, item in TRANSITIONS if at is state and item is not Step.CLOSE))
        raise NotPossible(
            f"{step} is not possible for an event that is {state}; possible: {can or 'nothing'}",
            f"Det går inte med en händelse som är {word('state', state, 'sv')}.",
        ) from None
