"""The chains of a journal: one in its directory, or one in each directory below, when several processes write.

Each is a chain of its own, with a lock of its own; its name is that of its directory. Together they are read in the
order of their records' times.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from readonly_guard.audit.segments import Segment, lines, list_segments
from readonly_guard.domain import Entry
from readonly_guard.errors import ConfigurationError

__all__ = ["CUSTODY", "PATIENTS", "Chain", "find_chains", "journal_bytes", "raw_lines", "read", "read_all"]


CUSTODY: Final = "custody"
"""The chain of what people did with the log: see `readonly_guard.audit.custody`."""


PATIENTS: Final = "patients"
"""The chain of whose the database's patient keys are: see `readonly_guard.audit.identities`."""


class Chain(NamedTuple):
    """A chain and its directory."""

    name: str
    path: Path


def find_chains(path: Path) -> list[Chain]:
    """The chains of a journal, the directory's own first, then those below it by name.

    Raises:
        ConfigurationError: there are none, or the directory cannot be read.
    """
    found = [Chain(path.resolve().name, path)] if list_segments(path) else []
    below = sorted(item for item in path.iterdir() if item.is_dir() and not item.is_symlink())
    found += [Chain(item.name, item) for item in below if list_segments(item)]
    if not found:
        raise ConfigurationError(f"{path}: holds no journal (no file journal-<20 digits>.jsonl)")
    return found


def read(path: Path) -> Iterator[Entry]:
    """The records of one chain in order, decoded but not checked. Stops before a line without end.

    Raises:
        ConfigurationError: there is no journal, or a line of it cannot be read.
    """
    segments = list_segments(path)
    if not segments:
        raise ConfigurationError(f"{path}: holds no journal (no file journal-<20 digits>.jsonl)")
    return _entries(path, segments, "")


def journal_bytes(path: Path) -> int:
    """How large the chains of a journal are together; what is written meanwhile is not counted.

    Raises:
        ConfigurationError: there is no journal, or it cannot be read.
    """
    segments = [segment for chain in find_chains(path) for segment in list_segments(chain.path)]
    try:
        return sum(segment.path.stat().st_size for segment in segments)
    except OSError as error:
        raise ConfigurationError(f"{path}: the journal cannot be read: {error.strerror}") from error


def raw_lines(path: Path) -> Iterator[bytes]:
    """The complete lines of all chains of a journal, chain after chain, neither decoded nor checked.

    Raises:
        ConfigurationError: there is no journal, or it cannot be read.
    """
    for chain in find_chains(path):
        for segment in list_segments(chain.path):
            try:
                with segment.path.open("rb") as file:
                    yield from (data for data in lines(file) if data.endswith(b"\n"))
            except OSError as error:
                raise ConfigurationError(f"{segment.path}: the journal cannot be read: {error.strerror}") from error


def read_all(path: Path) -> Iterator[Entry]:
    """The records of all chains of a journal, by time, each in the order of its chain; otherwise as :func:`read`."""
    chains = [_entries(chain.path, list_segments(chain.path), chain.name) for chain in find_chains(path)]
    return heapq.merge(*chains, key=lambda entry: entry.record.time)


def _entries(path: Path, segments: list[Segment], chain: str) -> Iterator[Entry]:
    decode = msgspec.json.Decoder(Entry).decode
    for segment in segments:
        number = 0
        try:
            with segment.path.open("rb") as file:
                for data in lines(file):
                    if not data.endswith(b"\n"):
                        return
                    number += 1
                    entry = decode(data)
                    yield Entry(seq=entry.seq, hash=entry.hash, record=entry.record, chain=chain) if chain else entry
        except OSError as error:
            raise ConfigurationError(f"{segment.path}: the journal cannot be read: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ConfigurationError(
                f"{segment.path}: line {number} is not a record. "
                f"Find out what happened: readonly-guard audit verify {path}"
            ) from None
