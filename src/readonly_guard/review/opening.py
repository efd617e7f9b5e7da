"""Opening an event: that it is looked at is recorded first; for whoever has to act it is under review from then on."""

from __future__ import annotations

from typing import Final

import msgspec

from readonly_guard.review.desk import Desk
from readonly_guard.review.event import Event
from readonly_guard.review.ledger import Case
from readonly_guard.review.standing import Actor
from readonly_guard.review.states import NotPossible, State, Step
from readonly_guard.review.store import Store

__all__ = ["Opened", "open_event"]

_NEAR_MINUTES: Final = 30
_NEAR_MOST: Final = 12


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An event with what stands around it.

    Attributes:
        case: why it was selected, and where it stands.
        event: what was done.
        is_mine: it is the actor's to assess.
        near: what the same user did within half an hour.
        same: what others of the unit did with the same patients within thirty days.
    """

    case: Case
    event: Event
    is_mine: bool
    near: tuple[Event, ...]
    same: tuple[Event, ...]


def open_event(desk: Desk, actor: Actor, name: str) -> Opened:
    """Open an event of the actor's units.

    Args:
        desk: the review.
        actor: who looks.
        name: its decision id.

    Raises:
        NotPossible: there is none of that id among the actor's units, or it has not been imported.
        BrokenLog: the review's own chain is not whole.
    """
    case = desk.standing.case(desk.ledger.history(), actor, name)
    desk.record_reading(actor, "event", {"case": name})
    with Store.open(desk.log.store_path) as store:
        event = store.named([name]).get(name)
        if event is None:
            raise NotPossible(
                f"{name} is not in the store: readonly-guard review import",
                "Händelsen är inte inläst; loggen behöver läsas in på nytt.",
            )
        near, same = store.around(event, minutes=_NEAR_MINUTES, limit=_NEAR_MOST)
    is_mine = desk.standing.objection(actor, case, event) is None
    if is_mine and case.state is State.ASSIGNED and desk.standing.responsible(case) == actor.user:
        case = desk.take_step(actor, Step.BEGIN, [name]).cases[name]
    return Opened(case=case, event=event, is_mine=is_mine, near=tuple(near), same=tuple(same))
