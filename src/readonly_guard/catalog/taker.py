"""The process that takes a snapshot for a guard that is busy: ``python -m readonly_guard.catalog.taker``.

A large catalog takes seconds of processor time, in which no session may wait. What is asked comes on standard input, so
that no password stands in the list of processes: a :class:`Request` in MessagePack. On standard output comes ``+`` and
the snapshot in MessagePack, or ``-`` and why there is none.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import msgspec

from readonly_guard.apart import ask_apart
from readonly_guard.catalog.capture import CatalogUnavailable, capture
from readonly_guard.catalog.snapshot import Snapshot

__all__ = ["Request", "take"]

_COMMAND: Final = ("-P", "-m", "readonly_guard.catalog.taker")
"""``-P``: nothing is imported from the directory that the guard happens to be started in."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Which catalog to take."""

    dsn: str
    timeout_s: float


async def take(dsn: str, *, timeout_s: float) -> Snapshot:
    """Take a snapshot in a process of its own.

    Raises:
        CatalogUnavailable: as :func:`readonly_guard.catalog.capture`, or the process failed.
    """
    try:
        said = await ask_apart(_COMMAND, msgspec.msgpack.encode(Request(dsn=dsn, timeout_s=timeout_s)))
    except OSError as error:
        raise CatalogUnavailable(f"the catalog cannot be read: {sys.executable}: {error.strerror}") from error
    try:
        if said[:1] == b"+":
            return msgspec.msgpack.decode(said[1:], type=Snapshot)
    except (msgspec.MsgspecError, RecursionError):
        said = b""
    raise CatalogUnavailable(said[1:].decode("utf-8", "replace") or "the process that read the catalog failed")


def _main() -> None:
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    try:
        answer = b"+" + msgspec.msgpack.encode(asyncio.run(capture(request.dsn, timeout_s=request.timeout_s)))
    except CatalogUnavailable as error:
        answer = b"-" + str(error).encode()
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    _main()
