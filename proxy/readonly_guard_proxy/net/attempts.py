"""Brute force is slowed: who has failed to log in several times must wait before the next attempt is looked at.

Counted for each user from each address, known to the guard or not, over all workers. The third failure in a row costs
a second, each further one twice as much, up to five minutes; an attempt within that time is refused without a look at
its password. What was counted is forgotten after a quarter of an hour without a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from readonly_guard_proxy.net.board import Board, Figures

__all__ = ["FAILURES", "REMEMBERED", "Attempts"]

FAILURES: Final = "!Idd"
"""What stands on the board: failures in a row that a worker has seen, when the last was, and when a success was."""

REMEMBERED: Final = 10_000
"""How many pairs of user and address there is room for; who fills it up makes the guard forget the oldest."""

_FREE: Final = 2
_LONGEST_S: Final = 300.0
_FORGOTTEN_AFTER_S: Final = 900.0
_NEVER: Final = -1e18


class _Seen(NamedTuple):
    times: int
    last_s: float
    success_s: float


class Attempts:
    """The failed logins of late.

    Args:
        clock: seconds that only go forward, the same for all workers.
        board: where all workers write what they have seen.
    """

    def __init__(self, clock: Callable[[], float], board: Board) -> None:
        self._clock = clock
        self._board = board

    def wait_s(self, user: str, address: str) -> float:
        """How long this user must wait at this address before an attempt counts; 0 when not at all."""
        now = self._clock()
        times, last_s = self._together(_name(user, address), now)
        delay_s = 0.0 if times <= _FREE else min(_LONGEST_S, 2.0 ** min(times - _FREE - 1, 10))
        return max(0.0, last_s + delay_s - now)

    def failed(self, user: str, address: str) -> None:
        """A login failed."""
        name, now = _name(user, address), self._clock()
        own = self._own(name)
        success_s = max((seen.success_s for seen in self._all(name)), default=_NEVER)
        is_in_a_row = own.times and own.last_s >= success_s and now - own.last_s <= _FORGOTTEN_AFTER_S
        times = min(own.times + 1, 1_000) if is_in_a_row else 1
        self._write(name, _Seen(times, now, own.success_s))

    def succeeded(self, user: str, address: str) -> None:
        """A login succeeded: what failed before it was the user's own mistake."""
        name, now = _name(user, address), self._clock()
        if self._together(name, now)[0]:
            self._write(name, _Seen(0, now, now))

    def _together(self, name: str, now: float) -> tuple[int, float]:
        """The failures in a row of all workers, and when the last was."""
        known = self._all(name)
        if not known:  # as nearly always
            return 0, _NEVER
        success_s = max(seen.success_s for seen in known)
        recent = [
            seen for seen in known
            if seen.times and seen.last_s >= success_s and now - seen.last_s <= _FORGOTTEN_AFTER_S
        ]  # fmt: skip
        return sum(seen.times for seen in recent), max((seen.last_s for seen in recent), default=_NEVER)

    def _all(self, name: str) -> list[_Seen]:
        return [_Seen(int(times), last_s, success_s) for times, last_s, success_s in self._board.read(name)]

    def _own(self, name: str) -> _Seen:
        times, last_s, success_s = self._board.own(name) or (0, _NEVER, _NEVER)
        return _Seen(int(times), last_s, success_s)

    def _write(self, name: str, seen: _Seen) -> None:
        self._board.write(name, seen, _worth, keeps=False)


def _name(user: str, address: str) -> str:
    return f"{user}\0{address}"  # neither can hold a NUL


def _worth(figures: Figures) -> float:
    return figures[1]  # the oldest gives way
