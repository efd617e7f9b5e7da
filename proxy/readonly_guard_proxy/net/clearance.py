"""Clearance of a turn: what it runs is allowed by a precedent, and that is on record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from readonly_guard.asker import Asker
from readonly_guard.codes import Sqlstate
from readonly_guard.errors import DecisionUnavailable
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.session.quick_lane import Turn

__all__ = ["Clearance"]

_now_s: Final = time.monotonic


class Clearance:
    """One turn's.

    Args:
        turn: that is to be sent.
        guard: decides.
        then: called with this clearance once it is granted, or will not be.

    Attributes:
        decision_id: of the decision about what is run, a Parse of it included.
        since_s: when it was looked for and, once it is granted, since when it is, by the monotonic clock.
    """

    __slots__ = ("_awaited", "_guard", "_then", "decision_id", "failed", "since_s", "turn")

    def __init__(self, turn: Turn, guard: MeasuredGuard, then: Callable[[Clearance], None]) -> None:
        self.turn: Final = turn
        self.decision_id = ""
        self.failed = False
        self.since_s = 0.0
        self._guard = guard
        self._then = then
        self._awaited = 2  # the record, and the decision's id, which may come in either order

    @property
    def is_granted(self) -> bool:
        """Whether the decision is on record."""
        return not self.failed

    def seek(self, asker: Asker) -> bool:
        """Have the turn allowed as it was before.

        Returns:
            False where that cannot be: then nothing is allowed, and nobody is called.
        """
        turn, guard = self.turn, self._guard
        self.since_s = _now_s()
        found = guard.find_precedent(asker, turn.phase, turn.text, turn.parameters)
        if found is None or not turn.can_be(found.precedent.warnings, moves=found.precedent.moves_transaction):
            return False
        try:
            self.decision_id = guard.repeat(found, self._recorded)
        except DecisionUnavailable:
            return False
        self._count()
        return True

    def revoke(self) -> None:
        """Tell the log that what it has as allowed came to nothing."""
        if not self.failed:
            self._guard.ended(self.decision_id, None, 0, 0, Sqlstate.CANCELED)

    def _recorded(self, failure: DecisionUnavailable | None) -> None:
        self.failed = failure is not None
        self._count()

    def _count(self) -> None:
        self._awaited -= 1
        if self._awaited:
            return
        if self.is_granted:  # what is not counts as not made, and is decided once more
            sought_s, self.since_s = self.since_s, _now_s()
            self._guard.repeated(self.since_s - sought_s)
        self._then(self)
