"""Colleagues: the other workers on the same port, reached over unix sockets to hand them what is theirs.

The system gives a new connection to any worker, also the connection of a cancel request. Its process id says which
worker holds the session (`readonly_guard_proxy.net.cancel`), and that one is handed the request as it came.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, cast

from readonly_guard_proxy.net.boards import Boards
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.packets import CancelRequest
from readonly_guard_proxy.wire.startup import StartupReader, cancel_request

__all__ = ["Colleagues"]

_ANSWER_S: Final = 10.0
_REQUEST_BYTES: Final = 1_000
"""A cancel request has 12 bytes, and a secret of 256 at most."""

_Cancel = Callable[[CancelRequest], Coroutine[Any, Any, None]]


class Colleagues:
    """The workers of one port, as one of them sees the others.

    Args:
        number: this worker's.
        directory: where each has its socket; only their user may enter it.
        boards: what all of them count together.
    """

    def __init__(self, number: int, directory: str, boards: Boards) -> None:
        self.number = number
        self.boards = boards
        self._directory = directory

    @contextlib.asynccontextmanager
    async def heeded(self, cancel: _Cancel, tasks: Tasks) -> AsyncIterator[None]:
        """Take what others hand over, while the context lasts.

        Args:
            cancel: deals with a cancel request; the colleague waits until it is done.
            tasks: runs it.
        """
        path = self._path(self.number)
        path.unlink(missing_ok=True)  # of a predecessor that was killed
        server = await asyncio.get_running_loop().create_unix_server(lambda: _Door(cancel, tasks), str(path))
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def hand_over(self, worker: int, request: CancelRequest) -> None:
        """Give a request to the worker that it is for, and wait until it has been dealt with.

        Raises:
            OSError: there is no such worker, or it takes longer than ten seconds (then a TimeoutError).
        """
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(str(self._path(worker)))
            try:
                writer.write(cancel_request(request.pid, request.key))
                await reader.read()  # it closes when it is done
            finally:
                writer.close()

    def _path(self, number: int) -> Path:
        return Path(self._directory, f"worker-{number}-cancel.sock")


class _Door(asyncio.Protocol):
    def __init__(self, cancel: _Cancel, tasks: Tasks) -> None:
        self._cancel = cancel
        self._tasks = tasks
        self._reader = StartupReader(limit=_REQUEST_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            packet = self._reader.feed(data)
        except ProtocolViolation:
            self._transport.abort()
            return
        if isinstance(packet, CancelRequest):
            self._tasks.start(self._deal_with(packet))
        elif packet is not None:
            self._transport.abort()  # nothing else is handed over

    async def _deal_with(self, request: CancelRequest) -> None:
        await self._cancel(request)
        self._transport.close()
