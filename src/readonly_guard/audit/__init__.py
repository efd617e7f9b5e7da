"""The write-ahead log: a hash chain of records on disk, group commit, and the check that nobody changed it."""

from readonly_guard.audit.chain import GENESIS, Head
from readonly_guard.audit.journal import Durability, Journal
from readonly_guard.audit.plugin import CommitWatch, JournalPlugin
from readonly_guard.audit.recovery import Recovery
from readonly_guard.audit.verify import Entry, Fault, Verification, read, verify

__all__ = [
    "GENESIS",
    "CommitWatch",
    "Durability",
    "Entry",
    "Fault",
    "Head",
    "Journal",
    "JournalPlugin",
    "Recovery",
    "Verification",
    "read",
    "verify",
]
