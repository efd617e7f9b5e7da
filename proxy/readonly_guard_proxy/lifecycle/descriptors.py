"""File descriptors: a session needs two, and a process is given few unless it asks for more."""

from __future__ import annotations

import resource
from typing import Final

import structlog

__all__ = ["provide"]

_log = structlog.get_logger(__name__)
_A_SESSION: Final = 2
_OWN: Final = 64
"""For the journal, listeners, processes that read texts, and what libraries keep open."""


def provide(sessions: int) -> int:
    """Ask the system for as many descriptors as so many sessions need, and say so when it gives fewer.

    Returns:
        How many sessions there is room for.
    """
    wanted = sessions * _A_SESSION + _OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return sessions
    room = max(0, (soft - _OWN) // _A_SESSION)
    _log.warning(
        "too few file descriptors for limits.connections; raise LimitNOFILE (systemd) or ulimit -n",
        connections=sessions,
        room_for=room,
        descriptors=soft,
        needed=wanted,
    )
    return room
