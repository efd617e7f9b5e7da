"""The journal as a plugin: decisions get a receipt, and all who wait at once share one commit.

The commit runs inside the event loop: handing fdatasync to a thread costs more than it saves, while the next batch
builds up in the sockets meanwhile. What is durable and how is the journal's business; this is about who waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Final, Protocol

from readonly_guard.audit.heads import SEAL_EVERY_S
from readonly_guard.audit.journal import Journal
from readonly_guard.domain import DecisionRecord, LogRecord
from readonly_guard.errors import LogUnavailable
from readonly_guard.hooks import Receipt, hookimpl

__all__ = ["CommitWatch", "JournalPlugin"]

_LINGER_S: Final = 0.05
_LINGER_RECORDS: Final = 1_000


class CommitWatch(Protocol):
    """Is told of every commit: how many records, how long it took, and whether it failed."""

    def __call__(self, records: int, elapsed_s: float, /, *, failed: bool) -> None:
        """May not raise, and should be quick: everyone who waits for the commit waits for it."""


class _Batch:
    """The records that will become durable together. It is the receipt of each of its decisions."""

    __slots__ = ("_commit", "_failure", "_is_settled", "_loop", "_told", "_waiters")

    def __init__(self, commit: Callable[[], None]) -> None:
        self._commit = commit
        self._is_settled = False
        self._failure: LogUnavailable | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._told: list[Callable[[LogUnavailable | None], None]] = []

    def wait(self) -> None:
        """Commit now, unless that has happened.

        Raises:
            LogUnavailable: the records could not be made durable.
        """
        if not self._is_settled:
            self._commit()
        self._raise_failure()

    def __await__(self) -> Generator[Any, None, None]:
        """Wait for the commit at the end of this iteration of the event loop; raises as :meth:`wait`."""
        if not self._is_settled:
            waiter = self._commit_soon().create_future()  # one for each: cancelling a task cancels what it waits for
            self._waiters.append(waiter)
            yield from waiter
        self._raise_failure()

    def when_settled(self, then: Callable[[LogUnavailable | None], None]) -> None:
        """Call ``then`` at the end of this iteration of the event loop with what became of the commit."""
        if self._is_settled:
            then(self._failure)
        else:
            self._commit_soon()
            self._told.append(then)

    def _commit_soon(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # the first to wait, or the loop of the first has ended before its commit
            self._loop = loop
            loop.call_soon(self._commit)
        return loop

    def settle(self, failure: LogUnavailable | None) -> None:
        """Tell everyone who waits that it is done, or why not."""
        self._failure, self._is_settled = failure, True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                with suppress(RuntimeError):  # a loop that was closed: nobody waits there, the others still do
                    waiter.set_result(None)
        told, self._told = self._told, []
        for then in told:
            try:
                then(failure)
            except Exception as error:  # noqa: BLE001  one that fails must not keep the others waiting
                _report(self._loop, error)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # a new one for each: a shared exception would gather the traceback of everyone who waited
            raise LogUnavailable(str(self._failure)) from self._failure


def _report(loop: asyncio.AbstractEventLoop | None, error: Exception) -> None:
    """Have the event loop tell of a defect; its type only, because its text could hold a literal."""
    if loop is not None:
        loop.call_exception_handler({"message": f"telling of a commit failed: {type(error).__name__}"})


class JournalPlugin:
    """Writes decisions, completions and session events to a journal, which is its own from now on.

    Args:
        journal: committed and closed by this plugin only.
        linger_s: how long a record that nobody waits for may stay in the buffer while an event loop runs. Without one
            it stays until the next decision, 1,000 such records, or the end.
        seal_every_s: while an event loop runs, a head that nothing follows is signed after this time.
    """

    def __init__(self, journal: Journal, *, linger_s: float = _LINGER_S, seal_every_s: float = SEAL_EVERY_S) -> None:
        self._journal = journal
        self._linger_s = linger_s
        self._seal_every_s = seal_every_s
        self._signing_on: asyncio.AbstractEventLoop | None = None
        self._lingering_on: asyncio.AbstractEventLoop | None = None
        self._batch = _Batch(self._commit)
        self._watch: CommitWatch | None = None

    def watch(self, watch: CommitWatch) -> None:
        """Tell ``watch`` of every commit from now on."""
        self._watch = watch

    def check(self) -> None:
        """As :meth:`readonly_guard.audit.Journal.check`."""
        self._journal.check()

    @hookimpl
    def decision_made(self, record: DecisionRecord) -> Receipt:
        """Put a decision into the buffer; its receipt commits.

        Raises:
            LogUnavailable: the journal takes no records.
        """
        self._journal.append(record)
        return self._batch

    @hookimpl
    def record_made(self, record: LogRecord) -> None:
        """Put another record into the buffer, to ride along with the next commit.

        If that commit fails, the record is lost with the decisions beside it: nothing was released on it.

        Raises:
            LogUnavailable: the journal takes no records.
        """
        self._journal.append(record)
        if self._journal.pending >= _LINGER_RECORDS:
            self._batch.wait()
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._lingering_on is not loop:
            self._lingering_on = loop
            loop.call_later(self._linger_s, self._linger_is_over)

    @hookimpl
    def guard_shutdown(self) -> None:
        """Commit what is in the buffer and close the journal; done when it returns, in either world.

        Raises:
            LogUnavailable: the last records could not be made durable.
        """
        batch = self._batch
        try:
            batch.wait()
        finally:
            self._journal.close()

    def _linger_is_over(self) -> None:
        self._lingering_on = None
        self._commit()

    def _commit(self) -> None:
        """Commit; everyone who waits learns how it went from the receipt."""
        batch, records, began = self._batch, self._journal.pending, time.perf_counter()
        failed = True
        try:
            self._batch = _Batch(self._commit)
            self._journal.commit()
            failed = False
        except LogUnavailable as error:
            batch.settle(error)
        except BaseException as error:
            # whatever this is, an interrupt above all: nothing is durable, and nobody may be left waiting
            batch.settle(LogUnavailable(f"the commit was interrupted ({type(error).__name__})"))
            raise
        else:
            batch.settle(None)
            if not self._journal.is_signed:
                self._sign_later()
        finally:
            if self._watch is not None and records:
                self._watch(records, time.perf_counter() - began, failed=failed)

    def _sign_later(self) -> None:
        """See to it that the last records before a quiet time are signed too."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._signing_on is not loop:
            self._signing_on = loop
            loop.call_later(self._seal_every_s, self._sign)

    def _sign(self) -> None:
        self._signing_on = None
        self._commit()
        # nothing was released on a signature, and the next decision meets the same fault
        with suppress(LogUnavailable):
            self._journal.sign()
