"""What a guard knows of texts and of the server's catalog, kept for it beside the event loop while it serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import structlog

from readonly_guard.catalog import CatalogKeeper, CatalogResolver
from readonly_guard.settings import Settings
from readonly_guard.sql import Bounds, prepare_reading
from readonly_guard.texts import Reader
from readonly_guard_proxy.admin.readiness import Check
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.measured import MeasuredReader
from readonly_guard_proxy.reading.pool import ReadingPool

__all__ = ["ReadingGuard", "catalog_kept", "reading_apart"]

_log = structlog.get_logger(__name__)


class ReadingGuard(Protocol):
    """A guard that can have texts read elsewhere, and names settled by what a catalog says."""

    def read_with(self, reader: Reader, /) -> None:
        """Have texts that are new read by ``reader`` from now on."""
        ...

    def resolve_with(self, resolver: CatalogResolver | None, /) -> None:
        """Have names settled by ``resolver`` from now on; by None where no catalog is known."""
        ...


@contextlib.asynccontextmanager
async def catalog_kept(settings: Settings, guard: ReadingGuard) -> AsyncIterator[Mapping[str, Check]]:
    """Have a guard know the server's catalog, as ``[catalog]`` says, while the context lasts.

    Gives what readiness has to look at: a guard that should know a catalog and does not denies nearly everything.
    """
    where = settings.catalog
    if where.dsn is None:
        yield {}
        return

    def changed(resolver: CatalogResolver | None, why: str) -> None:
        guard.resolve_with(resolver)
        if resolver is None:
            _log.error("catalog unknown, tables and views are denied", reason=why)
        else:
            _log.info("catalog read", digest=resolver.digest, objects=resolver.size)

    async def fault() -> str:
        return keeper.fault

    keeper = CatalogKeeper(where.dsn, settings.reading, where, changed=changed)
    await keeper.look()
    keeping = asyncio.get_running_loop().create_task(keeper.keep())
    try:
        yield {"catalog": fault}
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@contextlib.asynccontextmanager
async def reading_apart(settings: Settings, guard: ReadingGuard, meters: Meters | None = None) -> AsyncIterator[None]:
    """Have a guard's new texts read in worker processes, which are there while the context lasts.

    Args:
        settings: the guard's own; ``reading.workers`` 0 leaves everything as it is.
        guard: denies every new text once the context has ended.
        meters: count how long the reading takes.

    Raises:
        ConfigurationError: a worker cannot be started.
    """
    reading = settings.reading
    if reading.workers == 0:
        prepare_reading()
        yield
        return
    bounds = Bounds.of(settings.limits)
    async with ReadingPool(
        reading, bounds, workers=reading.workers, deadline_s=reading.deadline_s, patience_s=reading.patience_s
    ) as pool:
        guard.read_with(MeasuredReader(pool, meters or Meters()))
        yield
