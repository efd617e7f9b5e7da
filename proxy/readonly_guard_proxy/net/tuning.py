"""How the kernel is asked to treat a TCP connection: small messages at once, and peers that are gone are found out.

When it says that something came is decided while a connection is used: `readonly_guard_proxy.net.gathering`.

A connection that is accepted begins with the options of the socket that listens (`accept(2)`, "inherited" on Linux and
the BSDs), so those are set there, once.
"""

from __future__ import annotations

import functools
import socket
from typing import Final

from readonly_guard.settings import TcpSettings

__all__ = ["is_tcp", "tune", "wake_at"]

_FAMILY: Final = int(socket.AF_INET)
_STREAM: Final = int(socket.SOCK_STREAM)
_TCP: Final = frozenset({socket.AF_INET, socket.AF_INET6})


def tune(shown: socket.socket | None, settings: TcpSettings) -> None:
    """Set a TCP socket's options.

    Args:
        shown: what the event loop shows of the socket of a connection or a server; None where it shows none any more.
        settings: what to set.
    """
    if shown is not None:
        _set(shown, _options(settings))


def is_tcp(shown: socket.socket | None) -> bool:
    """Whether it is one of TCP, which has these options."""
    return shown is not None and shown.family in _TCP


def wake_at(shown: socket.socket, size: int) -> None:
    """Have the event loop told that a TCP connection can be read once so many bytes are there, or it has ended.

    Setting it shows what is there already (Linux, `tcp_set_rcvlowat`). The kernel shows less by itself when its buffer
    has room for no more.

    Args:
        shown: as for :func:`tune`.
        size: in bytes; 1 is the system's default.
    """
    _set(shown, ((socket.SOL_SOCKET, socket.SO_RCVLOWAT, size),))


def _set(shown: socket.socket, options: tuple[tuple[int, int, int], ...]) -> None:
    # it may be no socket, but something that makes one for every option that it is given, and an enumeration's member
    # whenever it is asked for its family; options are set by the descriptor, whatever that is
    tuned = socket.socket(_FAMILY, _STREAM, socket.IPPROTO_TCP, shown.fileno())
    try:
        for level, option, value in options:
            tuned.setsockopt(level, option, value)
    finally:
        tuned.detach()  # it stays the loop's


@functools.lru_cache(maxsize=8)
def _options(settings: TcpSettings) -> tuple[tuple[int, int, int], ...]:
    wanted = (
        ("TCP_KEEPIDLE", settings.keepalive_idle_s),
        ("TCP_KEEPINTVL", settings.keepalive_interval_s),
        ("TCP_KEEPCNT", settings.keepalive_probes),
        ("TCP_USER_TIMEOUT", (settings.unacknowledged_s or 0) * 1000),  # 0 is the system's
    )
    return (
        # not every loop and socket does so by itself: 40 ms a round trip otherwise
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *(
            # macOS names some of them otherwise, and lacks the last
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in wanted
            if hasattr(socket, name)
        ),
    )
