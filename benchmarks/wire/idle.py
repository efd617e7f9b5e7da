"""Idle sessions: so many logged in through a way, and what its processes hold before and after."""

from __future__ import annotations

import contextlib
import time
from typing import Final

import msgspec
import psycopg

from benchmarks.wire.routes import Route

__all__ = ["Idle", "idle_sessions"]

_SETTLE_S: Final = 0.5


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """What idle sessions cost a proxy. Bytes, proportional set size."""

    route: str
    sessions: int
    process_bytes: int
    session_bytes: float


def idle_sessions(route: Route, conninfo: str, sessions: int) -> Idle:
    """Open them, look, and close them.

    Args:
        route: a way with a proxy.
        conninfo: of libpq, without host and port.
        sessions: how many.
    """
    with contextlib.ExitStack() as stack:
        # the first sessions make what all share: caches, pools of connections and threads
        for _ in range(4):
            psycopg.connect(f"{conninfo} port={route.port}").close()
        time.sleep(_SETTLE_S)
        before = route.memory_bytes()
        for _ in range(sessions):
            stack.enter_context(contextlib.closing(psycopg.connect(f"{conninfo} port={route.port}")))
        time.sleep(_SETTLE_S)
        after = route.memory_bytes()
    return Idle(route=route.name, sessions=sessions, process_bytes=before, session_bytes=(after - before) / sessions)
