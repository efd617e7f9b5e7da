"""Retention: old segments removed whole, behind a signed record of it, so that what is left can still be verified.

HSLF-FS 2016:40 4 kap. 9 § wants logs kept for at least five years; ten is the default here, and less than five has to
be asked for with a reason, which is recorded. Nothing is removed that is not right, that a sink has not had, or that
stands in the last two segments of its chain. The record is durable in the chain `custody` before the first file goes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from readonly_guard.audit.chain import Head, content, explain
from readonly_guard.audit.chains import CUSTODY, PATIENTS, Chain, find_chains
from readonly_guard.audit.custody import actor, record_custody
from readonly_guard.audit.feed import CURSORS, cursors_of
from readonly_guard.audit.identification import RECORD_AGAIN
from readonly_guard.audit.keys import KeyRing, SigningKey
from readonly_guard.audit.segments import Segment, follow, list_segments, sync_directory
from readonly_guard.audit.starts import removed_heads
from readonly_guard.domain import RetentionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339, utc_now

__all__ = ["LEAST_DAYS", "Removal", "carry_out", "plan_retention"]

LEAST_DAYS: Final = 5 * 366
"""Five years, leap days included (HSLF-FS 2016:40 4 kap. 9 §)."""

_KEPT_SEGMENTS: Final = 2  # a start repairs the last with the help of the one before it


class Removal(NamedTuple):
    """What is to be removed of a chain: its oldest segments, whole, and the head at the end of each."""

    chain: Chain
    segments: tuple[Segment, ...]
    heads: tuple[Head, ...]
    bytes: int
    newest: str


class _Timed(msgspec.Struct):
    time: str


def plan_retention(
    journal: Path, *, keep_days: int, reason: str = "", clock: Callable[[], datetime] = utc_now
) -> list[Removal]:
    """What is older than the period, chain by chain; nothing is removed.

    Args:
        journal: the directory.
        keep_days: the period. A segment goes when its newest record is older.
        reason: why less than five years are kept; needed for that.
        clock: gives the time, timezone-aware.

    Raises:
        ConfigurationError: the period is too short and no reason is given, a segment that would go is not right, or a
            sink has not had it.
    """
    if keep_days < 1:
        raise ConfigurationError(f"--keep: {keep_days} days; keep at least one")
    if keep_days < LEAST_DAYS and not reason.strip():
        raise ConfigurationError(
            "--keep: a log of access to patients is kept for at least five years (HSLF-FS 2016:40 4 kap. 9 §); "
            "to keep it for less, say why with --less-than-five-years, which is recorded"
        )
    limit = clock() - timedelta(days=keep_days)
    planned = [
        # whose a key is was recorded at most so long before a decision that names it
        _plan(journal, chain, rfc3339(limit - RECORD_AGAIN if chain.name == PATIENTS else limit))
        for chain in find_chains(journal)
        if chain.name != CUSTODY
    ]
    found = [removal for removal in planned if removal is not None]
    for removal in found:
        _check_cursors(journal, removal)
    return found


def carry_out(
    journal: Path,
    removals: list[Removal],
    *,
    keep_days: int,
    reason: str = "",
    signing_key: SigningKey,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Remove what was planned: the signed record first, then the files, oldest first.

    Raises:
        ConfigurationError: the record cannot be written, and then nothing was removed; or a file cannot be.
    """
    for removal in removals:
        record = RetentionRecord(
            time=rfc3339(clock()),
            actor=actor(),
            chain=removal.chain.name,
            segments=tuple(segment.path.name for segment in removal.segments),
            heads=tuple(str(head) for head in removal.heads),
            bytes=removal.bytes,
            newest=removal.newest,
            keep_days=keep_days,
            reason=reason,
            key_id="",
        )
        record_custody(journal / CUSTODY, signing_key.sign(record), signing_key=signing_key)
        try:
            for segment in removal.segments:
                for torn in segment.path.parent.glob(f"{segment.path.name}.torn-*"):
                    torn.unlink()
                segment.path.unlink()
            sync_directory(removal.chain.path)
        except OSError as error:
            raise ConfigurationError(f"{removal.chain.path}: cannot be removed from: {error.strerror}") from error


def _plan(journal: Path, chain: Chain, limit: str) -> Removal | None:
    segments = list_segments(chain.path)
    head = Head()
    if segments[0].first > 1:
        known = removed_heads(journal / CUSTODY, chain.name, KeyRing.beside(journal / CUSTODY))
        digest = known.get(segments[0].first - 1)
        if digest is None:
            raise ConfigurationError(
                f"{segments[0].path}: the chain begins here, and no signed record says what was before. "
                f"Find out what happened: readonly-guard audit verify {journal}"
            )
        head = Head(seq=segments[0].first - 1, hash=digest)
    chosen: list[Segment] = []
    heads: list[Head] = []
    newest = ""
    for segment in segments[:-_KEPT_SEGMENTS]:
        found = follow(segment.path, head)
        if found.broken is not None or not found.tail:
            what = explain(found.broken or b"", found.head.seq + 1, found.head.hash)
            raise ConfigurationError(
                f"{segment.path}: {what}. A log that is not right is not removed: readonly-guard audit verify {journal}"
            )
        time = msgspec.json.decode(content(found.tail), type=_Timed).time
        if time >= limit:
            break
        head, newest = found.head, time
        chosen.append(segment)
        heads.append(head)
    if not chosen:
        return None
    size = sum(segment.path.stat().st_size for segment in chosen)
    return Removal(chain, tuple(chosen), tuple(heads), size, newest)


def _check_cursors(journal: Path, removal: Removal) -> None:
    for cursor in sorted((journal / CURSORS).glob("*.json")):
        position = cursors_of(cursor).get(removal.chain.name)
        had = 0 if position is None else position.seq
        if had < removal.heads[-1].seq:
            raise ConfigurationError(
                f"the sink {cursor.stem} has had chain {removal.chain.name!r} up to record {had} only: let it catch up "
                f"(readonly-guard audit forward), or remove {cursor} if there is no such sink any more"
            )
