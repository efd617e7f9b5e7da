"""The segment that is being written: bytes go behind its durable part and become durable, or are cut off again.

It is the only place that writes into a journal. It knows where the durable part ends and that the file is still the one
that was opened; what a record is, when a segment is full and who signs is not known here.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from readonly_guard.audit.segments import begun_s, create_segment
from readonly_guard.errors import LogUnavailable

__all__ = ["Place", "SegmentFile", "sync_data", "write_all"]


class Place:
    """Where the durable part ends: the last record, the length of the segment up to its end, and its line.

    ``is_signed`` says whether that record is a signed head.
    """

    __slots__ = ("hash", "is_signed", "seq", "size", "tail")

    def __init__(self, seq: int, digest: str, size: int, tail: bytes, is_signed: bool) -> None:  # noqa: FBT001  hot: by position
        self.seq: Final = seq
        self.hash: Final = digest
        self.size: Final = size
        self.tail: Final = tail
        self.is_signed: Final = is_signed

    def in_the_next(self) -> Place:
        """The same record, seen from a new segment behind it."""
        return Place(self.seq, self.hash, 0, b"", self.is_signed)


class SegmentFile:
    """A segment open for writing.

    Attributes:
        path: of the file.
        durable: up to where it is on disk. One value, changed in one step: an interrupt sees the former or the next.
        begun_s: when its first record was made, in seconds since 1970; None while there is none, or it does not say.
        is_suspect: the file may hold more than what is durable.
    """

    def __init__(self, path: Path, descriptor: int, durable: Place, begun_s: float | None) -> None:
        self.path = path
        self.durable = durable
        self.begun_s = begun_s
        self.is_suspect = False
        self._name = str(path)
        self._descriptor = descriptor
        self._device, self._inode = _identity(descriptor)

    @classmethod
    def open(cls, path: Path, durable: Place) -> Self:
        """A segment that is there.

        What a crash of the guard has left there in whole lines, and nobody has synced, is durable when this returns.

        Raises:
            OSError: it cannot be opened for writing.
        """
        since_s = begun_s(path)
        descriptor = _open(path)
        try:
            os.fsync(descriptor)
            return cls(path, descriptor, durable, since_s)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def create(cls, directory: Path, before: Place) -> Self:
        """A new segment behind the last record of the one before.

        Raises:
            OSError: it cannot be created, or is there and not empty.
        """
        path, descriptor = create_segment(directory, before.seq + 1)
        return cls(path, descriptor, before.in_the_next(), None)

    def check_in_place(self) -> None:
        """See that the segment is still the file that was opened, of the length it was left with.

        A log that was deleted, moved or replaced goes on swallowing records through its descriptor and keeps none of
        them; one that is longer or shorter has a second writer (a log rotation with copy and truncate, say).

        Raises:
            LogUnavailable: it is not.
        """
        try:
            status = os.lstat(self._name)  # for each commit: a Path costs twice as much
        except OSError as error:
            raise LogUnavailable(f"{self.path.name} is gone ({error.strerror}); put it back") from error
        if status.st_ino != self._inode or status.st_dev != self._device:
            raise LogUnavailable(f"{self.path.name} was replaced by another file; put it back")
        if status.st_size != self.durable.size:
            raise LogUnavailable(f"{self.path.name} was changed by another program; stop it, verify, and restart")

    def write(self, data: bytes, durable: Place, sync: Callable[[int], None] | None) -> None:
        """Add lines, and make them durable where ``sync`` says how.

        Raises:
            OSError: it failed; whatever of them is in the file has to be cut off again, by :meth:`restore`.
        """
        self.is_suspect = True
        write_all(self._descriptor, data)
        if sync is not None:
            sync(self._descriptor)
        self.durable = durable
        self.is_suspect = False

    def restore(self) -> None:
        """Open the segment anew and cut it back to what is durable.

        After a failed fsync the kernel has marked the lost pages clean, and a second fsync on them succeeds without
        writing anything (the PostgreSQL project's "fsyncgate" of 2018; Rebello et al., USENIX ATC 2020). So it is not
        tried again: the descriptor is given up, all that was not durable goes, the end of what was durable is compared
        with what we know, and whatever is written next dirties its pages anew.

        Raises:
            LogUnavailable: it did not work; to be tried again.
        """
        self.close()
        size, tail = self.durable.size, self.durable.tail
        try:
            self._descriptor = descriptor = _open(self.path)
            end = os.pread(descriptor, len(tail), size - len(tail))
            if end == tail and _identity(descriptor) == (self._device, self._inode):
                os.ftruncate(descriptor, size)
                os.fsync(descriptor)
                self.is_suspect = False
        except OSError as error:
            raise self.unavailable(error) from error
        if self.is_suspect:
            raise LogUnavailable(f"{self.path.name} does not end with its last record; verify, and restart")

    def sync(self) -> None:
        """Make all of it durable, its times as well.

        Raises:
            OSError: it failed.
        """
        os.fsync(self._descriptor)

    def unavailable(self, error: OSError) -> LogUnavailable:
        """The failure as the client is shown it: the name of the segment, not where the log is."""
        return LogUnavailable(f"{self.path.name}: {error.strerror or type(error).__name__}")

    def close(self) -> None:
        """Let go of the file; further calls do nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):
            os.close(descriptor)


def sync_data(descriptor: int) -> None:
    """Have what was written survive power loss: the data and the size of a file, not its times.

    Raises:
        OSError: it failed.
    """
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync there stops at the drive's cache (fsync(2) of macOS)
    else:
        os.fdatasync(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it; a write may stop short, and the next one then says why.

    Raises:
        OSError: the disk takes no more.
    """
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
