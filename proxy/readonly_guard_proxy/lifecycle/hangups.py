"""SIGHUP heeded: what it asks for is done once at a time, and with what was written when it was asked for, or later."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

__all__ = ["hangups_heeded", "hold_hangups"]

_log = structlog.get_logger(__name__)


def hold_hangups() -> None:
    """Let a SIGHUP that comes from now on wait until SIGHUP is heeded: what it is about may have been read by then."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


@contextlib.asynccontextmanager
async def hangups_heeded(act: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """At SIGHUP, while the context lasts, do this, and for one that was held; whatever it raises is a defect of ours.

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
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        loop.add_signal_handler(signal.SIGHUP, _log.info, "no reload: the guard is shutting down")
        heeding.cancel()
        await asyncio.gather(heeding, return_exceptions=True)
