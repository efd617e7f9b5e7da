"""The composition root: settings, a guard and an event loop become a running proxy."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, Protocol

import structlog

from readonly_guard.audit import CommitWatch
from readonly_guard.errors import ConfigurationError
from readonly_guard.guard import Reader
from readonly_guard.settings import AdminSettings, Settings
from readonly_guard.sql import Bounds
from readonly_guard_proxy.admin.measured import MeasuredGuard, MeasuredReader
from readonly_guard_proxy.admin.readiness import Readiness, reaches
from readonly_guard_proxy.admin.status import OwnStatus, StatusSource
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.certificates import Certificates
from readonly_guard_proxy.net.listener import Listener
from readonly_guard_proxy.net.ports import DecisionMaker, StartupJudge
from readonly_guard_proxy.reading.pool import ReadingPool

__all__ = ["DRAIN_S", "OwnedGuard", "ReadingGuard", "ServedGuard", "reading_apart", "run", "serve"]

_log = structlog.get_logger(__name__)

DRAIN_S: Final = 10.0
"""How long statements that are under way may take to end when the proxy stops."""


class ReadingGuard(Protocol):
    """A guard that can have texts read elsewhere."""

    def read_with(self, reader: Reader, /) -> None:
        """Have texts that are new read by ``reader`` from now on."""
        ...


class ServedGuard(DecisionMaker, Protocol):
    """A guard whose state operations can see."""

    @property
    def policy_revision(self) -> str:
        """Which policies are in force."""
        ...

    def watch_log(self, watch: CommitWatch, /) -> None:
        """Tell of every commit of the log."""
        ...

    def check_log(self) -> None:
        """See whether a decision could be recorded now; raises LogUnavailable when not."""
        ...


class OwnedGuard(ServedGuard, ReadingGuard, Protocol):
    """A guard that is closed together with the proxy."""

    async def aclose(self) -> None:
        """Flush and close the log and the plugins."""
        ...


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
        yield
        return
    bounds = Bounds.of(settings.limits)
    async with ReadingPool(reading, bounds, workers=reading.workers, deadline_s=reading.deadline_s) as pool:
        guard.read_with(MeasuredReader(pool, meters or Meters()))
        yield


async def serve(
    settings: Settings,
    guard: ServedGuard,
    *,
    judge: StartupJudge,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    drain_s: float = DRAIN_S,
    meters: Meters | None = None,
    certificates: Certificates | None = None,
) -> None:
    """Serve until told to stop, then let what is under way end.

    Args:
        settings: the proxy's.
        guard: decides; the caller closes it.
        judge: judges startup packets, for example :func:`readonly_guard.sql.judge_startup`.
        ready: called with the port once clients can connect.
        stop: set it to stop.
        drain_s: how long statements under way may take to end.
        meters: count; the admin listener shows them.
        certificates: for TLS, to be renewed from outside; without them, as the settings have it now.

    Raises:
        ConfigurationError: an address cannot be listened on, or a certificate or key is not usable.
    """
    meters = meters or Meters()
    guard.watch_log(meters.committed)
    readiness = Readiness({
        "log": partial(_log_fault, guard),
        "policies": partial(_policy_fault, guard),
        "server": partial(reaches, settings.upstream),
    })  # fmt: skip
    certificates = certificates or Certificates(settings)
    listener = Listener(settings, MeasuredGuard(guard, meters), judge, meters, certificates)
    port = await listener.open()
    status = OwnStatus(settings, port=port, guard=guard, meters=meters, readiness=readiness)
    try:
        async with _admin(settings.admin, status):
            ready(port)
            try:
                await stop.wait()
            finally:
                readiness.stopping("the guard is shutting down")
                await listener.drain(drain_s)
    except ConfigurationError:
        await listener.drain(0.0)
        raise


@contextlib.asynccontextmanager
async def _admin(where: AdminSettings, source: StatusSource) -> AsyncIterator[None]:
    if where.port is None and where.socket is None:
        yield
        return
    server = importlib.import_module("readonly_guard_proxy.admin.server")  # 0.3 s and 20 MB, only for those who want it
    async with server.serving(where, source):
        yield


async def _log_fault(guard: ServedGuard) -> str:
    guard.check_log()
    return ""


async def _policy_fault(guard: ServedGuard) -> str:
    return "" if guard.policy_revision else "no policies are loaded"


def run(
    settings: Settings,
    guard: OwnedGuard,
    *,
    judge: StartupJudge,
    ready: Callable[[int], None],
    reload: Callable[[], None],
    certificates: Certificates | None = None,
) -> None:
    """Run the proxy in this thread until SIGTERM or SIGINT; on uvloop where there is one.

    Args:
        settings: the proxy's.
        guard: decides; closed at the end.
        judge: judges startup packets.
        ready: called with the port once clients can connect.
        reload: called at SIGHUP; a ConfigurationError of its is logged and what was in force stays in force.
        certificates: as for :func:`serve`.

    Raises:
        ConfigurationError: the address cannot be listened on, or a process that reads texts cannot be started.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_main(settings, guard, judge=judge, ready=ready, reload=reload, certificates=certificates))


async def _main(
    settings: Settings,
    guard: OwnedGuard,
    *,
    judge: StartupJudge,
    ready: Callable[[int], None],
    reload: Callable[[], None],
    certificates: Certificates | None,
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, reload)
    meters = Meters()
    try:
        async with reading_apart(settings, guard, meters):
            await serve(settings, guard, judge=judge, ready=ready, stop=stop, meters=meters, certificates=certificates)
    finally:
        await guard.aclose()


def _reload(reload: Callable[[], None]) -> None:
    try:
        reload()
    except ConfigurationError as error:
        _log.error("reload refused", reason=str(error))
    else:
        _log.info("reloaded")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None  # the standard loop: slower, otherwise the same
    return factory
