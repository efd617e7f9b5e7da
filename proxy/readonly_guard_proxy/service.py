"""The composition root: settings, a guard and an event loop become a running proxy."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final, Protocol

import structlog

from readonly_guard.audit import CommitWatch
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import AdminSettings, Settings
from readonly_guard_proxy.admin.knocking import knock
from readonly_guard_proxy.admin.readiness import Check, Readiness
from readonly_guard_proxy.admin.status import OwnStatus, StatusSource
from readonly_guard_proxy.lifecycle.heeding import Reload, reloads_heeded
from readonly_guard_proxy.lifecycle.knowing import ReadingGuard, catalog_kept, reading_apart
from readonly_guard_proxy.lifecycle.life import show_life
from readonly_guard_proxy.lifecycle.notify import Notifier
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.colleagues import Colleagues
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.net.listener import Listener
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.ports import DecisionMaker, StartupJudge

__all__ = ["OwnedGuard", "ServedGuard", "run", "serve"]

_log = structlog.get_logger(__name__)
_KNOCKER: Final = "readonly_guard"
"""Who knocks at the server where the guard has no account there: nobody who needs to exist."""


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

    async def check_policies(self) -> None:
        """See whether the policies answer now; raises PolicyUnavailable when not."""
        ...


class OwnedGuard(ServedGuard, ReadingGuard, Protocol):
    """A guard that is closed together with the proxy."""

    async def aclose(self) -> None:
        """Flush and close the log and the plugins."""
        ...


async def serve(
    settings: Settings,
    guard: ServedGuard,
    *,
    judge: StartupJudge,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    reload: Reload | None = None,
    notifier: Notifier | None = None,
    meters: Meters | None = None,
    credentials: Credentials | None = None,
    checks: Mapping[str, Check] | None = None,
    colleagues: Colleagues | None = None,
) -> None:
    """Serve until told to stop, then let what is under way end.

    Args:
        settings: the proxy's.
        guard: decides; the caller closes it.
        judge: judges startup packets, for example :func:`readonly_guard.sql.judge_startup`.
        ready: called with the port once clients can connect.
        stop: set it to stop.
        reload: called at SIGHUP, see `Reload`; without it SIGHUP is not heeded.
        notifier: tells a service manager.
        meters: count; the admin listener shows them.
        credentials: for TLS, to be renewed from outside; without them, as the settings have it now.
        checks: what readiness looks at beside log, policies and server.
        colleagues: the other workers on the same port.

    Raises:
        ConfigurationError: an address cannot be listened on, or a certificate or key is not usable.
    """
    meters, notifier = meters or Meters(), notifier or Notifier(None)
    guard.watch_log(meters.committed)
    credentials = credentials or Credentials(settings)
    listener = Listener(settings, MeasuredGuard(guard, meters), judge, meters, credentials, colleagues=colleagues)
    readiness = Readiness({
        "log": partial(_log_fault, guard),
        "policies": partial(_policy_fault, guard),
        "server": partial(_server_fault, listener),
        **(checks or {}),
    })  # fmt: skip
    port = await listener.open()
    status = OwnStatus(settings, port=port, guard=guard, meters=meters, readiness=readiness)
    serving = f"serving on {settings.listener.host}:{port}"
    try:
        async with (
            _admin(settings.admin, status),
            notifier.alive(),
            reloads_heeded(listener, reload, notifier, serving),
            colleagues.heeded(listener.cancel_here, listener.tasks) if colleagues else contextlib.nullcontext(),
        ):
            ready(port)
            notifier.ready(serving)
            try:
                await stop.wait()
            finally:
                readiness.stopping("the guard is shutting down")
                notifier.stopping()
                await listener.drain(listener.settings.limits.drain_s)
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


async def _server_fault(listener: Listener) -> str:
    upstream, credentials = listener.settings.upstream, listener.credentials
    return await knock(upstream, credentials.upstream, upstream.login.user or _KNOCKER)


async def _policy_fault(guard: ServedGuard) -> str:
    await guard.check_policies()
    return ""


def run(
    settings: Settings,
    guard: OwnedGuard,
    *,
    judge: StartupJudge,
    ready: Callable[[int], None],
    reload: Reload,
    credentials: Credentials | None = None,
    colleagues: Colleagues | None = None,
    tether: int | None = None,
) -> None:
    """Run the proxy in this thread until SIGTERM or SIGINT; on uvloop where there is one.

    Args:
        settings: the proxy's.
        guard: decides; closed at the end.
        judge: judges startup packets.
        ready: called with the port once clients can connect.
        reload: called at SIGHUP, see `Reload`; a ConfigurationError of its is logged, and all stays as it was.
        credentials: as for :func:`serve`.
        colleagues: as for :func:`serve`.
        tether: a socket to whoever started this process. Signs of life are written to it; it becomes readable when the
            other side is gone, and then this process stops.

    Raises:
        ConfigurationError: the address cannot be listened on, or a process that reads texts cannot be started.
    """
    gc.freeze()  # a region's data is in memory by now and stays: the collector need not go through it for ever
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(
            _main(
                settings,
                guard,
                judge=judge,
                ready=ready,
                reload=reload,
                credentials=credentials,
                colleagues=colleagues,
                tether=tether,
            )
        )


async def _main(
    settings: Settings,
    guard: OwnedGuard,
    *,
    judge: StartupJudge,
    ready: Callable[[int], None],
    reload: Reload,
    credentials: Credentials | None,
    colleagues: Colleagues | None,
    tether: int | None,
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    signs: list[asyncio.Task[None]] = []

    def serving(port: int) -> None:
        ready(port)
        if tether is not None:
            signs.append(loop.create_task(show_life(tether)))

    if tether is not None:
        loop.add_reader(tether, _let_go, loop, tether, stop)
    meters, notifier = Meters(), Notifier.from_environment()
    try:
        async with reading_apart(settings, guard, meters), catalog_kept(settings, guard) as checks:
            await serve(
                settings,
                guard,
                judge=judge,
                ready=serving,
                stop=stop,
                reload=reload,
                notifier=notifier,
                meters=meters,
                credentials=credentials,
                checks=checks,
                colleagues=colleagues,
            )
    finally:
        await guard.aclose()


def _let_go(loop: asyncio.AbstractEventLoop, tether: int, stop: asyncio.Event) -> None:
    loop.remove_reader(tether)
    _log.error("the supervisor is gone")
    stop.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None  # the standard loop: slower, otherwise the same
    return factory
