"""The admin listener: four pages for machines, over HTTP, on a port or a unix socket of its own.

======== ==================================================================================
/healthz 200 while the event loop turns: a supervisor restarts what does not answer
/readyz  200 when a client that connects now would be served, else 503; JSON says what is wrong
/metrics Prometheus or OpenMetrics text
/status  JSON, `readonly_guard_proxy.admin.status.Status`
======== ==================================================================================

There is no authentication and nothing can be changed here; nothing shown names a person or a statement.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiohttp import web

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import AdminSettings
from readonly_guard_proxy.admin.status import StatusSource
from readonly_guard_proxy.metrics.exposition import render
from readonly_guard_proxy.net.addresses import cannot_listen

__all__ = ["serving"]

_log = structlog.get_logger(__name__)
_JSON: Final = "application/json"
_UNAVAILABLE: Final = 503
_CLOSED_TO_OTHERS: Final = 0o117
"""The umask that leaves a socket mode 0660: whoever may connect is decided by its group."""


@contextlib.asynccontextmanager
async def serving(where: AdminSettings, source: StatusSource) -> AsyncIterator[None]:
    """Answer while the context lasts.

    Args:
        where: a port or a unix socket.
        source: what is told.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    listening = _socket(where)
    application = web.Application()
    application.add_routes([web.get(path, page) for path, page in _pages(source).items()])
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=15.0, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        _log.info("admin listening", address=_address(listening))
        yield
    finally:
        await runner.cleanup()
        if where.socket is not None:
            Path(where.socket).unlink(missing_ok=True)  # noqa: ASYNC240  a name, gone in microseconds


def _pages(source: StatusSource) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(_request: web.Request) -> web.Response:
        report = await source.readiness()
        body = msgspec.json.encode(report)
        return web.Response(body=body, content_type=_JSON, status=200 if report.ready else _UNAVAILABLE)

    async def metrics(request: web.Request) -> web.Response:
        status = await source.status()
        body, content_type = render(
            status.figures,
            version=status.version,
            is_ready=status.readiness.ready,
            log_free_bytes=status.log_free_bytes,
            accept=request.headers.get("Accept", ""),
        )
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def everything(_request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(await source.status()), content_type=_JSON)

    return {"/healthz": health, "/readyz": ready, "/metrics": metrics, "/status": everything}


def _socket(where: AdminSettings) -> socket.socket:
    if where.socket is not None:
        return _unix_socket(Path(where.socket))
    port = where.port or 0
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(where.host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ConfigurationError(cannot_listen("admin", where.host, port, error)) from error
    return listening


def _unix_socket(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(_CLOSED_TO_OTHERS)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()  # of a process that was killed; the journal's lock keeps two guards apart
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)  # a path of more than some 100 bytes has no number
        raise ConfigurationError(f"admin.socket: {path} cannot be listened on: {reason}") from error
    finally:
        os.umask(before)
    return listening


def _address(listening: socket.socket) -> str:
    name = listening.getsockname()
    return name if isinstance(name, str) else f"{name[0]}:{name[1]}"
