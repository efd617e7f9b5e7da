"""Cancel keys of the guard's own: a cancel request reaches the one session it was given to, or nobody.

A client is given a process id and a secret that the guard made up; what the server gave stays here. So a request can
neither name a session that the guard does not hold, nor, when the server has given a process id to another session
meanwhile, hit that one. Their layout (Int32, and 4 bytes in protocol 3.0 or 32 since 3.2)::

    process id   bit 31       0
                 bits 30-23   number of the worker process that holds the session, 0 to 255
                 bits 22-0    random, taken by no other session of the worker
    secret       random

`worker_of` tells which worker must be asked. Where a process id alone is shown, as in psql's prompt, it is not the
server's ``pg_backend_pid()``.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import ssl
from typing import Final

from readonly_guard.settings import UpstreamSettings
from readonly_guard_proxy.net.upstream import connect
from readonly_guard_proxy.wire.messages import BackendKey
from readonly_guard_proxy.wire.packets import CancelRequest
from readonly_guard_proxy.wire.startup import cancel_request

__all__ = ["LAST_WORKER", "CancelKeys", "forward_cancel", "worker_of"]

LAST_WORKER: Final = 255

_ANSWER_S: Final = 5.0
_WORKER_SHIFT: Final = 23
_RANDOM_BITS: Final = (1 << _WORKER_SHIFT) - 1
_PID_BYTES: Final = 3  # of the random part
_SECRET_BYTES: Final = 4
_LONG_SECRET_BYTES: Final = 32  # as PostgreSQL 18 has it


def worker_of(pid: int) -> int:
    """The number of the worker that gave out this process id."""
    return pid >> _WORKER_SHIFT & LAST_WORKER


class CancelKeys:
    """The keys of one worker's sessions, and the server's keys behind them.

    Args:
        worker: its number, 0 to 255.
    """

    def __init__(self, worker: int = 0) -> None:
        self._worker = worker
        self._sessions: dict[int, tuple[bytes, BackendKey | None]] = {}

    def issue(self, *, is_long: bool) -> BackendKey:
        """A key for a session that begins; good for nothing until :meth:`opened`."""
        size = _LONG_SECRET_BYTES if is_long else _SECRET_BYTES
        pid, secret = 0, b""
        while pid == 0 or pid in self._sessions:
            drawn = os.urandom(_PID_BYTES + size)  # all at once: asking the system is what it costs
            pid = self._worker << _WORKER_SHIFT | int.from_bytes(drawn[:_PID_BYTES]) & _RANDOM_BITS
            secret = drawn[_PID_BYTES:]
        self._sessions[pid] = (secret, None)
        return BackendKey(pid, secret)

    def opened(self, given: BackendKey, servers: BackendKey) -> None:
        """The server let the session in and gave this key; without a secret it cannot be cancelled."""
        if servers.secret:
            self._sessions[given.pid] = (given.secret, servers)

    def withdraw(self, given: BackendKey) -> None:
        """The session is over."""
        self._sessions.pop(given.pid, None)

    def find(self, request: CancelRequest) -> BackendKey | None:
        """The server's key of the session that the request names, with its secret; None when there is none."""
        secret, servers = self._sessions.get(request.pid, (b"", None))
        return servers if hmac.compare_digest(secret, request.key) else None


async def forward_cancel(upstream: UpstreamSettings, context: ssl.SSLContext | None, key: BackendKey) -> None:
    """Send a cancel request to the server and wait until it has been dealt with, which the server shows by closing.

    Args:
        upstream: where.
        context: for TLS, None for none.
        key: that the server gave.

    Raises:
        OSError: the server cannot be reached, or does not close in time.
    """
    closed = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(upstream.connect_timeout_s):
        transport = await connect(upstream, context, lambda: _Waiting(closed))
    try:
        transport.write(cancel_request(key.pid, key.secret))
        async with asyncio.timeout(_ANSWER_S):
            await closed
    finally:
        transport.abort()


class _Waiting(asyncio.Protocol):
    def __init__(self, closed: asyncio.Future[None]) -> None:
        self._closed = closed

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
