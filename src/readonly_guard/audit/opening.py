"""How a journal is taken hold of: its directory, its lock, what a crash left in it, and the segment to go on with."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from readonly_guard.audit.keys import SigningKey
from readonly_guard.audit.recovery import Recovery, recover
from readonly_guard.audit.sealing import is_seal
from readonly_guard.audit.segment_file import Place, SegmentFile
from readonly_guard.audit.segments import list_segments, sync_directory
from readonly_guard.errors import ConfigurationError

__all__ = ["JournalBusy", "Opened", "open_directory"]

_LOCK: Final = "journal.lock"


class JournalBusy(ConfigurationError):  # noqa: N818  a state of the world, not a defect of the call
    """Another process has the journal open."""


class Opened(NamedTuple):
    """A journal that is this process's own: the descriptor of its lock, its last segment, and what was found in it."""

    lock: int
    segment: SegmentFile
    recovery: Recovery


def open_directory(path: Path, *, signing_key: SigningKey | None, is_asked_to_repair: bool, must_exist: bool) -> Opened:
    """Take hold of a journal, or begin one; what a crash left is set aside.

    Args:
        path: its directory, made with mode 0700 if missing.
        signing_key: its public half is published in the directory.
        is_asked_to_repair: set aside whatever follows the last whole record, for whatever reason it is not right.
        must_exist: do not begin a journal.

    Raises:
        ConfigurationError: another process has it open, it cannot be written, or its chain is broken by more than a
            torn tail. Nothing is held then.
    """
    if must_exist and not list_segments(path):
        raise ConfigurationError(f"{path}: holds no journal (no file journal-<20 digits>.jsonl)")
    try:
        with ExitStack() as opened:
            _make_directory(path)
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            opened.callback(os.close, lock)
            _take(lock, path)
            recovery, last, found = recover(path, is_asked=is_asked_to_repair)
            durable = Place(found.head.seq, found.head.hash, found.size, found.tail, is_seal(found.tail))
            segment = SegmentFile.create(path, durable) if last is None else SegmentFile.open(last.path, durable)
            opened.callback(segment.close)
            if signing_key is not None:
                signing_key.publish(path)
            opened.pop_all()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(
            f"journal.path: {path} cannot be written ({reason}); name a directory that this user may write"
        ) from error
    return Opened(lock, segment, recovery)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:  # it was there, or another process was quicker
        return
    sync_directory(path.parent)


def _take(lock: int, path: Path) -> None:
    """Hold the journal against other processes; the lock goes with the process, whatever ends it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalBusy(
            f"journal.path: {path} is being written by another guard; stop that one, or give each its own directory"
        ) from None
