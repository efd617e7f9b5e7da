"""The boards of a guard: what is counted over all of its workers, and where.

A worker's places are forgotten when it ends, because its sessions have ended; the failures that it saw are not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple, Self

from readonly_guard_proxy.net.attempts import FAILURES, REMEMBERED
from readonly_guard_proxy.net.board import Board, wipe
from readonly_guard_proxy.net.crowd import PLACES
from readonly_guard_proxy.net.descriptors import ON_THE_WAY_IN

__all__ = ["Boards", "forget_places"]

_PLACES: Final = ("users", "addresses")


class Boards(NamedTuple):
    """The places of users and of addresses, and the failures to log in."""

    users: Board
    addresses: Board
    failures: Board

    @classmethod
    def alone(cls, room: int) -> Self:
        """Of a guard that is one process, with room for so many users and addresses."""
        names = room + ON_THE_WAY_IN  # who has not said who he is has an address as well
        return cls(Board.alone(names, PLACES), Board.alone(names, PLACES), Board.alone(REMEMBERED, FAILURES))

    @classmethod
    def shared(cls, directory: Path, number: int, count: int, room: int) -> Self:
        """Of several workers, as one of them sees them.

        Args:
            directory: of theirs, which only their user may enter; its random name is the hashes' secret.
            number: of this worker, 1 to ``count``.
            count: of the workers.
            room: for so many users and addresses.
        """
        secret = hashlib.blake2b(str(directory).encode(), digest_size=16).digest()

        def board(what: str, names: int, layout: str) -> Board:
            files = [_file(directory, one, what) for one in range(1, count + 1)]
            return Board.shared(files, number - 1, names, layout, secret)

        names = room + ON_THE_WAY_IN
        return cls(
            board("users", names, PLACES), board("addresses", names, PLACES), board("failures", REMEMBERED, FAILURES)
        )


def forget_places(directory: Path, number: int) -> None:
    """Give back all places of a worker that has ended."""
    for what in _PLACES:
        wipe(_file(directory, number, what))


def _file(directory: Path, number: int, what: str) -> Path:
    return directory / f"worker-{number}-{what}.board"
