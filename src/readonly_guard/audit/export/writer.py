"""An export on disk: the file, written beside its name first, and its manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from readonly_guard.audit.chain import Head
from readonly_guard.audit.export.port import Format
from readonly_guard.domain import Entry
from readonly_guard.errors import ConfigurationError

__all__ = ["Exported", "write_export"]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of an export: enough to see that the file is whole, and to find its records in the log again.

    ``records`` are those in the file, ``first`` and ``last`` the outermost of them in each chain, as ``seq:hash``;
    ``selection`` is what was asked for, in words.
    """

    file: str
    sha256: str
    bytes: int
    format: str
    records: int
    first: dict[str, str]
    last: dict[str, str]
    selection: dict[str, str]
    created: str
    version: str


class _Hashing:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)


def write_export(
    entries: Iterable[Entry],
    path: Path,
    *,
    name: str,
    into: Format,
    selection: dict[str, str],
    created: str,
    version: str,
) -> Exported:
    """Write records into a new file, and its manifest into ``<file>.manifest.json``. Either is whole or not there.

    Args:
        entries: the records, with their chains.
        path: the file; it must not be there yet.
        name: of the format, for the manifest.
        into: the format.
        selection: what was asked for, for the manifest.
        created: when, RFC 3339.
        version: of this program.

    Raises:
        ConfigurationError: the file is there already or cannot be written, or the log cannot be read.
    """
    if path.exists():
        raise ConfigurationError(f"{path}: is there already; an export is never overwritten")
    part = path.with_name(f"{path.name}.part")
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    count = 0
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            out = _Hashing(file)
            out.write(into.begin)
            for entry in entries:
                data = into.item(entry)
                if data is None:
                    continue
                out.write(into.separator + data if count else data)
                count += 1
                head = str(Head(seq=entry.seq, hash=entry.hash))
                first.setdefault(entry.chain, head)
                last[entry.chain] = head
            if count or into.begin:
                out.write(into.end)
            file.flush()
            os.fsync(file.fileno())
        exported = Exported(
            file=path.name,
            sha256=out.digest.hexdigest(),
            bytes=out.size,
            format=name,
            records=count,
            first=first,
            last=last,
            selection=selection,
            created=created,
            version=version,
        )
        manifest = path.with_name(f"{path.name}.manifest.json")
        manifest.write_bytes(msgspec.json.format(msgspec.json.encode(exported)) + b"\n")
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigurationError(f"{path}: the export cannot be written: {error.strerror}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return exported
