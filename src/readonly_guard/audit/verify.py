"""The log checked and read, without a guard: for auditors, the command line and tests. Never writes.

While a guard writes, its last line may be seen half: that is reported as a line without end, and gone the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from readonly_guard.audit.chain import Head, envelope, explain
from readonly_guard.audit.segments import Segment, follow, lines, list_segments, torn_files
from readonly_guard.domain import LogRecord
from readonly_guard.errors import ConfigurationError

__all__ = ["Entry", "Fault", "Verification", "read", "verify"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain stops being right.

    ``file`` is a name in the journal's directory, ``line`` counts from 1, ``seq`` is the record that belongs there,
    ``what`` says in words what is wrong, without content of a record.
    """

    file: str
    line: int
    seq: int
    what: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found.

    ``records`` and ``head`` are how far the chain is right from its beginning; behind ``first_fault`` nothing was
    looked at, because nothing there can be told from an invention. ``torn`` names the files with torn tails that
    recoveries after a crash have set aside; they are no fault.
    """

    ok: bool
    records: int
    segments: int
    head: Head
    first_fault: Fault | None = None
    torn: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it stands in the log."""

    seq: int
    hash: str
    record: LogRecord


def verify(
    path: Path, *, expected_head: str | None = None, progress: Callable[[int], None] | None = None
) -> Verification:
    """Check every record of a journal: none changed, missing, inserted or out of order, no segment gone.

    A log that was cut off between two records is a right, shorter log: **it cannot be told from its content**, and
    neither can a chain that was computed anew from some record on. Both are found with a head that was kept elsewhere.

    Args:
        path: the directory of the journal.
        expected_head: a head as an earlier check showed it, ``seq:hash``; the log must hold it, and may go on.
        progress: told the number of the record it has come to, now and then.

    Raises:
        ConfigurationError: there is no journal, it cannot be read, or ``expected_head`` is not written ``seq:hash``.
    """
    anchor = None if expected_head is None else _parse(expected_head)
    segments = _segments(path)
    head, fault = Head(), None
    for segment in segments:
        fault, head = _check(segment, head, progress)
        if fault is not None:
            break
    if fault is None and anchor is not None:
        fault = _compare(anchor, segments, head)
    return Verification(
        ok=fault is None,
        records=head.seq,
        segments=len(segments),
        head=head,
        first_fault=fault,
        torn=torn_files(path),
    )


def read(path: Path) -> Iterator[Entry]:
    """The records in order, decoded but not checked: what :func:`verify` is for. Stops before a line without end.

    Raises:
        ConfigurationError: there is no journal, or a line of it cannot be read.
    """
    decode = msgspec.json.Decoder(Entry).decode
    for segment in _segments(path):
        number = 0
        try:
            with segment.path.open("rb") as file:
                for data in lines(file):
                    if not data.endswith(b"\n"):
                        return
                    number += 1
                    yield decode(data)
        except OSError as error:
            raise ConfigurationError(f"{segment.path}: the journal cannot be read: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ConfigurationError(
                f"{segment.path}: line {number} is not a record. "
                f"Find out what happened: readonly-guard audit verify {path}"
            ) from None


def _parse(expected_head: str) -> Head:
    try:
        return Head.parse(expected_head)
    except ValueError as error:
        raise ConfigurationError(f"expected head: {error}") from None


def _segments(path: Path) -> list[Segment]:
    segments = list_segments(path)
    if not segments:
        raise ConfigurationError(f"{path}: holds no journal (no file journal-<20 digits>.jsonl)")
    return segments


def _check(segment: Segment, head: Head, progress: Callable[[int], None] | None) -> tuple[Fault | None, Head]:
    """The first fault of a segment, and the last record before it."""
    expected = head.seq + 1
    if segment.first != expected:
        what = f"the segment begins with record {segment.first}, but record {expected} comes next: " + (
            "those between are missing" if segment.first > expected else "the segment was added or renamed"
        )
        return Fault(file=segment.path.name, line=1, seq=expected, what=what), head
    found = follow(segment.path, head, progress)
    if found.broken is None:
        return None, found.head
    seq = found.head.seq + 1
    what = explain(found.broken, seq, found.head.hash)
    return Fault(file=segment.path.name, line=seq - segment.first + 1, seq=seq, what=what), found.head


def _compare(anchor: Head, segments: list[Segment], head: Head) -> Fault | None:
    """See that a chain that is right in itself holds the head that was kept."""
    if anchor.seq > head.seq:
        last = segments[-1]
        what = f"the log ends with record {head.seq}, but held record {anchor.seq} before: its end was cut off"
        return Fault(file=last.path.name, line=head.seq - last.first + 1, seq=head.seq + 1, what=what)
    if anchor.seq == 0:
        return None
    segment = next(item for item in reversed(segments) if item.first <= anchor.seq)
    line = anchor.seq - segment.first + 1
    with segment.path.open("rb") as file:
        taken = envelope(next(islice(lines(file), line - 1, line), b""))
    if taken is not None and taken.hash == anchor.hash:
        return None
    what = f"record {anchor.seq} is not the one that was there before: the chain was computed anew"
    return Fault(file=segment.path.name, line=line, seq=anchor.seq, what=what)
