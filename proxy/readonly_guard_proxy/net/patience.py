"""Patience: how long a session may wait for what, seen to by looking at all sessions every now and then.

A timer for each statement would cost each statement; looking costs only the sessions there are, some 2 µs each. So a
deadline is kept to within the time between two looks, a second at most. Clients on their way in are looked at likewise
(`readonly_guard_proxy.net.reception`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from readonly_guard.settings import LimitSettings
from readonly_guard_proxy.session.events import Waiting

__all__ = ["Patience", "deadlines_of", "interval_s"]

_GRACE_S: Final = 5.0
"""How long a statement that is being cancelled may still take before the session is cut off."""

_LONGEST_INTERVAL_S: Final = 1.0
_LOOKS: Final = 4


class Patience:
    """Of one session.

    Args:
        deadlines_s: by what is waited for; what is not named may take for ever.
    """

    __slots__ = ("_deadlines_s", "_since_s", "_waiting")

    def __init__(self, deadlines_s: Mapping[Waiting, float]) -> None:
        self._deadlines_s = deadlines_s
        self._waiting: tuple[Waiting, int] | None = None
        self._since_s = 0.0

    def ran_out(self, waiting: tuple[Waiting, int], now_s: float) -> bool:
        """Whether the session has been seen waiting for this, without a break, for longer than it may.

        Said once, and again five seconds later if nothing has changed.
        """
        if waiting != self._waiting:
            self._waiting, self._since_s = waiting, now_s
            return False
        deadline_s = self._deadlines_s.get(waiting[0])
        if deadline_s is None or now_s - self._since_s < deadline_s:
            return False
        self._since_s = now_s - deadline_s + _GRACE_S
        return True


def deadlines_of(limits: LimitSettings) -> dict[Waiting, float]:
    """The deadlines that are set, in seconds."""
    wanted = {
        Waiting.STARTUP: limits.startup_timeout_s,
        Waiting.STATEMENT: limits.statement_timeout_s,
        Waiting.IDLE: limits.idle_timeout_s,
        Waiting.IDLE_IN_TRANSACTION: limits.idle_in_transaction_timeout_s,
    }
    return {waiting: deadline_s for waiting, deadline_s in wanted.items() if deadline_s is not None}


def interval_s(deadlines_s: Iterable[float]) -> float:
    """How often to look: four times within the shortest deadline, and at least once a second."""
    return min((_LONGEST_INTERVAL_S, *(deadline_s / _LOOKS for deadline_s in deadlines_s)))
