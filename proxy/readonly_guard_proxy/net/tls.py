"""TLS on a connection that stands already, and what came to light in it."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from typing import Any, Final, Protocol, cast

from readonly_guard.domain import Certificate
from readonly_guard_proxy.net.certificates import ALPN

__all__ = ["FAREWELL_S", "HANDSHAKE", "certificate_of", "fault_of", "has_alpn", "is_encrypted", "receive_tls"]

HANDSHAKE: Final = b"\x16"
"""The first byte of a ClientHello (RFC 8446, 5.1); no startup packet begins with it."""

FAREWELL_S: Final = 2.0
"""How long the other side may take to answer the end of TLS."""


class _Fed(Protocol):
    """`asyncio.BufferedProtocol`, which the TLS protocol of either event loop is."""

    def get_buffer(self, sizehint: int, /) -> memoryview: ...

    def buffer_updated(self, nbytes: int, /) -> None: ...


async def receive_tls(
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    *,
    hello: bytes = b"",
    timeout_s: float,
) -> asyncio.Transport:
    """Be the server in a TLS handshake.

    The protocol may be given decrypted data before this returns, when it does not have the transport yet to answer on:
    it must keep that data until then.

    Args:
        transport: not read since it was paused, whose next bytes are the handshake's.
        protocol: of the transport; it stays the protocol.
        context: certificate, key and rules.
        hello: the beginning of the handshake where it has been read already.
        timeout_s: for the handshake.

    Raises:
        OSError: no handshake came about; `fault_of` says why.
    """
    loop = asyncio.get_running_loop()
    handshake = loop.create_task(
        loop.start_tls(
            transport,
            protocol,
            context,
            server_side=True,
            ssl_handshake_timeout=timeout_s,
            ssl_shutdown_timeout=FAREWELL_S,
        )
    )
    try:
        if hello:
            await _feed(transport, protocol, hello)
        secured = await handshake
    finally:
        handshake.cancel()
    if secured is None:
        raise ConnectionResetError("the client left during the handshake")
    return secured


async def _feed(transport: asyncio.Transport, protocol: asyncio.Protocol, hello: bytes) -> None:
    # start_tls takes no bytes that were read before it. It exchanges the protocol in its first step and has the
    # transport read again in the second; between that and the next look at the socket these bytes come first.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    fed = transport.get_protocol()
    if fed is protocol or transport.is_closing():
        raise ConnectionResetError("the client left during the handshake")
    taker, rest = cast("_Fed", fed), memoryview(hello)
    while rest:
        buffer = taker.get_buffer(len(rest))
        size = min(len(buffer), len(rest))
        buffer[:size] = rest[:size]
        taker.buffer_updated(size)
        rest = rest[size:]


def is_encrypted(transport: asyncio.BaseTransport) -> bool:
    """Whether what the transport sends goes through TLS."""
    return transport.get_extra_info("ssl_object") is not None


def has_alpn(transport: asyncio.BaseTransport) -> bool:
    """Whether the handshake agreed on PostgreSQL's protocol: nobody led a client here that meant to speak another."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    return tls is not None and tls.selected_alpn_protocol() == ALPN


def certificate_of(transport: asyncio.BaseTransport) -> Certificate | None:
    """The certificate that the client showed and proved to hold the key of; it was verified in the handshake."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    raw = None if tls is None else tls.getpeercert(binary_form=True)
    if tls is None or raw is None:
        return None
    told = tls.getpeercert()
    if not told:  # shown, but nobody had to verify it
        return None
    return Certificate(
        subject=_attributes(told["subject"]),
        issuer=_attributes(told["issuer"]),
        fingerprint=hashlib.sha256(raw).hexdigest(),
    )


def _attributes(name: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(value)) for relative in name for key, value in relative)


def fault_of(error: OSError) -> str:
    """Why a connection or a handshake did not come about: in OpenSSL's words, in ours, or the system's."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate verify failed: {error.verify_message}"
        case ssl.SSLError() if error.reason:
            return error.reason.lower().replace("_", " ")
        case TimeoutError():
            return "it took too long"
        case ConnectionError() if error.errno is None and error.args:
            return str(error)
        case _:
            return error.strerror or type(error).__name__
