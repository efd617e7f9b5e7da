"""When the head of a chain is signed, and the record that does it.

A signed head is a record of the chain, directly behind the head it signs (decision 0006). It is due when some time has
passed since the last one; whoever closes a segment or the journal signs whether it is due or not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from readonly_guard.audit.chain import canonical
from readonly_guard.audit.keys import SigningKey
from readonly_guard.domain import SealRecord
from readonly_guard.moments import rfc3339, seconds_of

__all__ = ["SEAL_EVERY_S", "HeadSigner"]

SEAL_EVERY_S: Final = 60.0
"""How often the head is signed, where it has moved."""


class HeadSigner:
    """Signs the heads of one chain.

    Args:
        key: whose signature it is.
        chain: the chain's name.
        every_s: how often, where the head has moved.
        clock: gives the time, timezone-aware.
    """

    def __init__(self, key: SigningKey, chain: str, every_s: float, clock: Callable[[], datetime]) -> None:
        self._key = key
        self._chain = chain
        self._every_s = every_s
        self._clock = clock
        self._seconds = seconds_of(clock)
        self._due_at_s = self._seconds() + every_s

    @property
    def is_due(self) -> bool:
        """Whether the last signature is older than that."""
        return self._seconds() >= self._due_at_s

    def signed(self, seq: int, digest: str) -> bytes:
        """The canonical record that signs a head, now; the next is due some time later."""
        now = self._clock()
        self._due_at_s = now.timestamp() + self._every_s
        record = SealRecord(time=rfc3339(now), chain=self._chain, head_seq=seq, head_hash=digest, key_id="")
        return canonical(self._key.sign(record))
