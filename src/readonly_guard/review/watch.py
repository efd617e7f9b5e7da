"""What is known of the log's wholeness between two checks: never more than its files, untouched, bear out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit import Anchor, Progress, Verification, find_chains
from readonly_guard.audit.segments import list_segments
from readonly_guard.review.checking import check_apart
from readonly_guard.review.wholeness import check_log, file_looks

__all__ = ["Glance", "LogWatch"]

_SMALL_BYTES: Final = 64 * 1024 * 1024  # some hundred thousand records, a second or two


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the log without reading all of it.

    Attributes:
        chains: as they were found when the log was last checked whole.
        time: when that was, RFC 3339.
        is_current: no file has changed since, to the nanosecond.
    """

    chains: tuple[Verification, ...]
    time: str
    is_current: bool


class LogWatch:
    """Checks the log, and remembers what its files looked like then; a large log takes minutes to be read.

    Args:
        journals: the directories of the log.
        public_keys: as of `check_log`.
        renewed: what is to be done around a check, where some of the journals are copies; no look at their files tells
            then whether the log has changed.
    """

    def __init__(
        self,
        journals: Sequence[str],
        public_keys: Sequence[str],
        renewed: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._journals = journals
        self._public_keys = public_keys
        self._renewed = renewed
        self._last: tuple[object, Glance] | None = None

    def check(
        self, anchors: Sequence[Anchor], now: str, progress: Callable[[Progress], None] | None = None
    ) -> dict[Path, list[Verification]]:
        """Check all of it, as `check_log`; with ``progress``, in a process of its own."""
        self._last = None
        with nullcontext() if self._renewed is None else self._renewed():
            looks = self._looks()  # before: what is changed meanwhile is a change
            found = (
                check_log(self._journals, public_keys=self._public_keys, anchors=anchors)
                if progress is None
                else check_apart(self._journals, public_keys=self._public_keys, anchors=anchors, progress=progress)
            )
        chains = tuple(item for verified in found.values() for item in verified)
        self._last = (looks, Glance(chains=chains, time=now, is_current=True))
        return found

    def glance(self, anchors: Sequence[Anchor], now: str) -> Glance | None:
        """What is known; a log that is small, or has not changed, is known to be whole now.

        None where it is large and has not been checked by this process.

        Raises:
            BrokenLog: as `check_log`, where it was read.
        """
        looks = self._looks()
        if self._last is not None and self._last[0] == looks and self._renewed is None:
            return self._last[1]
        if _size(looks) <= _SMALL_BYTES:
            self.check(anchors, now)
        elif self._last is not None:
            return msgspec.structs.replace(self._last[1], is_current=False)
        return None if self._last is None else self._last[1]

    @property
    def is_small(self) -> bool:
        """Whether a check takes a second or two."""
        return _size(self._looks()) <= _SMALL_BYTES

    def _looks(self) -> list[tuple[str, int, int, int, int]]:
        return [
            look
            for journal in map(Path, self._journals)
            if journal.exists()
            for chain in find_chains(journal)
            for look in file_looks(segment.path for segment in list_segments(chain.path))
        ]


def _size(looks: Sequence[tuple[str, int, int, int, int]]) -> int:
    return sum(size for _, _, size, _, _ in looks)
