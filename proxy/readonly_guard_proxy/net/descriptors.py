"""File descriptors: a session needs two, a client on its way in one, and a process is given few unless it asks.

Whoever connects takes one before anybody knows who he is, so no connection ever gets one of the last: the log needs one
for each new segment, and if it had none, everything would be denied to everybody. The system gives the lowest number
that is free (POSIX, 2.14), so a high number tells that those below it are taken.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from typing import Final, NamedTuple

import structlog

__all__ = ["ON_THE_WAY_IN", "Descriptors", "provide"]

ON_THE_WAY_IN: Final = 1_024
"""So many clients may be connected beside the sessions, and as many may be accepted before the first is looked at."""

_log = structlog.get_logger(__name__)
_A_SESSION: Final = 2
_OWN: Final = 64
"""For the journal, listeners, processes that read texts, and what libraries keep open."""


class Descriptors(NamedTuple):
    """What a process has.

    Args:
        sessions: how many there is room for.
        end: the first number that no connection may keep.
    """

    sessions: int
    end: int

    def are_scarce(self, transport: asyncio.BaseTransport) -> bool:
        """Whether a connection has got one of those that are kept for other things."""
        shown = transport.get_extra_info("socket")
        return shown is not None and shown.fileno() >= self.end


def provide(sessions: int) -> Descriptors:
    """Ask the system for as many descriptors as so many sessions need, and say so when it gives fewer."""
    wanted = sessions * _A_SESSION + 2 * ON_THE_WAY_IN + _OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft == resource.RLIM_INFINITY:
        return Descriptors(sessions, sys.maxsize)
    left = max(0, soft - _OWN)
    end = left - min(ON_THE_WAY_IN, left // 4)  # many may be accepted before the first of them is looked at
    room = min(sessions, end // _A_SESSION)
    if room < sessions:
        _log.warning(
            "too few file descriptors for limits.connections; raise LimitNOFILE (systemd) or ulimit -n",
            connections=sessions,
            room_for=room,
            descriptors=soft,
            needed=wanted,
        )
    return Descriptors(room, end)
