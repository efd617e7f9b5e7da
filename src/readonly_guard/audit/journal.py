"""The journal: records appended to a buffer, written and made durable together, or not at all.

What :meth:`Journal.commit` has returned for is on disk and stays there. What it has raised for is on disk nowhere: the
file is cut back to what was durable before, so that the log never shows as allowed what its caller was told could not
be logged. One process writes a journal; no event loop and no plugin is known here.

With a signing key, the head of the chain is signed now and then, whenever a segment is closed, and at the end: the
signature is a record of the chain, directly behind the head it signs.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

import msgspec

from readonly_guard.audit.chain import MAX_LINE_BYTES, Head, Line, canonical, content, is_seal, seal
from readonly_guard.audit.keys import SigningKey
from readonly_guard.audit.recovery import Recovery, recover
from readonly_guard.audit.segments import create_segment, lines, list_segments, sync_directory
from readonly_guard.domain import LogRecord, RepairRecord, SealRecord
from readonly_guard.errors import ConfigurationError, LogUnavailable
from readonly_guard.moments import rfc3339, utc_now

__all__ = ["SEAL_EVERY_S", "SEGMENT_BYTES", "Durability", "Journal", "JournalBusy"]

Durability = Literal["fsync", "buffered"]
"""``fsync`` survives power loss; ``buffered`` survives a crash of the guard, not of the machine."""

SEGMENT_BYTES: Final = 256 * 1024 * 1024
"""When a segment is closed and the next begun."""

SEAL_EVERY_S: Final = 60.0
"""How often the head is signed, where it has moved."""

_LOCK: Final = "journal.lock"
_CHECK_BYTES: Final = 64 * 1024


def _sync_data(descriptor: int) -> None:
    """Have what was written survive power loss: the data and the size of a file, not its times."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync there stops at the drive's cache (fsync(2) of macOS)
    else:
        os.fdatasync(descriptor)


class JournalBusy(ConfigurationError):  # noqa: N818  a state of the world, not a defect of the call
    """Another process has the journal open."""


class _Place(NamedTuple):
    """Where the durable part ends: the last record, the length of the segment up to its end, and its line."""

    seq: int
    hash: str
    size: int
    tail: bytes


class Journal:
    """An open journal. Make one with :meth:`open`. Not for several threads at once.

    Attributes:
        recovery: what was found when it was opened.
    """

    def __init__(
        self,
        *,
        directory: Path,
        lock: int,
        segment: Path,
        descriptor: int,
        place: _Place,
        recovery: Recovery,
        durability: Durability,
        segment_bytes: int,
        segment_age: timedelta | None,
        segment_begun: datetime | None,
        signing_key: SigningKey | None,
        seal_every: timedelta,
        clock: Callable[[], datetime],
        sync: Callable[[int], None],
    ) -> None:
        self.recovery = recovery
        self._chain = directory.resolve().name
        self._segment_age = segment_age
        self._segment_begun = segment_begun
        self._key = signing_key
        self._seal_every = seal_every
        self._seal_due_at = clock() + seal_every
        self._clock = clock
        self._directory = directory
        self._lock = lock
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._sync = sync
        self._owner = os.getpid()
        self._durable = place
        self._is_head_signed = is_seal(place.tail)
        self._pending: list[Line] = []
        self._is_closed = False
        self._is_full = False  # a rotation was begun and has to be finished before anything else is written
        self._is_suspect = False  # the file may hold more than what is durable
        self._segment = segment
        self._descriptor = descriptor
        self._identity = _identity(descriptor)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        durability: Durability = "fsync",
        segment_bytes: int = SEGMENT_BYTES,
        segment_age_s: float | None = None,
        signing_key: SigningKey | None = None,
        seal_every_s: float = SEAL_EVERY_S,
        is_asked_to_repair: bool = False,
        must_exist: bool = False,
        clock: Callable[[], datetime] = utc_now,
        sync: Callable[[int], None] = _sync_data,
    ) -> Self:
        """Open a journal, or begin one; what a crash left is set aside first (see :attr:`recovery`), and recorded.

        Args:
            path: its directory, made with mode 0700 if missing.
            durability: see :data:`Durability`.
            segment_bytes: a segment that would become longer is closed and the next begun; one commit is never split,
                so a segment can be longer by itself.
            segment_age_s: a segment whose first record is older is closed as well, at the next commit; None for never.
            signing_key: signs the head; its public half is published in the directory.
            seal_every_s: how often, where the head has moved.
            is_asked_to_repair: set aside whatever follows the last whole record, for whatever reason it is not right.
            must_exist: do not begin a journal.
            clock: gives the time, timezone-aware.
            sync: makes a file descriptor durable, raising OSError when it cannot.

        Raises:
            ConfigurationError: another process has it open, it cannot be written, or its chain is broken by more
                than a torn tail.
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
                if last is None:
                    segment, descriptor = create_segment(path, found.head.seq + 1)
                else:
                    segment, descriptor = last.path, _open_segment(last.path)
                opened.callback(os.close, descriptor)
                # a crash of the guard leaves whole lines that nobody has synced; from here on they count as durable
                os.fsync(descriptor)
                begun = _begun(segment)
                if signing_key is not None:
                    signing_key.publish(path)
                opened.pop_all()
        except OSError as error:
            raise ConfigurationError(_not_writable(path, error)) from error
        journal = cls(
            directory=path,
            lock=lock,
            segment=segment,
            descriptor=descriptor,
            place=_Place(found.head.seq, found.head.hash, found.size, found.tail),
            recovery=recovery,
            durability=durability,
            segment_bytes=segment_bytes,
            segment_age=None if segment_age_s is None else timedelta(seconds=segment_age_s),
            segment_begun=begun,
            signing_key=signing_key,
            seal_every=timedelta(seconds=seal_every_s),
            clock=clock,
            sync=sync,
        )
        if recovery.torn_file is not None:
            journal._record_repair("operator" if is_asked_to_repair else "start")
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def head(self) -> Head:
        """The last durable record; what an auditor keeps to find a log that was cut off later."""
        return Head(seq=self._durable.seq, hash=self._durable.hash)

    @property
    def pending(self) -> int:
        """How many records the next commit will write."""
        return len(self._pending)

    def append(self, record: LogRecord) -> int:
        """Put a record into the buffer; it counts when :meth:`commit` returns.

        Returns:
            Its number. Another record gets it if the commit fails, and the next number is its own if a signed head
            has to go before it.

        Raises:
            LogUnavailable: the journal is closed, another process's, or could not be repaired after a failure; or the
                record is no UTF-8 text or longer than a line may be.
        """
        self._check_ours()
        if self._is_suspect:
            self._restore()
        before = self._pending[-1] if self._pending else self._durable
        try:
            line = seal(before.seq + 1, before.hash, canonical(record))
        except (ValueError, TypeError) as error:
            # from None: the text of the error shows a piece of the record
            raise LogUnavailable(f"the record cannot be written as JSON ({type(error).__name__})") from None
        if len(line.data) > MAX_LINE_BYTES:
            raise LogUnavailable(f"the record is longer than {MAX_LINE_BYTES} bytes")
        self._pending.append(line)  # one step: an interrupt leaves the chain with the record or without it
        return line.seq

    def commit(self) -> None:
        """Write all that is in the buffer and make it durable.

        Raises:
            LogUnavailable: it could not be; the records are dropped and their numbers free again. The next append tries
                anew.
        """
        batch, self._pending = self._pending, []
        if not batch:
            return
        self._check_ours()
        with self._all_or_nothing():
            self._check_in_place()
            if self._is_full or self._is_over(sum(len(line.data) for line in batch)):
                self._rotate()
                batch = self._chained_anew(batch)
            elif self._is_signing_due():
                batch.append(self._signed(batch[-1]))
            self._write(batch)

    @property
    def is_signed(self) -> bool:
        """Whether nothing stands behind the last signed head; always so without a key."""
        return self._key is None or self._durable.seq == 0 or self._is_head_signed

    def sign(self) -> None:
        """Commit, and sign the head unless it is; nothing to do without a key.

        Raises:
            LogUnavailable: as :meth:`commit`.
        """
        self.commit()
        if not self.is_signed:
            self._check_ours()
            if self._is_suspect:
                self._restore()
            with self._all_or_nothing():
                self._check_in_place()
                self._write([self._signed(self._durable)])

    def check(self) -> None:
        """See whether a record could be made durable now, without writing one.

        The segment is looked at, and 64 KiB are written to a nameless file beside it: a full or read-only disk shows
        nowhere else. It takes as long as a commit.

        Raises:
            LogUnavailable: it could not; the text says why.
        """
        self._check_ours()
        if self._is_suspect:
            self._restore()
        self._check_in_place()
        try:
            with tempfile.TemporaryFile(dir=self._directory, buffering=0) as file:
                _write(file.fileno(), bytes(_CHECK_BYTES))
                if self._durability == "fsync":
                    self._sync(file.fileno())
        except OSError as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Commit, sign, and let go of the files; further calls do nothing.

        Raises:
            LogUnavailable: the last commit failed; the files are closed all the same.
        """
        if self._is_closed:
            return
        try:
            self.sign()
        finally:
            self._is_closed = True
            for descriptor in (self._descriptor, self._lock):
                with suppress(OSError):
                    os.close(descriptor)

    def _check_ours(self) -> None:
        if self._is_closed:
            raise LogUnavailable("the journal is closed")
        if self._owner != os.getpid():
            raise LogUnavailable("the journal belongs to the process that opened it, not to one forked from it")

    def _check_in_place(self) -> None:
        """See that the segment is still the file that was opened, of the length it was left with.

        A log that was deleted, moved or replaced goes on swallowing records through its descriptor and keeps none of
        them; one that is longer or shorter has a second writer (a log rotation with copy and truncate, say).
        """
        try:
            status = self._segment.stat(follow_symlinks=False)
        except OSError as error:
            raise LogUnavailable(f"{self._segment.name} is gone ({error.strerror}); put it back") from error
        if (status.st_dev, status.st_ino) != self._identity:
            raise LogUnavailable(f"{self._segment.name} was replaced by another file; put it back")
        if status.st_size != self._durable.size:
            raise LogUnavailable(f"{self._segment.name} was changed by another program; stop it, verify, and restart")

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._undo()
            raise self._unavailable(error) from error
        except BaseException:  # an interrupt between two steps
            self._undo()
            raise

    def _write(self, batch: list[Line]) -> None:
        data = b"".join([line.data for line in batch])
        self._is_suspect = True
        _write(self._descriptor, data)
        if self._durability == "fsync":
            self._sync(self._descriptor)
        seq, digest, tail = batch[-1]
        self._durable = _Place(seq, digest, self._durable.size + len(data), tail)
        self._is_head_signed = is_seal(tail)
        self._is_suspect = False
        if self._segment_begun is None:
            self._segment_begun = self._clock()

    def _is_over(self, more: int) -> bool:
        """Whether the segment is to be closed before that many bytes more."""
        if not self._durable.size:
            return False
        is_long = self._durable.size + more > self._segment_bytes
        is_old = (
            self._segment_age is not None
            and self._segment_begun is not None
            and self._clock() - self._segment_begun >= self._segment_age
        )
        return is_long or is_old

    def _rotate(self) -> None:
        self._is_full = True  # kept when this fails: a later, smaller commit must not be written behind the new name
        if not self.is_signed:
            self._write([self._signed(self._durable)])
        os.fsync(self._descriptor)  # buffered too: a start after power loss repairs the last segment only
        segment, descriptor = create_segment(self._directory, self._durable.seq + 1)
        old, self._descriptor = self._descriptor, descriptor
        self._segment, self._identity, self._segment_begun = segment, _identity(descriptor), None
        self._durable = self._durable._replace(size=0, tail=b"")
        self._is_full = False
        os.close(old)

    def _chained_anew(self, batch: list[Line]) -> list[Line]:
        """The same records behind what is durable now: a signed head may have gone before them."""
        chained: list[Line] = []
        before: Line | _Place = self._durable
        for line in batch:
            before = seal(before.seq + 1, before.hash, content(line.data))
            chained.append(before)
        return chained

    def _is_signing_due(self) -> bool:
        return self._key is not None and self._clock() >= self._seal_due_at

    def _signed(self, head: Line | _Place) -> Line:
        """The record that signs a head, chained to it."""
        assert self._key is not None  # noqa: S101  asked for by whoever calls
        now = self._clock()
        self._seal_due_at = now + self._seal_every
        record = SealRecord(time=rfc3339(now), chain=self._chain, head_seq=head.seq, head_hash=head.hash, key_id="")
        return seal(head.seq + 1, head.hash, canonical(self._key.sign(record)))

    def _record_repair(self, actor: str) -> None:
        found = self.recovery
        record = RepairRecord(
            time=rfc3339(self._clock()),
            actor=actor,
            file=self._segment.name,
            torn_file=found.torn_file or "",
            torn_bytes=found.torn_bytes,
            torn_sha256=found.torn_sha256,
            lines=found.torn_lines,
            found=found.found,
        )
        try:
            self.append(record)
            self.commit()
        except LogUnavailable as error:
            self._pending = []
            self.close()
            raise ConfigurationError(f"journal.path: {self._directory} cannot be written ({error})") from error

    def _undo(self) -> None:
        """Take back at once what a failed commit may have left; if that fails too, the next append has to."""
        if self._is_suspect:
            with suppress(LogUnavailable):
                self._restore()

    def _restore(self) -> None:
        """Open the segment anew and cut it back to what is durable.

        After a failed fsync the kernel has marked the lost pages clean, and a second fsync on them succeeds without
        writing anything (the PostgreSQL project's "fsyncgate" of 2018; Rebello et al., USENIX ATC 2020). So it is not
        tried again: the descriptor is given up, all that was not durable goes, the end of what was durable is compared
        with what we know, and whatever is written next dirties its pages anew.

        Raises:
            LogUnavailable: it did not work; to be tried again.
        """
        with suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1
        place = self._durable
        try:
            self._descriptor = descriptor = _open_segment(self._segment)
            end = os.pread(descriptor, len(place.tail), place.size - len(place.tail))
            if end == place.tail and _identity(descriptor) == self._identity:
                os.ftruncate(descriptor, place.size)
                os.fsync(descriptor)
                self._is_suspect = False
        except OSError as error:
            raise self._unavailable(error) from error
        if self._is_suspect:
            raise LogUnavailable(f"{self._segment.name} does not end with its last record; verify, and restart")

    def _unavailable(self, error: OSError) -> LogUnavailable:
        # shown to the client: the name of the segment, not where the log is
        return LogUnavailable(f"{self._segment.name}: {error.strerror or type(error).__name__}")


class _Timed(msgspec.Struct):
    time: str


def _begun(segment: Path) -> datetime | None:
    """When the first record of a segment was made; None when it has none, or none that says."""
    with segment.open("rb") as file:
        first = next(lines(file), b"")
    try:
        return datetime.fromisoformat(msgspec.json.decode(content(first), type=_Timed).time).astimezone()
    except (msgspec.DecodeError, ValueError):
        return None


def _open_segment(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it; a write may stop short, and the next one then says why."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _make_directory(path: Path) -> None:
    if not path.exists():
        path.mkdir(mode=0o700, parents=True)
        sync_directory(path.parent)


def _take(lock: int, path: Path) -> None:
    """Hold the journal against other processes; the lock goes with the process, whatever ends it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalBusy(
            f"journal.path: {path} is being written by another guard; stop that one, or give each its own directory"
        ) from None


def _not_writable(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"journal.path: {path} cannot be written ({reason}); name a directory that this user may write"
