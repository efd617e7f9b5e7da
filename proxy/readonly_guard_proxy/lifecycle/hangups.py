"""SIGHUP heeded: what it asks for is done once at a time, and never for longer ago than it was asked for."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

__all__ = ["hangups_heeded"]

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def hangups_heeded(act: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """At SIGHUP, while the context lasts, do this; whatever it raises is a defect of ours, and the next one is heeded.

    Args:
        act: what to do; who asks while it is done wants it done once more.
    """
    asked = asyncio.Event()

    async def heed() -> None:
        while True:
            await asked.wait()
            asked.clear()  # who asks from now on wants what is written by then, and so another reload
            try:
                await act()
            except Exception as error:  # noqa: BLE001  as said above
                _log.error("reload did not end", reason=type(error).__name__)

    loop = asyncio.get_running_loop()
    heeding = loop.create_task(heed())
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        yield
    finally:
        loop.add_signal_handler(signal.SIGHUP, _log.info, "no reload: the guard is shutting down")
        heeding.cancel()
        await asyncio.gather(heeding, return_exceptions=True)
