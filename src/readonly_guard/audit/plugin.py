"""The journal as a plugin: what is recorded comes by hooks, and a decision's receipt is waited for (decision 0005)."""

from __future__ import annotations

from typing import Final

from readonly_guard.audit.group_commit import CommitWatch, GroupCommit
from readonly_guard.audit.heads import SEAL_EVERY_S
from readonly_guard.audit.journal import Journal
from readonly_guard.domain import DecisionRecord, LogRecord
from readonly_guard.hooks import Receipt, hookimpl

__all__ = ["JournalPlugin"]

_LINGER_S: Final = 0.05


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
        self._commits = GroupCommit(journal, linger_s, seal_every_s)

    def watch(self, watch: CommitWatch) -> None:
        """Tell ``watch`` of every commit from now on."""
        self._commits.watch(watch)

    def check(self) -> None:
        """As :meth:`readonly_guard.audit.Journal.check`."""
        self._journal.check()

    @hookimpl
    def decision_made(self, record: DecisionRecord) -> Receipt:
        """Put a decision into the buffer; its receipt commits.

        Raises:
            LogUnavailable: the journal takes no records.
        """
        return self._commits.put(record)

    @hookimpl
    def decision_spelt(self, canonical: bytes) -> Receipt:
        """As :meth:`decision_made`."""
        return self._commits.put_spelt(canonical)

    @hookimpl
    def record_made(self, record: LogRecord) -> None:
        """Put another record into the buffer, to ride along with the next commit.

        If that commit fails, the record is put in again: what it tells of has happened, unlike the decisions beside it.

        Raises:
            LogUnavailable: the journal takes no records.
        """
        self._commits.add(record)

    @hookimpl
    def guard_shutdown(self) -> None:
        """Commit what is in the buffer and close the journal; done when it returns, in either world.

        Raises:
            LogUnavailable: the last records could not be made durable.
        """
        self._commits.close()
