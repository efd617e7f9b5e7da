"""The crowd: how many are in the house, in total, of each user and from each address, and who is one too many."""

from __future__ import annotations

from collections import Counter

from readonly_guard.settings import LimitSettings

__all__ = ["Crowd"]


class Crowd:
    """Counts places. A place is taken before the server is touched, and given back when the session is over.

    Args:
        limits: ``connections``, ``connections_per_user`` and ``connections_per_address``.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self.limits = limits
        self._total = 0
        self._users: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()

    def enter(self, user: str) -> str:
        """Take a place for a user who would be let in.

        Returns:
            An empty text, or which limit stands against it; then no place is taken.
        """
        if self._total >= self.limits.connections:
            return "connections"
        most = self.limits.connections_per_user
        if most is not None and self._users[user] >= most:
            return "connections_per_user"
        self._total += 1
        self._users[user] += 1
        return ""

    def leave(self, user: str) -> None:
        """Give the place back."""
        self._total -= 1
        _less(self._users, user)

    def arrive(self, address: str) -> bool:
        """Somebody connects; False when there are as many from his address as may be. Counted in either case."""
        self._addresses[address] += 1
        most = self.limits.connections_per_address
        return most is None or not address or self._addresses[address] <= most

    def depart(self, address: str) -> None:
        """His connection is closed."""
        _less(self._addresses, address)


def _less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]  # names come from outside: none is kept that is not needed
