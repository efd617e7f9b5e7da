"""The chain of what people did with the log: who read it, who exported it, who removed old segments and why.

It is a chain beside those of the guards, in the directory ``custody`` of the journal, so that reading can be recorded
while a guard writes. Whoever reads takes its lock for as long as one record takes.
"""

from __future__ import annotations

import getpass
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from readonly_guard.audit.chains import CUSTODY
from readonly_guard.audit.journal import Journal
from readonly_guard.audit.keys import SigningKey
from readonly_guard.audit.opening import JournalBusy
from readonly_guard.audit.segments import list_segments
from readonly_guard.domain import LogRecord, ReadingRecord
from readonly_guard.errors import ConfigurationError, LogUnavailable
from readonly_guard.moments import rfc3339, utc_now

__all__ = ["actor", "opened_patiently", "record_custody", "record_reading", "sign_custody"]

_PATIENCE_S: Final = 5.0
_STEP_S: Final = 0.02


def record_reading(
    journal: Path,
    *,
    command: str,
    selection: dict[str, str],
    kept_in: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Record that this user is about to read the log; durable when it returns.

    Args:
        journal: the directory that is read.
        command: what was called.
        selection: what was asked for.
        kept_in: where to keep the record instead, for a log on a medium that cannot be written.
        clock: gives the time, timezone-aware.

    Raises:
        ConfigurationError: it cannot be recorded, and so the log may not be read.
    """
    record = ReadingRecord(
        time=rfc3339(clock()),
        actor=actor(),
        host=platform.node(),
        command=command,
        selection=tuple(f"{name}={value}" for name, value in sorted(selection.items())),
    )
    place = journal / CUSTODY if kept_in is None else kept_in
    try:
        record_custody(place, record)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"reading the log is itself logged, and that is not possible: {error}. "
            "Name another directory with --reading-log"
        ) from error


def record_custody(place: Path, record: LogRecord, *, signing_key: SigningKey | None = None) -> None:
    """Append a record to a custody chain; waits some seconds for others who do the same.

    Raises:
        ConfigurationError: the chain cannot be opened or written.
    """
    with opened_patiently(place, signing_key=signing_key) as chain:
        chain.append(record)
        chain.commit()


def sign_custody(place: Path, signing_key: SigningKey) -> None:
    """Sign the head of a custody chain, unless it is: those who write it, readers, have no key.

    Raises:
        ConfigurationError: the chain cannot be opened or written.
    """
    if place.is_dir() and list_segments(place):
        with opened_patiently(place, signing_key=signing_key):
            pass  # closing signs


@contextmanager
def opened_patiently(place: Path, *, signing_key: SigningKey | None = None) -> Iterator[Journal]:
    """A chain that several processes write in turn, open for this one; waits some seconds for the others.

    Raises:
        ConfigurationError: the chain cannot be opened, or not be written.
    """
    try:
        with _open(place, signing_key) as chain:
            yield chain
    except LogUnavailable as error:
        raise ConfigurationError(f"{place}: {error}") from error


def _open(place: Path, signing_key: SigningKey | None) -> Journal:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return Journal.open(place, signing_key=signing_key)
        except JournalBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(_STEP_S)


def actor() -> str:
    """Who runs this program, by the operating system; behind sudo, also who that was before."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        name = f"uid {os.getuid()}"
    before = os.environ.get("SUDO_USER")
    return f"{name} (sudo: {before})" if before and before != name else name
