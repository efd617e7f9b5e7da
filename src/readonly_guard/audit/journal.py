"""The journal: records appended to a buffer, written and made durable together, or not at all.

What :meth:`Journal.commit` has returned for is on disk and stays there. What it has raised for is on disk nowhere: the
file is cut back to what was durable before, so that the log never shows as allowed what its caller was told could not
be logged. One process writes a journal; no event loop and no plugin is known here.

A record gets its number and its hash when it is written: what happens before (a segment that is closed, a head that is
signed) is then settled. With a signing key, the head of the chain is signed now and then, whenever a segment is closed,
and at the end.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from readonly_guard.audit.chain import Head
from readonly_guard.audit.heads import SEAL_EVERY_S, HeadSigner
from readonly_guard.audit.keys import SigningKey
from readonly_guard.audit.opening import Opened, open_directory
from readonly_guard.audit.recovery import Recovery
from readonly_guard.audit.sealing import MAX_LINE_BYTES, MOST_AROUND_BYTES, Sealer
from readonly_guard.audit.segment_file import Place, SegmentFile, sync_data, write_all
from readonly_guard.audit.spelling import spelt
from readonly_guard.domain import LogRecord, RepairRecord
from readonly_guard.errors import ConfigurationError, LogUnavailable
from readonly_guard.moments import rfc3339, seconds_of, utc_now

__all__ = ["SEGMENT_BYTES", "Durability", "Journal"]

Durability = Literal["fsync", "buffered"]
"""``fsync`` survives power loss; ``buffered`` survives a crash of the guard, not of the machine."""

SEGMENT_BYTES: Final = 256 * 1024 * 1024
"""When a segment is closed and the next begun."""

_CHECK_BYTES: Final = 64 * 1024
_MOST_RECORD_BYTES: Final = MAX_LINE_BYTES - MOST_AROUND_BYTES


class Journal:
    """An open journal. Make one with :meth:`open`. Not for several threads at once.

    Attributes:
        recovery: what was found when it was opened.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        directory: Path,
        signer: HeadSigner | None,
        segment_bytes: int,
        segment_age_s: float | None,
        clock: Callable[[], datetime],
        sync: Callable[[int], None] | None,
    ) -> None:
        self.recovery: Recovery = opened.recovery
        self._lock = opened.lock
        self._segment = opened.segment
        self._directory = directory
        self._signer = signer
        self._segment_bytes = segment_bytes
        self._segment_age_s = segment_age_s
        self._clock = clock
        self._seconds = seconds_of(clock)
        self._sync = sync
        self._pending: list[bytes] = []
        self._is_closed = False
        self._is_full = False  # a rotation was begun and has to be finished before anything else is written
        self._is_ready = True  # open, and the segment as it should be
        self._forks = _process.forks

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
        sync: Callable[[int], None] = sync_data,
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
        opened = open_directory(
            path, signing_key=signing_key, is_asked_to_repair=is_asked_to_repair, must_exist=must_exist
        )
        chain = path.resolve().name
        journal = cls(
            opened,
            directory=path,
            signer=None if signing_key is None else HeadSigner(signing_key, chain, seal_every_s, clock),
            segment_bytes=segment_bytes,
            segment_age_s=segment_age_s,
            clock=clock,
            sync=sync if durability == "fsync" else None,
        )
        if opened.recovery.torn_file is not None:
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
        return Head(seq=self._segment.durable.seq, hash=self._segment.durable.hash)

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
        return self.append_spelt(spelt(record))

    def append_spelt(self, data: bytes) -> int:
        """As :meth:`append`, of a record's canonical bytes, which are not looked at again."""
        if not self._is_ready or self._forks != _process.forks:
            self._get_ready()
        if len(data) > _MOST_RECORD_BYTES:
            raise LogUnavailable(f"the record is longer than {_MOST_RECORD_BYTES} bytes")
        self._pending.append(data)  # one step: an interrupt leaves the chain with the record or without it
        return self._segment.durable.seq + len(self._pending)

    def commit(self) -> None:
        """Write all that is in the buffer and make it durable.

        Raises:
            LogUnavailable: it could not be; the records are dropped and their numbers free again. The next append tries
                anew.
        """
        records, self._pending = self._pending, []
        if not records:
            return
        self._check_ours()
        try:
            self._segment.check_in_place()
            if self._is_full or self._is_over(records):
                self._rotate()
                self._write(records)
            else:
                self._write(records, is_signed=self._signer is not None and self._signer.is_due)
        except BaseException as error:
            self._undo(error)
            raise

    @property
    def is_signed(self) -> bool:
        """Whether nothing stands behind the last signed head; always so without a key."""
        durable = self._segment.durable
        return self._signer is None or durable.seq == 0 or durable.is_signed

    def sign(self) -> None:
        """Commit, and sign the head unless it is; nothing to do without a key.

        Raises:
            LogUnavailable: as :meth:`commit`.
        """
        self.commit()
        if not self.is_signed:
            self._get_ready()
            try:
                self._segment.check_in_place()
                self._write([], is_signed=True)
            except BaseException as error:
                self._undo(error)
                raise

    def check(self) -> None:
        """See whether a record could be made durable now, without writing one.

        The segment is looked at, and 64 KiB are written to a nameless file beside it: a full or read-only disk shows
        nowhere else. It takes as long as a commit.

        Raises:
            LogUnavailable: it could not; the text says why.
        """
        self._get_ready()
        self._segment.check_in_place()
        try:
            with tempfile.TemporaryFile(dir=self._directory, buffering=0) as file:
                write_all(file.fileno(), bytes(_CHECK_BYTES))
                if self._sync is not None:
                    self._sync(file.fileno())
        except OSError as error:
            raise self._segment.unavailable(error) from error

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
            self._is_closed, self._is_ready = True, False
            self._segment.close()
            with suppress(OSError):
                os.close(self._lock)

    def _check_ours(self) -> None:
        if self._is_closed:
            raise LogUnavailable("the journal is closed")
        if self._forks != _process.forks:
            raise LogUnavailable("the journal belongs to the process that opened it, not to one forked from it")

    def _get_ready(self) -> None:
        """Repair what a failure has left, where that can be done now."""
        self._check_ours()
        if self._segment.is_suspect:
            self._segment.restore()
        self._is_ready = True

    def _undo(self, error: BaseException) -> None:
        """Take back at once what a failed commit may have left; if that fails too, the next append has to.

        The error may be an interrupt between two steps.

        Raises:
            LogUnavailable: in place of an OSError.
        """
        self._is_ready = False
        with suppress(LogUnavailable):
            self._get_ready()
        if isinstance(error, OSError):
            raise self._segment.unavailable(error) from error

    def _write(self, records: list[bytes], *, is_signed: bool = False) -> None:
        """Chain records to what is durable, with the head signed behind them where that is asked for, and write them.

        At least one of the two is given.
        """
        durable = self._segment.durable
        sealer = Sealer(durable.seq, durable.hash)
        lines = [sealer.seal(record) for record in records]
        if is_signed and self._signer is not None:
            lines.append(sealer.seal(self._signer.signed(sealer.seq, sealer.hash.decode())))
        data = b"".join(lines)
        place = Place(sealer.seq, sealer.hash.decode(), durable.size + len(data), lines[-1], is_signed)
        self._segment.write(data, place, self._sync)
        if self._segment.begun_s is None:
            self._segment.begun_s = self._seconds()

    def _is_over(self, records: list[bytes]) -> bool:
        """Whether the segment is to be closed before these records."""
        segment = self._segment
        if not segment.durable.size:
            return False
        more = sum(len(record) for record in records) + MOST_AROUND_BYTES * len(records)
        is_long = segment.durable.size + more > self._segment_bytes
        is_old = (
            self._segment_age_s is not None
            and segment.begun_s is not None
            and self._seconds() - segment.begun_s >= self._segment_age_s
        )
        return is_long or is_old

    def _rotate(self) -> None:
        self._is_full = True  # kept when this fails: a later, smaller commit must not be written behind the new name
        if not self.is_signed:
            self._write([], is_signed=True)
        self._segment.sync()  # buffered too: a start after power loss repairs the last segment only
        old, self._segment = self._segment, SegmentFile.create(self._directory, self._segment.durable)
        self._is_full = False
        old.close()

    def _record_repair(self, actor: str) -> None:
        found = self.recovery
        record = RepairRecord(
            time=rfc3339(self._clock()),
            actor=actor,
            file=self._segment.path.name,
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


class _Process:
    """How often it was forked on the way to this process: asking for its id would cost each append a system call."""

    def __init__(self) -> None:
        self.forks = 0

    def forked(self) -> None:
        """In a forked process: what was opened before is the parent's."""
        self.forks += 1


_process: Final = _Process()
os.register_at_fork(after_in_child=_process.forked)
