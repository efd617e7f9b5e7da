"""What systemd is told: ready, reloading, stopping, still alive.

The protocol is one datagram of ``KEY=value`` lines to the socket that ``NOTIFY_SOCKET`` names (`sd_notify(3)`); a name
that starts with ``@`` is in the abstract namespace. Without that variable there is nobody to tell, and nothing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, MutableMapping
from typing import Final, Self

import structlog

__all__ = ["Notifier"]

_log = structlog.get_logger(__name__)
_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG_USEC: Final = "WATCHDOG_USEC"
_WATCHDOG_PID: Final = "WATCHDOG_PID"
_LOOKS: Final = 2
"""How often within the watchdog's time to say that all is well; `sd_watchdog_enabled(3)` recommends twice."""


class Notifier:
    """Tells the service manager.

    Args:
        address: of its socket; None when there is none.
        watchdog_s: within how many seconds it wants to hear that this process is alive; None when it does not.
    """

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self._address = address
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] | None = None) -> Self:
        """As the service manager wants it; its variables are taken out, so that no child speaks for this process."""
        environment = os.environ if environment is None else environment
        address = environment.pop(_SOCKET, None)
        watchdog = environment.pop(_WATCHDOG_USEC, "")
        pid = environment.pop(_WATCHDOG_PID, str(os.getpid()))
        is_wanted = watchdog.isdigit() and int(watchdog) > 0 and pid == str(os.getpid())
        return cls(address or None, int(watchdog) / 1_000_000 if is_wanted else None)

    def ready(self, status: str) -> None:
        """Clients are served, or a reload is over."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it. The time lets systemd tell one reload from another (Type=notify-reload)."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """No more clients are served."""
        self._tell("STOPPING=1", "STATUS=letting statements finish")

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """While the context lasts, say regularly that the event loop turns, if anybody wants to know."""
        if self._watchdog_s is None:
            yield
            return
        saying = asyncio.create_task(self._say_so(self._watchdog_s / _LOOKS))
        try:
            yield
        finally:
            saying.cancel()

    async def _say_so(self, every_s: float) -> None:
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(every_s)

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
                told.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _log.warning("service manager not told", what=lines[0], reason=error.strerror)
