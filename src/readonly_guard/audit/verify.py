"""The log checked, without a guard: for auditors, the command line and tests. Never writes.

Three proofs, each stronger than the one before. **The hash chain** finds every change within a chain whose end is
known. **Signed heads** are records of the chain: without the key nobody can compute a new chain up to one of them.
**Anchors** are heads that were kept where the guard's host cannot write: they find a log that was cut off at its end,
computed anew, or removed altogether.

While a guard writes, its last line may be seen half: that is reported as a line without end, and gone the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from readonly_guard.audit.chain import GENESIS, Head, Line, content, explain, is_seal
from readonly_guard.audit.chains import CUSTODY, Chain, find_chains
from readonly_guard.audit.keys import KeyRing
from readonly_guard.audit.segments import Segment, follow, list_segments, torn_files
from readonly_guard.audit.starts import removed_heads
from readonly_guard.domain import SealRecord
from readonly_guard.errors import ConfigurationError

__all__ = ["Anchor", "Fault", "Progress", "Verification", "parse_head", "read_anchors", "verify", "verify_all"]

_PROGRESS_RECORDS: Final = 10_000


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain stops being right.

    ``file`` is a name in the chain's directory, ``line`` counts from 1, ``seq`` is the record that belongs there,
    ``what`` says in words what is wrong, without content of a record.
    """

    file: str
    line: int
    seq: int
    what: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of one chain found.

    ``records`` and ``head`` are how far the chain is right; behind ``first_fault`` nothing was
    looked at, because nothing there can be told from an invention. ``torn`` names the files with torn tails that
    recoveries after a crash have set aside; they are no fault. ``removed`` is how many records retention has removed
    from the beginning, by its signed record; ``records`` are those that are there. ``seals`` counts signed heads,
    ``signed`` is the last of them, ``signed_at`` its time, ``key_ids`` who signed; what follows ``signed`` is held by
    the hash chain only.
    """

    chain: str
    ok: bool
    records: int
    segments: int
    head: Head
    first_fault: Fault | None = None
    torn: tuple[str, ...] = ()
    removed: int = 0
    seals: int = 0
    signed: Head = Head()
    signed_at: str = ""
    key_ids: tuple[str, ...] = ()


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A head that was kept elsewhere, and of which chain; an empty name is that of whichever chain holds it."""

    head: Head
    chain: str = ""


class Progress(NamedTuple):
    """How far a check has come: records and bytes read, and all the bytes there are."""

    records: int
    bytes: int
    total_bytes: int


def verify(
    path: Path,
    *,
    expected_head: str | None = None,
    public_keys: KeyRing | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Verification:
    """Check every record of one chain: none changed, missing, inserted or out of order, no segment gone.

    Args:
        path: the directory of the chain.
        expected_head: a head as an earlier check showed it, ``seq:hash``; the chain must hold it, and may go on.
        public_keys: who may have signed, and then somebody must have (but in the chain `custody`, which readers write
            too); None for the keys published beside the chain.
        progress: told now and then.

    Raises:
        ConfigurationError: there is no journal, it cannot be read, or ``expected_head`` is not written ``seq:hash``.
    """
    anchors = [] if expected_head is None else [Anchor(head=parse_head(expected_head))]
    if not list_segments(path):
        raise ConfigurationError(f"{path}: holds no journal (no file journal-<20 digits>.jsonl)")
    chain = Chain(path.resolve().name, path)
    (found,) = _verify(path, [chain], anchors, public_keys, progress)
    return found


def verify_all(
    path: Path,
    *,
    anchors: Iterable[Anchor] = (),
    public_keys: KeyRing | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[Verification]:
    """Check every chain of a journal, as :func:`verify` does for one.

    An anchor must be held by some chain. One that none holds is a fault of the chain it names, and where that is not
    there any more, of a chain without records.
    """
    return _verify(path, find_chains(path), list(anchors), public_keys, progress)


def parse_head(text: str) -> Head:
    """A head as a person gave it.

    Raises:
        ConfigurationError: it is not written ``seq:hash``.
    """
    try:
        return Head.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"expected head: {error}") from None


def read_anchors(path: Path) -> list[Anchor]:
    """Anchors as `readonly_guard_plugins.anchor_file` keeps them: a signed head as JSON on each line.

    Raises:
        ConfigurationError: the file cannot be read, or a line is no signed head.
    """
    try:
        kept = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path}: the anchors cannot be read: {error.strerror}") from error
    anchors = []
    for number, line in enumerate(kept, 1):
        try:
            record = msgspec.json.decode(line, type=SealRecord)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ConfigurationError(f"{path}: line {number} is no signed head") from None
        anchors.append(Anchor(head=Head(seq=record.head_seq, hash=record.head_hash), chain=record.chain))
    return anchors


def _verify(
    journal: Path,
    chains: list[Chain],
    anchors: list[Anchor],
    public_keys: KeyRing | None,
    progress: Callable[[Progress], None] | None,
) -> list[Verification]:
    watched = frozenset(anchor.head.seq for anchor in anchors)
    total = sum(segment.path.stat().st_size for chain in chains for segment in list_segments(chain.path))
    told = _Told(progress, total)
    checks = []
    for chain in chains:
        keys = public_keys or KeyRing.beside(chain.path)
        starts = _starts(journal, chain, public_keys)
        check = _Check(
            chain, keys, watched, told, starts, must_be_signed=public_keys is not None and chain.name != CUSTODY
        )
        check.run()
        checks.append(check)
    found = [check.result() for check in checks]
    names = {anchor.chain for anchor in anchors}
    for anchor in anchors:
        if anchor.head.seq and not any(check.holds(anchor) for check in checks):
            _blame(anchor, checks, found, is_renamed=names.isdisjoint(check.chain.name for check in checks))
    return found


def _starts(journal: Path, chain: Chain, public_keys: KeyRing | None) -> dict[int, str]:
    """Behind which records a chain may begin, because a signed record says that what was before was removed."""
    for place in (journal / CUSTODY, journal.parent / CUSTODY):
        keys = public_keys or KeyRing.beside(place)
        if starts := removed_heads(place, chain.name, keys):
            return starts
    return {}


def _blame(anchor: Anchor, checks: list[_Check], found: list[Verification], *, is_renamed: bool) -> None:
    """Enter a fault for an anchor that no chain holds, unless its chain has one already."""
    named = [index for index, check in enumerate(checks) if check.chain.name == anchor.chain]
    if len(checks) == 1 and (is_renamed or not anchor.chain):  # a copy in a directory of another name
        named = [0]
    if not named:
        chain = f"the chain {anchor.chain!r}" if anchor.chain else "some chain"
        what = f"{chain} held record {anchor.head.seq} before, and is not there: it was removed"
        fault = Fault(file="", line=0, seq=1, what=what)
        if all(item.chain != anchor.chain for item in found):
            found.append(
                Verification(chain=anchor.chain, ok=False, records=0, segments=0, head=Head(), first_fault=fault)
            )
        return
    (index,) = named
    if found[index].first_fault is None:
        fault = checks[index].missing(anchor.head)
        found[index] = msgspec.structs.replace(found[index], ok=False, first_fault=fault)


class _Told:
    """Passes progress on, every 10,000 records."""

    def __init__(self, progress: Callable[[Progress], None] | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._bytes = 0
        self._records = 0

    def one_more(self, size: int) -> None:
        self._bytes += size
        self._records += 1
        if self._progress is not None and self._records % _PROGRESS_RECORDS == 0:
            self._progress(Progress(self._records, self._bytes, self._total))


class _Objection(Exception):  # noqa: N818  says why a signed head is not believed; never leaves this module
    pass


class _Check:
    """One chain being checked."""

    def __init__(
        self,
        chain: Chain,
        keys: KeyRing,
        watched: frozenset[int],
        told: _Told,
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
