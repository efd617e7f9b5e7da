"""A chain read while it is written: from a position on, whole lines only, and no record that may still be taken back.

A commit that fails is cut off again, so what has just been written may not stay. Only what stood in the file a moment
before is given out; and where a chain no longer continues what was given out before, that is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

from readonly_guard.audit.chain import content
from readonly_guard.audit.chains import Chain
from readonly_guard.audit.sealing import GENESIS, MAX_LINE_BYTES
from readonly_guard.audit.segments import Segment, list_segments
from readonly_guard.domain import Entry, LogRecord
from readonly_guard.errors import ConfigurationError

__all__ = ["Follower", "Position"]

_SETTLE_S: Final = 0.1
"""How old a line must be before it is given out: much longer than a commit and its being taken back."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a chain was read: the last record, and where in which segment the next begins."""

    seq: int = 0
    hash: str = GENESIS
    segment: int = 0
    offset: int = 0


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    prev: str
    hash: str
    record: LogRecord


class Follower:
    """Reads one chain onwards.

    Args:
        chain: which.
        position: where to begin.
        monotonic: a clock in seconds.
        with_canonical: entries have their canonical bytes.

    Attributes:
        position: behind the last record that :meth:`read` gave out; to be kept once that is safe elsewhere.
    """

    def __init__(
        self,
        chain: Chain,
        position: Position | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        with_canonical: bool = False,
    ) -> None:
        self.chain = chain
        self.position = position or Position()
        self._with_canonical = with_canonical
        self._monotonic = monotonic
        self._seen: list[tuple[float, int, int]] = []  # when the last segment was how long
        self._decode = msgspec.json.Decoder(_Line).decode

    def read(self, most: int, *, is_final: bool = False) -> list[Entry]:
        """The next records, at most so many; none when there are none yet.

        Args:
            most: how many.
            is_final: do not wait for the last ones to settle: nobody writes.

        Raises:
            ConfigurationError: the chain cannot be read, was changed, or begins behind the position.
        """
        found: list[Entry] = []
        while len(found) < most:
            segments = list_segments(self.chain.path)
            current = self._current(segments)
            if current is None:
                break
            segment, is_last = current
            end = self._settled(segment, is_final=is_final) if is_last else segment.path.stat().st_size
            found += self._lines(segment, end, most - len(found))
            if is_last or self.position.offset < segment.path.stat().st_size:
                break
            following = segments[segments.index(segment) + 1]
            self.position = msgspec.structs.replace(self.position, segment=following.first, offset=0)
        return found

    def _current(self, segments: list[Segment]) -> tuple[Segment, bool] | None:
        """The segment in which the next record stands, and whether it is the last."""
        if not segments:
            return None
        if self.position.segment == 0:
            first = segments[0]
            if first.first > self.position.seq + 1:
                # what retention has removed is not there for anyone; the chain begins where it begins
                self.position = Position(seq=first.first - 1, hash="", segment=first.first)
            else:
                self.position = msgspec.structs.replace(self.position, segment=first.first)
        for segment in segments:
            if segment.first == self.position.segment:
                return segment, segment is segments[-1]
        raise ConfigurationError(
            f"{self.chain.path}: record {self.position.seq + 1} is not there any more; "
            f"its segment journal-{self.position.segment:020d}.jsonl was removed before it was read"
        )

    def _settled(self, segment: Segment, *, is_final: bool) -> int:
        """Up to where the last segment can be believed to stay."""
        size = segment.path.stat().st_size
        if is_final:
            return size
        now = self._monotonic()
        self._seen = [item for item in self._seen if item[1] == segment.first]
        if not self._seen or self._seen[-1][2] != size:
            self._seen.append((now, segment.first, size))
        settled = [item for item in self._seen if now - item[0] >= _SETTLE_S]
        if not settled:
            return self.position.offset
        self._seen = [item for item in self._seen if item not in settled[:-1]]
        return min(settled[-1][2], size)

    def _lines(self, segment: Segment, end: int, most: int) -> list[Entry]:
        found: list[Entry] = []
        try:
            with segment.path.open("rb") as file:
                file.seek(self.position.offset)
                while len(found) < most and self.position.offset < end:
                    data = file.readline(MAX_LINE_BYTES)
                    if not data.endswith(b"\n") or self.position.offset + len(data) > end:
                        break
                    found.append(self._entry(segment, data))
        except OSError as error:
            raise ConfigurationError(f"{segment.path}: the journal cannot be read: {error.strerror}") from error
        return found

    def _entry(self, segment: Segment, data: bytes) -> Entry:
        try:
            line = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            line = None
        at = self.position
        if line is None or line.seq != at.seq + 1 or (at.hash and line.prev != at.hash):
            raise ConfigurationError(
                f"{segment.path}: what follows record {at.seq} does not continue what was read before. "
                f"Find out what happened: readonly-guard audit verify {self.chain.path}"
            )
        self.position = Position(seq=line.seq, hash=line.hash, segment=segment.first, offset=at.offset + len(data))
        kept = content(data) if self._with_canonical else b""
        return Entry(seq=line.seq, hash=line.hash, record=line.record, chain=self.chain.name, canonical=kept)
