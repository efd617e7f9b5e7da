"""Whether the log is whole: what is asked before anything of it is imported, and before anything is signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit import Anchor, KeyRing, Verification, find_chains, verify_all
from readonly_guard.audit.chains import CUSTODY, PATIENTS
from readonly_guard.audit.segments import list_segments
from readonly_guard.errors import ConfigurationError

__all__ = ["BrokenLog", "Glance", "LogWatch", "check_log", "file_looks"]

_SMALL_BYTES: Final = 64 * 1024 * 1024  # some hundred thousand records, a second or two

_BESIDE: Final = frozenset({CUSTODY, PATIENTS})
"""Chains that hold no decision, of which each journal has its own."""


class BrokenLog(ConfigurationError):  # noqa: N818  a state of the world, not a defect of the call
    """A chain of the log is not whole; the text says which and where."""


def check_log(
    journals: Iterable[str], *, public_keys: Sequence[str] = (), anchors: Sequence[Anchor] = ()
) -> dict[Path, list[Verification]]:
    """Verify every chain of these journals.

    Args:
        journals: the directories of the log; no two of the guards' chains may have one name.
        public_keys: files of the keys that may have signed; those beside the log where none is given.
        anchors: heads that must be held.

    Raises:
        BrokenLog: a chain is not whole; the text says which, where and how.
        ConfigurationError: a journal cannot be read.
    """
    keys = KeyRing.load(Path(item) for item in public_keys) if public_keys else None
    found: dict[Path, list[Verification]] = {}
    names: dict[str, Path] = {}
    for journal in map(Path, journals):
        if not journal.exists():
            raise ConfigurationError(f"{journal}: the journal is not there; correct `journals` in review.toml")
        for chain in find_chains(journal):
            if chain.name not in _BESIDE and names.setdefault(chain.name, journal) != journal:
                raise ConfigurationError(
                    f"{journal} and {names[chain.name]}: both have a chain {chain.name!r}; rename one's directory"
                )
        own = [item for item in anchors if item.chain in {chain.name for chain in find_chains(journal)}]
        found[journal] = verify_all(journal, anchors=own, public_keys=keys)
        for item in found[journal]:
            fault = item.first_fault
            if fault is not None:
                place = f"{fault.file}, line {fault.line}, record {fault.seq}: " if fault.file else ""
                raise BrokenLog(f"{journal}: the chain {item.chain!r} is broken: {place}{fault.what}")
    lost = sorted({item.chain for item in anchors} - {item.chain for items in found.values() for item in items})
    if lost:
        raise BrokenLog(f"the chain {lost[0]!r} was imported before, and is not there: it was removed or renamed")
    return found


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
        public_keys: as of :func:`check_log`.
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

    def check(self, anchors: Sequence[Anchor], now: str) -> dict[Path, list[Verification]]:
        """Check all of it, as :func:`check_log`."""
        self._last = None
        with nullcontext() if self._renewed is None else self._renewed():
            looks = self._looks()  # before: what is changed meanwhile is a change
            found = check_log(self._journals, public_keys=self._public_keys, anchors=anchors)
        chains = tuple(item for verified in found.values() for item in verified)
        self._last = (looks, Glance(chains=chains, time=now, is_current=True))
        return found

    def glance(self, anchors: Sequence[Anchor], now: str) -> Glance | None:
        """What is known; a log that is small, or has not changed, is known to be whole now.

        None where it is large and has not been checked by this process.

        Raises:
            BrokenLog: as :func:`check_log`, where it was read.
        """
        looks = self._looks()
        if self._last is not None and self._last[0] == looks and self._renewed is None:
            return self._last[1]
        if sum(size for _, _, size, _, _ in looks) <= _SMALL_BYTES:
            self.check(anchors, now)
        elif self._last is not None:
            return msgspec.structs.replace(self._last[1], is_current=False)
        return None if self._last is None else self._last[1]

    def _looks(self) -> list[tuple[str, int, int, int, int]]:
        return [
            look
            for journal in map(Path, self._journals)
            if journal.exists()
            for chain in find_chains(journal)
            for look in file_looks(segment.path for segment in list_segments(chain.path))
        ]


def file_looks(paths: Iterable[Path]) -> list[tuple[str, int, int, int, int]]:
    """What tells one state of files from another: name, inode, size in bytes, and both times."""
    found = [(str(path), path.stat()) for path in paths]
    return [(name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in found]
