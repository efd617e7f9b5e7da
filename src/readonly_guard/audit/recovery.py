"""What is found when a journal is opened after a crash, and what is done about it.

A crash can leave one trace that is nobody's fault: a last line that was being written. No one was ever told that it
was durable, so it may go, but it is moved beside its segment, never dropped. Whatever else is wrong was not a crash,
and then the journal is not opened: a person has to look first.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from readonly_guard.audit.chain import Head, envelope, explain, reseal
from readonly_guard.audit.segments import Segment, Stretch, follow, list_segments, sync_directory
from readonly_guard.errors import ConfigurationError

__all__ = ["Recovery", "recover"]


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when the journal was opened.

    ``head`` is the last whole record, with which the chain goes on. ``torn_bytes`` is the length of the torn tail, 0
    when there was none; ``torn_file`` is where it was moved, as a name in the journal's directory.
    """

    head: Head = Head()
    torn_bytes: int = 0
    torn_file: str | None = None


def recover(directory: Path) -> tuple[Recovery, Segment | None, Stretch]:
    """Check the last segment and set a torn tail aside.

    Returns:
        What was found, the segment to go on with (None for a journal without any), and how far it is right.

    Raises:
        ConfigurationError: the chain is broken otherwise than by a torn tail.
        OSError: the torn tail cannot be moved.
    """
    segments = list_segments(directory)
    if not segments:
        return Recovery(), None, Stretch(Head(), 0, b"", None)
    last = segments[-1]
    before = _last_record(segments[-2].path) if len(segments) > 1 else Head()
    if before is None:
        raise ConfigurationError(_look(segments[-2].path, "its last line is not a record"))
    if before.seq + 1 != last.first:
        raise ConfigurationError(_look(last.path, f"it follows record {before.seq}, so records are missing"))
    found = follow(last.path, before)
    if found.broken is None:
        return Recovery(head=found.head), last, found
    size = last.path.stat().st_size
    is_last_line = found.size + len(found.broken) == size
    if not is_last_line or (found.broken.endswith(b"\n") and envelope(found.broken) is not None):
        raise ConfigurationError(_look(last.path, explain(found.broken, found.head.seq + 1, found.head.hash)))
    name = _set_aside(last.path, found)
    return Recovery(head=found.head, torn_bytes=len(found.broken), torn_file=name), last, found


def _look(path: Path, what: str) -> str:
    return f"{path}: {what}. Find out what happened first: readonly-guard audit verify {path.parent}"


def _last_record(path: Path) -> Head | None:
    """The last record of a segment that is complete; None when its last line is not one."""
    with suppress(ValueError), path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        data = content[content.rfind(b"\n", 0, len(content) - 1) + 1 :]
        taken = envelope(data)
        if taken is not None and reseal(data, taken.seq, taken.prev) is not None:
            return Head(seq=taken.seq, hash=taken.hash)
    return None


def _set_aside(segment: Path, found: Stretch) -> str:
    """Move what follows the last whole record to a file of its own, and make both durable before going on."""
    torn = found.broken or b""
    number = 1
    while True:
        beside = segment.with_name(f"{segment.name}.torn-{number}")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            number += 1
            continue
        break
    with os.fdopen(descriptor, "wb") as file:
        file.write(torn)
        file.flush()
        os.fsync(descriptor)
    sync_directory(segment.parent)  # the copy can be found again before the original goes
    with segment.open("r+b") as file:
        file.truncate(found.size)
        os.fsync(file.fileno())
    return beside.name
