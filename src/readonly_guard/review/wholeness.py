"""Whether the log is whole: what is asked before anything of it is imported, and before anything is signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from readonly_guard.audit import Anchor, KeyRing, Progress, Verification, find_chains, verify_all
from readonly_guard.audit.chains import CUSTODY, PATIENTS
from readonly_guard.errors import ConfigurationError

__all__ = ["BrokenLog", "check_log", "file_looks"]

_BESIDE: Final = frozenset({CUSTODY, PATIENTS})
"""Chains that hold no decision, of which each journal has its own."""


class BrokenLog(ConfigurationError):  # noqa: N818  a state of the world, not a defect of the call
    """A chain of the log is not whole; the text says which and where."""


def check_log(
    journals: Iterable[str],
    *,
    public_keys: Sequence[str] = (),
    anchors: Sequence[Anchor] = (),
    progress: Callable[[Progress], None] | None = None,
) -> dict[Path, list[Verification]]:
    """Verify every chain of these journals.

    Args:
        journals: the directories of the log; no two of the guards' chains may have one name.
        public_keys: files of the keys that may have signed; those beside the log where none is given.
        anchors: heads that must be held.
        progress: told now and then, journal by journal.

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
        found[journal] = verify_all(journal, anchors=own, public_keys=keys, progress=progress)
        for item in found[journal]:
            fault = item.first_fault
            if fault is not None:
                place = f"{fault.file}, line {fault.line}, record {fault.seq}: " if fault.file else ""
                raise BrokenLog(f"{journal}: the chain {item.chain!r} is broken: {place}{fault.what}")
    lost = sorted({item.chain for item in anchors} - {item.chain for items in found.values() for item in items})
    if lost:
        raise BrokenLog(f"the chain {lost[0]!r} was imported before, and is not there: it was removed or renamed")
    return found


def file_looks(paths: Iterable[Path]) -> list[tuple[str, int, int, int, int]]:
    """What tells one state of files from another: name, inode, size in bytes, and both times."""
    found = [(str(path), path.stat()) for path in paths]
    return [(name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in found]
