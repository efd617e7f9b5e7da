"""Whether the server would take a client now: asked as `pg_isready` asks, with a startup packet and nothing more.

A server takes connections long before it serves: while it starts, recovers or shuts down it answers 57P03, and without
a free place 53300. Any other answer, also one that asks for a password or refuses this user, comes from a server that
serves. It logs nothing of a client that leaves when it is asked for a password.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from readonly_guard.settings import UpstreamSettings
from readonly_guard_proxy.net.tls import fault_of
from readonly_guard_proxy.net.upstream import connect
from readonly_guard_proxy.wire.framing import FrameReader, ProtocolViolation
from readonly_guard_proxy.wire.messages import Backend, error_fields
from readonly_guard_proxy.wire.startup import startup_message

__all__ = ["knock"]

_VERSION: Final = 3 << 16
_MOST_BYTES: Final = 10_000
_ANSWERS: Final = bytes((Backend.AUTHENTICATION, Backend.ERROR))
_NOT_NOW: Final = {
    b"57P03": "the server takes no connections yet, or no more",
    b"53300": "the server has no place for one connection more",
}


async def knock(upstream: UpstreamSettings, context: ssl.SSLContext | None, user: str) -> str:
    """Knock once, as long as ``connect_timeout_s`` for the way there and once more for the answer.

    Args:
        upstream: where.
        context: for TLS, None for none.
        user: who is said to knock; need not exist.

    Returns:
        An empty text when the server serves, else what is wrong.
    """
    knocking = _Knocking()
    try:
        async with asyncio.timeout(upstream.connect_timeout_s):
            transport = await connect(upstream, context, lambda: knocking)
    except OSError as error:
        return f"the server cannot be reached ({type(error).__name__}: {fault_of(error)})"
    try:
        transport.write(startup_message(_VERSION, {"user": user, "database": "postgres"}))
        async with asyncio.timeout(upstream.connect_timeout_s):
            return await knocking.answer
    except TimeoutError:
        return "the server takes connections and does not answer"
    finally:
        transport.abort()


class _Knocking(asyncio.Protocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = FrameReader(kinds=_ANSWERS, limit=_MOST_BYTES)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                sqlstate = error_fields(message).get("C", b"") if message.kind == Backend.ERROR else b""
                self._settle(_NOT_NOW.get(sqlstate, ""))
            self._reader.check()
        except ProtocolViolation:
            self._settle("what answers there is no PostgreSQL server")

    def connection_lost(self, _exc: Exception | None) -> None:
        self._settle("the server left without an answer")

    def _settle(self, fault: str) -> None:
        if not self.answer.done():
            self.answer.set_result(fault)
