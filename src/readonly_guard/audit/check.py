"""One chain checked from its beginning to the first fault. Reading only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from readonly_guard.audit.anchors import Anchor
from readonly_guard.audit.chain import Head, content, explain, time_of
from readonly_guard.audit.chains import Chain
from readonly_guard.audit.findings import Fault, Progress, Verification
from readonly_guard.audit.keys import KeyRing
from readonly_guard.audit.sealing import GENESIS, Line, is_seal
from readonly_guard.audit.segments import Segment, follow, list_segments, torn_files
from readonly_guard.domain import SealRecord

__all__ = ["ChainCheck", "Told"]

_PROGRESS_RECORDS: Final = 10_000


class Told:
    """Passes progress on, every 10,000 records."""

    def __init__(self, progress: Callable[[Progress], None] | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._bytes = 0
        self._records = 0

    def one_more(self, size: int) -> None:
        """A record of so many bytes was read."""
        self._bytes += size
        self._records += 1
        if self._progress is not None and self._records % _PROGRESS_RECORDS == 0:
            self._progress(Progress(self._records, self._bytes, self._total))


class _Objection(Exception):  # noqa: N818  says why a signed head is not believed; never leaves this module
    pass


class ChainCheck:
    """One chain being checked."""

    def __init__(
        self,
        chain: Chain,
        keys: KeyRing,
        watched: frozenset[int],
        told: Told,
        starts: dict[int, str],
        *,
        must_be_signed: bool,
    ) -> None:
        self.chain = chain
        self.seen: dict[int, str] = {}
        """The hashes of the records that anchors name."""
        self._keys = keys
        self._watched = watched
        self._told = told
        self._must_be_signed = must_be_signed
        self._segments = list_segments(chain.path)
        self._seq, self._hash = 0, GENESIS
        self._starts = starts
        self._removed = 0
        self._fault: Fault | None = None
        self._seals: list[SealRecord] = []
        self._unsigned = b""  # the first line behind the last signed head
        self.first: tuple[int, str] = (0, GENESIS)
        """The first record, by number and hash: two chains that share it are one and a copy."""

    def run(self) -> None:
        """Follow the chain through its segments until the first fault."""
        before = self._segments[0].first - 1
        if before in self._starts:
            self._seq, self._hash, self._removed = before, self._starts[before], before
        for number, segment in enumerate(self._segments, 1):
            self._check(segment)
            if self._fault is None and self._seals and number < len(self._segments):
                self._check_closed(segment)
            if self._fault is not None:
                return
        if self._must_be_signed and not self._seals:
            self._fault = self._at_end("no head of the chain is signed, but a public key was given to check with")

    def result(self) -> Verification:
        """What was found."""
        last = self._seals[-1] if self._seals else None
        return Verification(
            chain=self.chain.name,
            ok=self._fault is None,
            records=self._seq - self._removed,
            segments=len(self._segments),
            head=Head(seq=self._seq, hash=self._hash),
            first_fault=self._fault,
            torn=torn_files(self.chain.path),
            removed=self._removed,
            seals=len(self._seals),
            signed=Head() if last is None else Head(seq=last.head_seq, hash=last.head_hash),
            signed_at="" if last is None else last.time,
            unsigned_since=time_of(self._unsigned),
            key_ids=tuple(sorted({seal.key_id for seal in self._seals})),
        )

    def holds(self, anchor: Anchor) -> bool:
        """Whether a head that was kept is here, or was removed by retention, as a signed record says."""
        seq, digest = anchor.head.seq, anchor.head.hash
        if seq <= self._removed and anchor.chain in {"", self.chain.name}:
            return self._starts.get(seq, digest) == digest
        return self.seen.get(seq) == digest

    def missing(self, anchor: Head) -> Fault:
        """That a chain which is right in itself does not hold a head that was kept."""
        if anchor.seq > self._seq:
            return self._at_end(
                f"the log ends with record {self._seq}, but held record {anchor.seq} before: its end was cut off"
            )
        segment = next((item for item in reversed(self._segments) if item.first <= anchor.seq), self._segments[0])
        what = f"record {anchor.seq} is not the one that was there before: the chain was computed anew"
        return Fault(file=segment.path.name, line=max(1, anchor.seq - segment.first + 1), seq=anchor.seq, what=what)

    def _at_end(self, what: str) -> Fault:
        last = self._segments[-1]
        return Fault(file=last.path.name, line=self._seq - last.first + 1, seq=self._seq + 1, what=what)

    def _check(self, segment: Segment) -> None:
        expected = self._seq + 1
        if segment.first != expected:
            what = f"the segment begins with record {segment.first}, but record {expected} comes next: " + (
                "those between are missing" if segment.first > expected else "the segment was added or renamed"
            )
            self._fault = Fault(file=segment.path.name, line=1, seq=expected, what=what)
            return
        try:
            found = follow(segment.path, Head(seq=self._seq, hash=self._hash), self._visit)
        except _Objection as objection:
            what = str(objection)
        else:
            if found.broken is None:
                return
            what = explain(found.broken, self._seq + 1, self._hash)
        seq = self._seq + 1
        self._fault = Fault(file=segment.path.name, line=seq - segment.first + 1, seq=seq, what=what)

    def _visit(self, line: Line) -> None:
        if is_seal(line.data):
            self._believe(line)
            self._unsigned = b""
        elif not self._unsigned:
            self._unsigned = line.data
        if not self.first[0]:
            self.first = (line.seq, line.hash)
        if line.seq in self._watched:
            self.seen[line.seq] = line.hash
        self._seq, self._hash = line.seq, line.hash
        self._told.one_more(len(line.data))

    def _believe(self, line: Line) -> None:
        """Take note of a signed head, if it is one."""
        try:
            record = msgspec.json.decode(content(line.data), type=SealRecord)
        except msgspec.DecodeError:
            raise _Objection(f"record {line.seq} should be a signed head and is none") from None
        if (record.head_seq, record.head_hash) != (self._seq, self._hash):
            raise _Objection(f"record {line.seq} signs another head than the one before it")
        what = self._keys.objection(record)
        if what is not None:
            raise _Objection(f"record {line.seq} {what}")
        self._seals.append(record)

    def _check_closed(self, segment: Segment) -> None:
        seal = self._seals[-1]
        if seal.head_seq + 1 != self._seq:
            what = "the segment was closed without a signed head, though heads were signed before"
            line = self._seq - segment.first + 1
            self._fault = Fault(file=segment.path.name, line=line, seq=self._seq, what=what)
