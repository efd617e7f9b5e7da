"""What is found when a journal is opened after a crash, and what is done about it.

A crash can leave two traces that are nobody's fault: a last line that was being written, and, after power loss, pages
of the last commit that never reached the disk and read as zeros, whatever of that commit follows them. No one was ever
told that those records were durable, so they may go, but they are moved beside their segment, never dropped, and the
chain gets a record of it. Whatever else is wrong was not such a crash, and then the journal is not opened: a person has
to look first, and can then have everything behind the last whole record moved (`readonly-guard audit repair`).
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit.chain import Head, envelope, explain, reseal
from readonly_guard.audit.segments import Segment, Stretch, follow, lines, list_segments, sync_directory
from readonly_guard.errors import ConfigurationError

__all__ = ["Recovery", "recover"]

_LONGEST_COMMIT_BYTES: Final = 4 * 1024 * 1024


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when the journal was opened.

    ``head`` is the last whole record, with which the chain goes on. ``torn_bytes`` is the length of what stood behind
    it, 0 when there was nothing; ``torn_file`` is where that was moved, as a name in the journal's directory;
    ``torn_lines`` are the whole journal lines within it. ``found`` says in words what was wrong.
    """

    head: Head = Head()
    torn_bytes: int = 0
    torn_file: str | None = None
    torn_sha256: str = ""
    torn_lines: int = 0
    found: str = ""


def recover(directory: Path, *, is_asked: bool = False) -> tuple[Recovery, Segment | None, Stretch]:
    """Check the last segment and set aside what a crash left behind its last whole record.

    Args:
        directory: of the journal.
        is_asked: a person has looked, and whatever stands behind the last whole record is to be set aside.

    Returns:
        What was found, the segment to go on with (None for a journal without any), and how far it is right.

    Raises:
        ConfigurationError: the chain is broken otherwise than by a crash, or before its last segment.
        OSError: what is torn cannot be moved.
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
    what = explain(found.broken, found.head.seq + 1, found.head.hash)
    if not is_asked and not _is_a_crash(last.path, found):
        raise ConfigurationError(
            f"{_look(last.path, what)}. To move what follows record {found.head.seq} aside and go on: "
            f"readonly-guard audit repair {directory}"
        )
    return _set_aside(last.path, found, what), last, found


def _is_a_crash(path: Path, found: Stretch) -> bool:
    """Whether a crash alone explains what stands behind the last whole record: it was never acknowledged."""
    broken = found.broken or b""
    rest = path.stat().st_size - found.size
    if len(broken) == rest:
        return not broken.endswith(b"\n") or envelope(broken) is None
    # a page that never reached the disk reads as zeros; no line of a journal holds one, and no commit is that long
    return b"\0" in broken and rest <= _LONGEST_COMMIT_BYTES


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


def _set_aside(segment: Path, found: Stretch, what: str) -> Recovery:
    """Move what follows the last whole record to a file of its own, and make both durable before going on."""
    beside, descriptor = _new_file_beside(segment)
    digest, size, whole_lines = sha256(), 0, 0
    with os.fdopen(descriptor, "wb") as file, segment.open("rb") as source:
        source.seek(found.size)
        for data in lines(source):
            file.write(data)
            digest.update(data)
            size += len(data)
            whole_lines += data.endswith(b"\n") and envelope(data) is not None
        file.flush()
        os.fsync(descriptor)
    sync_directory(segment.parent)  # the copy can be found again before the original goes
    with segment.open("r+b") as file:
        file.truncate(found.size)
        os.fsync(file.fileno())
    return Recovery(
        head=found.head,
        torn_bytes=size,
        torn_file=beside.name,
        torn_sha256=digest.hexdigest(),
        torn_lines=whole_lines,
        found=what,
    )


def _new_file_beside(segment: Path) -> tuple[Path, int]:
    number = 1
    while True:
        beside = segment.with_name(f"{segment.name}.torn-{number}")
        try:
            return beside, os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            number += 1
