"""Anchors in a file: the log's signed heads, kept where the guard's host cannot rewrite them.

`[plugin.anchor_file] path` names a file on another machine's disk (append-only, where the file system knows that). Each
line is a signed head as it stands in the log; `readonly-guard audit verify --anchors FILE` finds a log that was cut
off, computed anew or removed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from readonly_guard.domain import Entry, SealRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl

__all__ = ["AnchorFile"]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Path
    """Appended to, made with mode 0600 if missing. Its directory must be there: a mount that is missing is named."""


class AnchorFile:
    """Appends signed heads to a file."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        self._path = settings.path

    @hookimpl
    def record_sink(self) -> AnchorFile:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Append the signed heads among the records, durably. One that comes twice is there twice, which harms nothing.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        heads = [msgspec.json.encode(entry.record) + b"\n" for entry in entries if isinstance(entry.record, SealRecord)]
        if not heads:
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"".join(heads))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigurationError(f"[plugin.anchor_file] path: {self._path}: {error.strerror}") from error

    async def close(self) -> None:
        """Nothing is kept open."""
