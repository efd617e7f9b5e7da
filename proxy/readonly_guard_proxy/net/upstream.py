"""Connections to the guarded server, over TCP or a unix socket, encrypted or not.

TLS is asked for in-band, which every server understands: an SSLRequest, and one byte for an answer. Whatever else comes
before the handshake was sent in clear text, by anybody: it is neither believed nor shown to a client (CVE-2021-23222,
CVE-2024-10977).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from readonly_guard.settings import UpstreamSettings
from readonly_guard_proxy.net.tls import FAREWELL_S
from readonly_guard_proxy.net.tuning import tune
from readonly_guard_proxy.wire.startup import ssl_request

__all__ = ["connect", "connect_socket"]

_YES: Final = b"S"
_NO: Final = b"N"


async def connect(
    upstream: UpstreamSettings, context: ssl.SSLContext | None, factory: Callable[[], asyncio.Protocol]
) -> asyncio.Transport:
    """Connect to the server, ready for a startup packet.

    It may take for ever: ``connect_timeout_s`` is kept by whoever calls this, who can do it for many at once.

    Args:
        upstream: where.
        context: for TLS, as `readonly_guard_proxy.net.credentials.Credentials` has it; None for none.
        factory: makes the protocol, which is told of its transport (``connection_made``) when it can be used.

    Raises:
        OSError: it cannot be reached or does not do TLS as it must.
    """
    if context is None:
        return await connect_socket(upstream, factory)
    asking, protocol = _Asking(), factory()
    transport = await connect_socket(upstream, lambda: asking)
    try:
        transport.write(ssl_request())
        _judge_answer(await asking.answer)
        secured = await asyncio.get_running_loop().start_tls(
            transport,
            protocol,
            context,
            server_hostname=upstream.host,
            ssl_handshake_timeout=upstream.connect_timeout_s,
            ssl_shutdown_timeout=FAREWELL_S,
        )
    except BaseException:
        transport.abort()
        raise
    if secured is None:
        raise ConnectionResetError("the server left during the TLS handshake")
    protocol.connection_made(secured)
    return secured


async def connect_socket(upstream: UpstreamSettings, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
    """Connect and say nothing yet.

    Args:
        upstream: where; a ``host`` that starts with ``/`` is the directory of the socket ``.s.PGSQL.<port>``.
        factory: makes the protocol.

    Raises:
        OSError: it cannot be reached.
    """
    loop = asyncio.get_running_loop()
    transport: asyncio.Transport
    if upstream.is_socket:
        path = f"{upstream.host}/.s.PGSQL.{upstream.port}"
        transport, _ = await loop.create_unix_connection(factory, path)
    else:
        try:
            transport, _ = await loop.create_connection(factory, upstream.host, upstream.port)
        except UnicodeError:  # db..internal, which the resolver is not even asked for
            raise ConnectionError("upstream.host is no name that a host can have") from None
        tune(transport.get_extra_info("socket"), upstream.tcp)
    return transport


def _judge_answer(answer: bytes) -> None:
    if answer == _NO:
        raise ConnectionRefusedError("the server does not take TLS; switch on ssl there, or set upstream.tls.mode")
    if answer != _YES:
        raise ConnectionAbortedError("the server answered the wish for TLS with something else")


class _Asking(asyncio.Protocol):
    """Waits for the answer to an SSLRequest."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectionResetError("the server left without an answer to the wish for TLS"))
