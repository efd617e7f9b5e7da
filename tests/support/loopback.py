"""Ports on loopback, for servers that do not choose one themselves or keep theirs while they are down.

A port that the system chose for a probe is the system's to give to the next who asks: another test's listener, or the
near end of a connection. So these lie below those that it chooses from; whoever tests at the same time draws from there
as well, and seldom the same.
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Final

__all__ = ["free_port"]

_FIRST: Final = 10_000
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")  # Linux, ip(7)
_DYNAMIC: Final = 49_152
"""Where dynamic ports begin by RFC 6335, section 6; for other systems."""


def free_port() -> int:
    """A port on 127.0.0.1 that nothing uses, and that the system does not give away by itself."""
    until = int(_RANGE.read_text(encoding="ascii").split()[0]) if _RANGE.exists() else _DYNAMIC
    while True:
        # none of `random`'s, which Hypothesis sets to the same start in every process
        port = _FIRST + secrets.randbelow(until - _FIRST) if until > _FIRST else 0
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
