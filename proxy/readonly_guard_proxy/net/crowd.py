"""The crowd: how many are in the house, in total, of each user and from each address, and who is one too many.

With several workers each has its share of the total; users and addresses are counted over all of them.
"""

from __future__ import annotations

from typing import Final

import structlog

from readonly_guard.settings import LimitSettings
from readonly_guard_proxy.net.board import Board, Figures

__all__ = ["PLACES", "Crowd"]

_log = structlog.get_logger(__name__)

PLACES: Final = "!I"
"""What stands on the boards: how many places a worker has given."""


class Crowd:
    """Counts places. A place is taken before the server is touched, and given back when the session is over.

    A place is taken first and looked at then: of two workers that give the last place at the same moment, at least
    one sees that there are too many.

    Args:
        limits: ``connections``, ``connections_per_user`` and ``connections_per_address``.
        users: the places of each user.
        addresses: the places of each address.
    """

    def __init__(self, limits: LimitSettings, users: Board, addresses: Board) -> None:
        self.limits = limits
        self._total = 0
        self._users = users
        self._addresses = addresses

    def enter(self, user: str) -> str:
        """Take a place for a user who would be let in.

        Returns:
            An empty text, or which limit stands against it; then no place is taken.
        """
        if self._total >= self.limits.connections:
            return "connections"
        is_counted, most = _more(self._users, user), self.limits.connections_per_user
        if most is not None and (not is_counted or _count(self._users, user) > most):
            if is_counted:
                _less(self._users, user)
            return "connections_per_user"
        self._total += 1
        return ""

    def leave(self, user: str) -> None:
        """Give the place back."""
        self._total -= 1
        _less(self._users, user)

    def arrive(self, address: str) -> bool:
        """Somebody connects; False when there are as many from his address as may be. Counted in either case."""
        is_counted, most = _more(self._addresses, address), self.limits.connections_per_address
        return most is None or not address or (is_counted and _count(self._addresses, address) <= most)

    def depart(self, address: str) -> None:
        """His connection is closed."""
        _less(self._addresses, address)


def _count(board: Board, name: str) -> int:
    return sum(int(places) for (places,) in board.read(name))


def _more(board: Board, name: str) -> bool:
    (before,) = board.own(name) or (0,)
    is_counted = board.write(name, (before + 1,), _worth, keeps=True)
    if not is_counted:
        _log.warning("no room to count one user or address more, so a limit on them refuses it")
    return is_counted


def _less(board: Board, name: str) -> None:
    (before,) = board.own(name) or (0,)
    if before:
        board.write(name, (before - 1,), _worth, keeps=True)


def _worth(figures: Figures) -> float:
    return figures[0]
