"""Which catalog a command looks names up in: a file, a server, or what a guard.toml says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from readonly_guard.catalog import CatalogResolver, Snapshot, capture, read_catalog
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import CatalogSettings, ReadingSettings, Settings
from readonly_guard_cli.output import stderr

__all__ = ["captured", "progress", "resolver_of"]


def resolver_of(
    settings: Settings | None, *, dsn: str | None = None, catalog: Path | None = None
) -> CatalogResolver | None:
    """What a catalog says of names; None where none is named.

    Args:
        settings: a guard.toml, whose ``[catalog]`` counts where neither of the others is given.
        dsn: a server to ask now.
        catalog: a file that was taken before.

    Raises:
        ConfigurationError: both are given, or the file is no snapshot.
        CatalogUnavailable: the server cannot be asked.
    """
    where = settings.catalog if settings else CatalogSettings()
    rules = settings.reading if settings else ReadingSettings()
    if dsn is not None and catalog is not None:
        raise ConfigurationError("--dsn and --catalog are both given; keep one")
    if dsn is None and catalog is None:
        dsn, catalog = where.dsn, None if where.snapshot is None else Path(where.snapshot)
    if catalog is not None:
        return read_catalog(catalog, rules, where)
    return None if dsn is None else CatalogResolver(captured(dsn), rules, where)


def captured(dsn: str) -> Snapshot:
    """A snapshot of a server, with a progress bar.

    Raises:
        CatalogUnavailable: the server cannot be asked.
    """
    with progress("asking the server") as told:
        return asyncio.run(capture(dsn, progress=told))


class _Told(Protocol):
    def __call__(self, done: int, all_of_it: int, /) -> None: ...


@contextmanager
def progress(what: str) -> Iterator[_Told]:
    """A progress bar on a terminal's standard error; nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as shown:
        task = shown.add_task(what, total=None)

        def told(done: int, all_of_it: int) -> None:
            if done % _STEP == 0 or done == all_of_it:
                shown.update(task, completed=done, total=all_of_it)

        yield told


_STEP: Final = 16
"""Moving the bar costs more than following an object."""
