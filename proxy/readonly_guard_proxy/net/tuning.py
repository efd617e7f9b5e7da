"""How the kernel is asked to treat a TCP connection: small messages at once, and peers that are gone are found out."""

from __future__ import annotations

import asyncio
import socket

from readonly_guard.settings import TcpSettings

__all__ = ["tune"]


def tune(transport: asyncio.BaseTransport, settings: TcpSettings) -> None:
    """Set a connection's options; a unix socket has none of them."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    # not every loop and socket does so by itself: 40 ms a round trip otherwise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", settings.keepalive_idle_s),
        ("TCP_KEEPINTVL", settings.keepalive_interval_s),
        ("TCP_KEEPCNT", settings.keepalive_probes),
        ("TCP_USER_TIMEOUT", None if settings.unacknowledged_s is None else settings.unacknowledged_s * 1000),
    ):
        number = getattr(socket, option, None)  # macOS names some of them otherwise, and lacks the last
        if value is not None and number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)
