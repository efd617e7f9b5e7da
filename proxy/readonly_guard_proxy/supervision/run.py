"""The composition root of a guard with several workers: a port, a directory, the workers, and one admin listener."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import Settings
from readonly_guard_proxy.lifecycle.hangups import hangups_heeded
from readonly_guard_proxy.lifecycle.notify import Notifier
from readonly_guard_proxy.net.boards import forget_places
from readonly_guard_proxy.supervision.gathered import GatheredStatus
from readonly_guard_proxy.supervision.place import Place, reserve
from readonly_guard_proxy.supervision.supervisor import Seat, Supervisor

__all__ = ["supervise"]

_log = structlog.get_logger(__name__)
_RELOADED_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.2


def supervise(
    settings: Settings,
    command: Sequence[str],
    *,
    ready: Callable[[int], None],
    reload: Callable[[], Settings],
) -> None:
    """Run a guard with ``settings.workers.count`` workers until SIGTERM or SIGINT.

    Args:
        settings: of the service.
        command: starts a worker; number, count, port and directory of its place are appended.
        ready: called with the port once all workers serve.
        reload: reads the settings again, at SIGHUP, for what the supervisor itself goes by.

    Raises:
        ConfigurationError: an address cannot be listened on.
        NotStartedError: a worker could not be started; it has said why on standard error.
    """
    with _directory() as directory, reserve(settings.listener) as shared:
        port = shared.getsockname()[1]
        count = settings.workers.count
        room = settings.limits.connections
        places = [
            Place(number=number, count=count, port=port, directory=directory, room=room)
            for number in range(1, count + 1)
        ]
        asyncio.run(_Service(settings, port).serve(command, places, ready=ready, reload=reload))


class _Service:
    def __init__(self, settings: Settings, port: int) -> None:
        self._settings = settings
        self._port = port
        self._notifier = Notifier.from_environment()
        self._serving = f"serving on {settings.listener.host}:{port} with {settings.workers.count} workers"

    async def serve(
        self,
        command: Sequence[str],
        places: Sequence[Place],
        *,
        ready: Callable[[int], None],
        reload: Callable[[], Settings],
    ) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

        def ended(seat: Seat) -> None:
            status.ended(seat)
            forget_places(Path(seat.place.directory), seat.place.number)

        supervisor = Supervisor(command, places, ended=ended)
        status = GatheredStatus(self._settings, port=self._port, seats=supervisor.seats)
        async with self._notifier.alive(), self._admin(status):
            starting = asyncio.create_task(supervisor.start())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():  # told to stop before it began
                starting.cancel()
                await asyncio.wait({starting})
                await supervisor.stop(self._settings.limits.drain_s)
                return
            await starting
            async with hangups_heeded(partial(self._reload, supervisor, status, reload)):
                ready(self._port)
                self._notifier.ready(self._serving)
                await stopped
                status.stopping("the guard is shutting down")
                self._notifier.stopping()
                await supervisor.stop(self._settings.limits.drain_s)

    @contextlib.asynccontextmanager
    async def _admin(self, status: GatheredStatus) -> AsyncIterator[None]:
        if self._settings.admin.port is None and self._settings.admin.socket is None:
            yield
            return
        server = importlib.import_module("readonly_guard_proxy.admin.server")
        async with server.serving(self._settings.admin, status):
            yield

    async def _reload(self, supervisor: Supervisor, status: GatheredStatus, reload: Callable[[], Settings]) -> None:
        self._notifier.reloading()
        try:
            self._settings = reload()  # its drain_s and count; the workers go by what they read themselves
        except ConfigurationError as error:
            _log.error("reload refused", reason=str(error))
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RELOADED_S):
                    await _reload_workers(supervisor, status)
        self._notifier.ready(self._serving)


async def _reload_workers(supervisor: Supervisor, status: GatheredStatus) -> None:
    """Have all workers reload, and wait until each has said that it did or refused, or has ended."""
    before = await _reloads(status)
    told = supervisor.reload()
    while await _reloads(status) < before + sum(map(supervisor.keeps, told)):  # noqa: ASYNC110  other processes'
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _reloads(status: GatheredStatus) -> int:
    return sum((await status.status()).figures.reloads.values())


@contextlib.contextmanager
def _directory() -> Iterator[str]:
    """A directory for the workers' sockets: where systemd has made one for the service, else among temporary files."""
    home = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or None
    with tempfile.TemporaryDirectory(prefix="readonly-guard-", dir=home) as directory:  # mode 0700
        yield directory
