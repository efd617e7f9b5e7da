"""Segment files: their names, their order in a directory, and how far one continues the chain.

A journal is a directory of ``journal-<number of its first record, 20 digits>.jsonl``. Reading only, but for creating
an empty segment; what is written into it, and when it is durable, is the journal's.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from readonly_guard.audit.chain import Head, envelope, reseal, time_of
from readonly_guard.audit.sealing import MAX_LINE_BYTES, Line
from readonly_guard.errors import ConfigurationError

__all__ = [
    "Segment",
    "Stretch",
    "begun_s",
    "create_segment",
    "follow",
    "last_seq",
    "lines",
    "list_segments",
    "sync_directory",
    "torn_files",
]

_NAME: Final = re.compile(r"journal-([0-9]{20})\.jsonl")
_TORN: Final = re.compile(r"journal-[0-9]{20}\.jsonl\.torn-[0-9]+")
_READ_AHEAD_BYTES: Final = 1024 * 1024


class Segment(NamedTuple):
    """A file of the journal and the number of its first record, which its name tells."""

    first: int
    path: Path


class Stretch(NamedTuple):
    """How far a segment continues the chain.

    ``head`` is the last right record, ``size`` the length in bytes up to its end, ``tail`` its line (empty when there
    was none), ``broken`` the first line that does not continue the chain, or None when all do.
    """

    head: Head
    size: int
    tail: bytes
    broken: bytes | None


def list_segments(directory: Path) -> list[Segment]:
    """The segments in the order of the chain.

    Raises:
        ConfigurationError: the directory cannot be read.
    """
    return sorted(Segment(int(match[1]), directory / match[0]) for match in _matches(directory, _NAME))


def last_seq(segments: list[Segment]) -> int:
    """The number of the last whole line, found from the end; 0 for a chain without any. Nothing is checked."""
    for segment in reversed(segments):
        with (
            suppress(ValueError),  # an empty file cannot be mapped
            segment.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            end = content.rfind(b"\n")
            start = content.rfind(b"\n", 0, max(end, 0)) + 1
            taken = envelope(content[start : end + 1]) if end >= 0 else None
            if taken is not None:
                return taken.seq
    return 0


def torn_files(directory: Path) -> tuple[str, ...]:
    """The names of the torn tails that recoveries have set aside."""
    return tuple(sorted(match[0] for match in _matches(directory, _TORN)))


def _matches(directory: Path, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    try:
        return [match for item in directory.iterdir() if (match := pattern.fullmatch(item.name))]
    except NotADirectoryError:
        raise ConfigurationError(f"{directory}: is a file; name the directory of the journal") from None
    except OSError as error:
        raise ConfigurationError(f"{directory}: the journal cannot be read: {error.strerror}") from error


def create_segment(directory: Path, first: int) -> tuple[Path, int]:
    """An empty segment, durable in its directory, and its file descriptor, open for appending.

    An empty file of that name is taken over: it is what a crash between two steps of a rotation leaves behind.

    Raises:
        OSError: it cannot be created, or is there and not empty.
    """
    path = directory / f"journal-{first:020d}.jsonl"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with ExitStack() as opened:
        opened.callback(os.close, descriptor)
        if os.fstat(descriptor).st_size:
            raise FileExistsError(errno.EEXIST, f"{path.name} is there already, and not empty")
        sync_directory(directory)
        opened.pop_all()
    return path, descriptor


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable: fsync of a file does not say that it can be found (fsync(2))."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a segment; one that is too long comes in pieces, so that no file can fill the memory."""
    return iter(partial(file.readline, MAX_LINE_BYTES), b"")


def begun_s(path: Path) -> float | None:
    """When the first record of a segment was made, in seconds since 1970; None when it has none, or none that says.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        first = next(lines(file), b"")
    try:
        return datetime.fromisoformat(time_of(first)).timestamp()
    except (ValueError, OverflowError):
        return None


def follow(path: Path, head: Head, visit: Callable[[Line], None] | None = None) -> Stretch:
    """Read a segment from its beginning for as long as it continues the chain.

    Args:
        path: the segment.
        head: the record before its first.
        visit: told every line that does.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    seq, before = head.seq, head.hash
    size, tail, broken = 0, b"", None
    try:
        with path.open("rb", buffering=_READ_AHEAD_BYTES) as file:
            for data in lines(file):
                line = reseal(data, seq + 1, before)
                if line is None:
                    broken = data
                    break
                seq, before, tail = line.seq, line.hash, line.data
                size += len(tail)
                if visit is not None:
                    visit(line)
    except OSError as error:
        raise ConfigurationError(f"{path}: the journal cannot be read: {error.strerror}") from error
    return Stretch(Head(seq=seq, hash=before), size, tail, broken)
