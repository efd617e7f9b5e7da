"""A board: figures about names, which every worker of a port writes for itself and all workers read.

Each worker has a part of its own, a file that all map into memory. Nobody waits for anybody: a part has one writer, and
what holds for all is read out of all parts. A worker that hangs hinders no other, and the part of one that ended is
wiped (`wipe`) by who keeps the workers.

A part is a table of buckets of sixteen slots. A name belongs to one bucket, chosen by a hash that nobody outside
can foresee, and is found there by that hash; nothing is ever moved, so that a reader meets no half-moved entry::

    slot = Byte16 hash, figures
    file = slot[16] for each bucket
"""

from __future__ import annotations

import functools
import hashlib
import mmap
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import Final, Self

__all__ = ["Board", "wipe"]

_WAYS: Final = 16
_HASH_BYTES: Final = 16
_SPACIOUS: Final = 4
"""How many slots there are for each name that is expected, so that practically no bucket is ever full."""

_REMEMBERED: Final = 1_024
"""Names whose places are not worked out anew: the same users come from the same addresses, several times a login."""

Figures = tuple[float, ...]


class _Place:
    """Where a name belongs: its hash, its bucket, and where in its own part a writer last found it, or -1."""

    __slots__ = ("bucket", "key", "own_at")

    def __init__(self, key: bytes, bucket: int) -> None:
        self.key: Final = key
        self.bucket: Final = bucket
        self.own_at = -1


class Board:
    """All parts, as one of their writers sees them.

    Args:
        parts: the files, or memory, of all writers.
        own: which of them is this writer's.
        layout: of the figures, as `struct` has it.
        secret: what the hash depends on, the same for all writers.
    """

    def __init__(self, parts: Sequence[mmap.mmap], own: int, layout: str, secret: bytes) -> None:
        self._parts = parts
        self._own = parts[own]
        self._figures = Struct(layout)
        self._slot_bytes = _HASH_BYTES + self._figures.size
        self._bucket_bytes = _WAYS * self._slot_bytes
        self._buckets = len(self._own) // self._bucket_bytes
        self._secret = secret
        self._place = functools.lru_cache(_REMEMBERED)(self._place_of)

    @classmethod
    def alone(cls, names: int, layout: str) -> Self:
        """A board in this process's memory, with room for about so many names, where there are no other writers."""
        return cls([mmap.mmap(-1, _size(names, layout))], 0, layout, secrets.token_bytes(_HASH_BYTES))

    @classmethod
    def shared(cls, files: Sequence[Path], own: int, names: int, layout: str, secret: bytes) -> Self:
        """A board of files, which are made if there are none; their directory is for this user only."""
        parts = []
        for path in files:
            with path.open("a+b") as file:
                file.truncate(_size(names, layout))  # to what it is already, for all who come later
                parts.append(mmap.mmap(file.fileno(), 0))
        return cls(parts, own, layout, secret)

    def read(self, name: str) -> Iterator[Figures]:
        """What any writer has written about a name."""
        place = self._place(name)
        for part in self._parts:
            at = self._find_own(place) if part is self._own else self._find(part, place.key, place.bucket)
            if at is not None:
                yield self._figures.unpack_from(part, at + _HASH_BYTES)

    def own(self, name: str) -> Figures | None:
        """What this writer has written about a name."""
        at = self._find_own(self._place(name))
        return None if at is None else self._figures.unpack_from(self._own, at + _HASH_BYTES)

    def write(self, name: str, figures: Figures, worth: Callable[[Figures], float], *, keeps: bool) -> bool:
        """Write about a name, in this writer's part.

        Args:
            name: any text.
            figures: what to write.
            worth: of figures; where a bucket is full, the least worth give way. Zero is nothing.
            keeps: whether only what is worth nothing may give way.

        Returns:
            False when there was no room, and so nothing was written.
        """
        place = self._place(name)
        at = self._find_own(place)
        if at is None:
            slots = range(place.bucket, place.bucket + self._bucket_bytes, self._slot_bytes)
            least, at = min((worth(self._figures.unpack_from(self._own, slot + _HASH_BYTES)), slot) for slot in slots)
            if keeps and least > 0:
                return False
            self._own[at : at + self._slot_bytes] = bytes(self._slot_bytes)  # never new figures under an old name
            self._figures.pack_into(self._own, at + _HASH_BYTES, *figures)
            self._own[at : at + _HASH_BYTES] = place.key
        else:
            self._figures.pack_into(self._own, at + _HASH_BYTES, *figures)
        return True

    def _place_of(self, name: str) -> _Place:
        key = hashlib.blake2b(
            name.encode("utf-8", "surrogateescape"), digest_size=_HASH_BYTES, key=self._secret
        ).digest()
        return _Place(key, int.from_bytes(key[:8]) % self._buckets * self._bucket_bytes)

    def _find_own(self, place: _Place) -> int | None:
        """As :meth:`_find` in this writer's part, where a name mostly stands where it stood the last time."""
        at = place.own_at
        if at >= 0 and self._own[at : at + _HASH_BYTES] == place.key:
            return at
        found = self._find(self._own, place.key, place.bucket)
        place.own_at = -1 if found is None else found
        return found

    def _find(self, part: mmap.mmap, key: bytes, bucket: int) -> int | None:
        # in a copy: mmap's own find reads behind the end of its memory in CPython 3.11.2, and dies of it
        held = part[bucket : bucket + self._bucket_bytes]
        at = held.find(key)
        while at >= 0 and at % self._slot_bytes:
            at = held.find(key, at + 1)
        return bucket + at if at >= 0 else None


def wipe(path: Path) -> None:
    """Forget what a writer wrote that has ended; those who read it may go on reading."""
    if path.exists():
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))


def _size(names: int, layout: str) -> int:
    buckets = max(1, _SPACIOUS * names // _WAYS)
    return buckets * _WAYS * (_HASH_BYTES + Struct(layout).size)
