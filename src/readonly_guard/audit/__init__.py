"""The write-ahead log: a hash chain of records on disk, group commit, and the check that nobody changed it."""

from readonly_guard.audit.anchors import Anchor, parse_head, read_anchors
from readonly_guard.audit.chain import Head
from readonly_guard.audit.chains import Chain, find_chains, journal_bytes, raw_lines, read, read_all
from readonly_guard.audit.custody import record_custody, record_reading, sign_custody
from readonly_guard.audit.feed import Feed, FeedEvent, SinkPosition, feeding, sink_positions
from readonly_guard.audit.findings import Fault, Progress, Verification
from readonly_guard.audit.follow import Follower, Position
from readonly_guard.audit.group_commit import CommitWatch
from readonly_guard.audit.identification import PatientIdentification
from readonly_guard.audit.identities import Identities
from readonly_guard.audit.journal import Durability, Journal
from readonly_guard.audit.keys import KeyRing, SigningKey
from readonly_guard.audit.plugin import JournalPlugin
from readonly_guard.audit.recovery import Recovery
from readonly_guard.audit.retention import LEAST_DAYS, Removal, carry_out, plan_retention
from readonly_guard.audit.sealing import GENESIS
from readonly_guard.audit.selection import Selection, parse_moment
from readonly_guard.audit.spelling import RepeatedRecord
from readonly_guard.audit.verify import verify, verify_all
from readonly_guard.domain import Entry

__all__ = [
    "GENESIS",
    "LEAST_DAYS",
    "Anchor",
    "Chain",
    "CommitWatch",
    "Durability",
    "Entry",
    "Fault",
    "Feed",
    "FeedEvent",
    "Follower",
    "Head",
    "Identities",
    "Journal",
    "JournalPlugin",
    "KeyRing",
    "PatientIdentification",
    "Position",
    "Progress",
    "Recovery",
    "Removal",
    "RepeatedRecord",
    "Selection",
    "SigningKey",
    "SinkPosition",
    "Verification",
    "carry_out",
    "feeding",
    "find_chains",
    "journal_bytes",
    "parse_head",
    "parse_moment",
    "plan_retention",
    "raw_lines",
    "read",
    "read_all",
    "read_anchors",
    "record_custody",
    "record_reading",
    "sign_custody",
    "sink_positions",
    "verify",
    "verify_all",
]
