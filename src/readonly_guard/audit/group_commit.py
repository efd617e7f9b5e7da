"""Group commit: all records that come together share one commit, and who waits for them learns how it went.

The commit runs inside the event loop: handing fdatasync to a thread or a process costs more than it saves (decision
0034), while the next batch builds up in the sockets meanwhile. That batch then comes in over some turns of the loop, so
a commit that will cost a disk's time waits for as long as each turn brings more, but never longer than the last one
took. One into the page cache does so where several sessions came in one turn, for a millisecond at most: the loop is
busy then, and what commits do not take it has for them. A session that is alone never waits. What is durable and how is
the journal's business.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Final, Protocol

from readonly_guard.audit.journal import Journal
from readonly_guard.audit.spelling import spelt
from readonly_guard.domain import LogRecord
from readonly_guard.errors import LogUnavailable

__all__ = ["Batch", "CommitWatch", "GroupCommit"]

_LINGER_RECORDS: Final = 1_000
_AGAIN_S: Final = 1.0
"""How long what nobody waits for is kept after a commit that failed, where nothing else is committed meanwhile."""

_DEAR_S: Final = 100e-6
"""A commit that took longer had to wait for a disk; one into the page cache takes some 10 µs."""

_SEVERAL: Final = 4
"""As many decisions that wait after one turn of the loop tell that it is busy."""

_MOST_CHEAP_S: Final = 0.001
"""How long a cheap commit waits for more at most."""


class CommitWatch(Protocol):
    """Is told of every commit: how many records, how long it took, and whether it failed."""

    def __call__(self, records: int, elapsed_s: float, /, *, failed: bool) -> None:
        """May not raise, and should be quick: everyone who waits for the commit waits for it."""


class Batch:
    """The records that will become durable together. It is the receipt of each of its decisions."""

    __slots__ = ("_commits", "_failure", "_is_settled", "_loop", "_told", "_waiters")

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._is_settled = False
        self._failure: LogUnavailable | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._told: list[Callable[[LogUnavailable | None], None]] = []

    @property
    def waiting(self) -> int:
        """How many wait for it in the event loop."""
        return len(self._told) + len(self._waiters)

    def wait(self) -> None:
        """Commit now, unless that has happened.

        Raises:
            LogUnavailable: the records could not be made durable.
        """
        if not self._is_settled:
            self._commits.commit()
        self._raise_failure()

    def __await__(self) -> Generator[Any, None, None]:
        """Wait for the commit that the event loop makes soon; raises as :meth:`wait`."""
        if not self._is_settled:
            waiter = self._commit_soon().create_future()  # one for each: cancelling a task cancels what it waits for
            self._waiters.append(waiter)
            yield from waiter
        self._raise_failure()

    def when_settled(self, then: Callable[[LogUnavailable | None], None]) -> None:
        """Call ``then`` with what became of the commit that the event loop makes soon."""
        if self._is_settled:
            then(self._failure)
        else:
            self._commit_soon()
            self._told.append(then)

    def _commit_soon(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is None or not loop.is_running():  # the first to wait, or the first's loop ended before its commit
            loop = self._commits.running_loop() or asyncio.get_running_loop()  # the latter says that there is none
            self._loop = loop
            loop.call_soon(self._commits.commit_gathered)
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


class GroupCommit:
    """Puts records into a journal and commits for all who wait. Not for several threads at once.

    Args:
        journal: committed and closed by this one only.
        linger_s: how long a record that nobody waits for may stay in the buffer while an event loop runs. Without one
            it stays until the next decision, 1,000 such records, or the end.
        seal_every_s: while an event loop runs, a head that nothing follows is signed after this time.
    """

    def __init__(self, journal: Journal, linger_s: float, seal_every_s: float) -> None:
        self._journal = journal
        self._linger_s = linger_s
        self._seal_every_s = seal_every_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_thread = 0
        self._signing_on: asyncio.AbstractEventLoop | None = None
        self._lingering_on: asyncio.AbstractEventLoop | None = None
        self._trying_on: asyncio.AbstractEventLoop | None = None
        self._batch = Batch(self)
        self._riding: list[bytes] = []  # in the buffer, and nobody waits for them
        self._owed: list[bytes] = []  # were so when a commit failed; no more than may linger
        self._last_took_s = 0.0
        self._gathered = 0  # how many records the batch had when it was last looked at, since when it is gathered
        self._gathering_until_s = 0.0
        self._watch: CommitWatch | None = None

    def watch(self, watch: CommitWatch) -> None:
        """Tell ``watch`` of every commit from now on."""
        self._watch = watch

    def put(self, record: LogRecord) -> Batch:
        """Put a record into the buffer that will be waited for: the receipt commits.

        Raises:
            LogUnavailable: the journal takes no records.
        """
        return self.put_spelt(spelt(record))

    def put_spelt(self, data: bytes) -> Batch:
        """As :meth:`put`, of a record's canonical bytes."""
        self._journal.append_spelt(data)
        return self._batch

    def add(self, record: LogRecord) -> None:
        """Put a record into the buffer that rides along with the next commit.

        It tells of what has happened: if that commit fails, it is put in again when another has not, or a second later.

        Raises:
            LogUnavailable: the journal takes no records.
        """
        data = spelt(record)
        self._journal.append_spelt(data)
        self._riding.append(data)
        if self._journal.pending >= _LINGER_RECORDS:
            self._batch.wait()
        else:
            self._linger()

    def _linger(self) -> None:
        """See to it that what nobody waits for is committed soon."""
        lingering = self._lingering_on
        if lingering is None or not lingering.is_running():  # nobody's timer, or one of a loop that has ended
            loop = self.running_loop()
            if loop is not None and loop is not lingering:
                self._lingering_on = loop
                loop.call_later(self._linger_s, self._linger_is_over)

    def close(self) -> None:
        """Commit what is in the buffer and close the journal.

        Raises:
            LogUnavailable: the last records could not be made durable.
        """
        self._pay()
        batch = self._batch
        try:
            batch.wait()
        finally:
            self._journal.close()

    def running_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that runs in this thread, if there is one.

        asyncio asks the system for the process's id each time (before Python 3.12); the loop that ran here the last
        time knows for itself whether it still does.
        """
        loop = self._loop
        if loop is None or not loop.is_running() or threading.get_ident() != self._on_thread:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return None
            self._loop, self._on_thread = loop, threading.get_ident()
        return loop

    def _linger_is_over(self) -> None:
        self._lingering_on = None
        self.commit()

    def _owe(self, records: list[bytes]) -> None:
        """Keep what nobody waits for of a commit that failed."""
        self._owed += records[: _LINGER_RECORDS - len(self._owed)]
        loop = self.running_loop()
        if loop is not None and self._trying_on is not loop:
            self._trying_on = loop
            loop.call_later(_AGAIN_S, self._try_again)

    def _try_again(self) -> None:
        self._trying_on = None
        self._pay()
        self.commit()

    def _pay(self) -> None:
        """Put into the buffer again what was kept, if the journal takes records."""
        owed, self._owed = self._owed, []
        try:
            for data in owed:
                self._journal.append_spelt(data)
        except LogUnavailable:  # at the first of them or at none
            self._owe(owed)
        else:
            self._riding += owed
            self._linger()

    def commit_gathered(self) -> None:
        """Commit, unless it pays to wait and the last turn of the loop has brought more: then look again after one."""
        pending, now_s = self._journal.pending, time.perf_counter()
        if not self._gathered:
            self._gathering_until_s = now_s + self._patience_s()
        loop = None if now_s >= self._gathering_until_s or pending == self._gathered else self.running_loop()
        if loop is None:
            self.commit()
        else:
            self._gathered = pending
            loop.call_soon(self.commit_gathered)

    def _patience_s(self) -> float:
        """How long it pays to wait for more than there is after one turn of the loop."""
        if self._last_took_s >= _DEAR_S:
            return self._last_took_s
        return _MOST_CHEAP_S if self._batch.waiting >= _SEVERAL else 0.0

    def commit(self) -> None:
        """Commit; everyone who waits learns how it went from the receipt."""
        batch, records, began = self._batch, self._journal.pending, time.perf_counter()
        failure: LogUnavailable | None = None
        riding: list[bytes] = []
        try:
            self._batch, self._gathered = Batch(self), 0
            riding, self._riding = self._riding, riding
            self._journal.commit()
        except LogUnavailable as error:
            failure = error
        except BaseException as error:
            # whatever this is, an interrupt above all: nothing is durable, and nobody may be left waiting
            failure = LogUnavailable(f"the commit was interrupted ({type(error).__name__})")
            raise
        finally:
            took_s = time.perf_counter() - began
            if failure is None:
                self._last_took_s = took_s
            elif riding:
                self._owe(riding)
            batch.settle(failure)
            if self._watch is not None and records:
                self._watch(records, took_s, failed=failure is not None)
        if failure is None:
            if self._owed:
                self._pay()
            if not self._journal.is_signed:
                self._sign_later()

    def _sign_later(self) -> None:
        """See to it that the last records before a quiet time are signed too."""
        loop = self.running_loop()
        if loop is not None and self._signing_on is not loop:
            self._signing_on = loop
            loop.call_later(self._seal_every_s, self._sign)

    def _sign(self) -> None:
        self._signing_on = None
        self.commit()
        # nothing was released on a signature, and the next decision meets the same fault
        with suppress(LogUnavailable):
            self._journal.sign()
