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

import msgspec

from readonly_guard.audit.anchors import Anchor, parse_head
from readonly_guard.audit.chain import Head
from readonly_guard.audit.chains import CUSTODY, Chain, find_chains
from readonly_guard.audit.check import ChainCheck, Told
from readonly_guard.audit.findings import Fault, Progress, Verification
from readonly_guard.audit.keys import KeyRing
from readonly_guard.audit.segments import list_segments
from readonly_guard.audit.starts import removed_heads
from readonly_guard.errors import ConfigurationError

__all__ = ["verify", "verify_all"]


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


def _verify(
    journal: Path,
    chains: list[Chain],
    anchors: list[Anchor],
    public_keys: KeyRing | None,
    progress: Callable[[Progress], None] | None,
) -> list[Verification]:
    watched = frozenset(anchor.head.seq for anchor in anchors)
    total = sum(segment.path.stat().st_size for chain in chains for segment in list_segments(chain.path))
    told = Told(progress, total)
    checks = []
    for chain in chains:
        keys = public_keys or KeyRing.beside(chain.path)
        starts = _starts(journal, chain, public_keys)
        check = ChainCheck(
            chain, keys, watched, told, starts, must_be_signed=public_keys is not None and chain.name != CUSTODY
        )
        check.run()
        checks.append(check)
    found = [check.result() for check in checks]
    _blame_copies(checks, found)
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


def _blame_copies(checks: list[ChainCheck], found: list[Verification]) -> None:
    """Enter a fault for a chain that begins with the record of another one: what was done would count twice."""
    owners: dict[tuple[int, str], str] = {}
    for index, check in enumerate(checks):
        owner = owners.setdefault(check.first, check.chain.name)
        if check.first[0] and owner != check.chain.name and found[index].first_fault is None:
            segment = list_segments(check.chain.path)[0]
            what = f"the chain begins as the chain {owner!r} does: one of the two is a copy"
            fault = Fault(file=segment.path.name, line=1, seq=check.first[0], what=what)
            found[index] = msgspec.structs.replace(found[index], ok=False, first_fault=fault)


def _blame(anchor: Anchor, checks: list[ChainCheck], found: list[Verification], *, is_renamed: bool) -> None:
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
