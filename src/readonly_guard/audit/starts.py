"""Where a chain may begin: at its first record, or behind what a signed record says retention has removed."""

from __future__ import annotations

from pathlib import Path

from readonly_guard.audit.chain import Head
from readonly_guard.audit.chains import read
from readonly_guard.audit.keys import KeyRing
from readonly_guard.audit.segments import list_segments
from readonly_guard.domain import RetentionRecord

__all__ = ["removed_heads"]


def removed_heads(place: Path, chain: str, keys: KeyRing) -> dict[int, str]:
    """The last records of the segments that were removed of a chain, by number, with their hashes.

    Args:
        place: the directory of the chain of custody; it need not be there.
        chain: the name of the chain.
        keys: who may have signed; what others signed does not count.

    Raises:
        ConfigurationError: the chain of custody cannot be read.
    """
    if not place.is_dir() or not list_segments(place):
        return {}
    heads: dict[int, str] = {}
    for entry in read(place):
        record = entry.record
        if isinstance(record, RetentionRecord) and record.chain == chain and keys.objection(record) is None:
            for text in record.heads:
                head = Head.parse(text)
                heads[head.seq] = head.hash
    return heads
