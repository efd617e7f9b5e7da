"""Brute force is slowed: who has failed to log in several times must wait before the next attempt is looked at.

Counted for each user from each address, known to the guard or not. The third failure in a row costs a second, each
further one twice as much, up to five minutes; an attempt within that time is refused without a look at its password.
Each worker process counts for itself. What was counted is forgotten after a quarter of an hour without a failure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["Attempts"]

_FREE: Final = 2
_LONGEST_S: Final = 300.0
_FORGOTTEN_AFTER_S: Final = 900.0
_MOST: Final = 10_000
"""How many pairs of user and address are remembered; who fills it up makes the guard forget the oldest."""


class _Failures(NamedTuple):
    times: int
    last_s: float
    until_s: float


class Attempts:
    """The failed logins of late.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait_s(self, user: str, address: str) -> float:
        """How long this user must wait at this address before an attempt counts; 0 when not at all."""
        failures = self._failures.get((user, address))
        return 0.0 if failures is None else max(0.0, failures.until_s - self._clock())

    def failed(self, user: str, address: str) -> None:
        """A login failed."""
        now, before = self._clock(), self._failures.pop((user, address), None)
        count = 1 if before is None or now - before.last_s > _FORGOTTEN_AFTER_S else before.times + 1
        delay_s = 0.0 if count <= _FREE else min(_LONGEST_S, 2.0 ** min(count - _FREE - 1, 10))
        self._failures[user, address] = _Failures(count, now, now + delay_s)
        if len(self._failures) > _MOST:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """A login succeeded: what failed before it was the user's own mistake."""
        self._failures.pop((user, address), None)
