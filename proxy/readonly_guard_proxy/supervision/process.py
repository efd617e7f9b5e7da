"""One worker process: started, ready, signalled, ended. What follows from its end is the supervisor's business.

Its standard input and output are one socket to the supervisor. The worker says on it that it serves, and from then on
that it is alive (`readonly_guard_proxy.lifecycle.life`); each side learns of the other's end by the socket's, whatever
that end was. No child watcher is needed, of which every event loop has another.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import Sequence
from signal import Signals
from typing import Final, Self

from readonly_guard_proxy.supervision.place import Place

__all__ = ["NotStartedError", "WorkerProcess"]

_START_S: Final = 60.0
"""Importing takes a second of processor time, and so may the policies; a machine that boots has many who want some."""

_LOOK_AGAIN_S: Final = 0.005


class NotStartedError(Exception):
    """A worker ended, or said nothing, before it served; ``status`` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"ended with status {status} before it served")
        self.status = status


class WorkerProcess(asyncio.Protocol):
    """A worker that serves. Make one with :meth:`start`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self._process = process
        self._serves: asyncio.Future[bool] = loop.create_future()
        self._left: asyncio.Future[None] = loop.create_future()
        self._looks = 0

    @classmethod
    async def start(cls, command: Sequence[str], place: Place) -> Self:
        """Start a process and wait until it serves.

        Raises:
            NotStartedError: it ended instead, or took more than a minute; what it said is on standard error.
            OSError: no process can be started.
        """
        ours, process = _launch(
            [*command, *map(str, (place.number, place.count, place.port, place.directory, place.room))]
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_S):
                await asyncio.get_running_loop().create_unix_connection(lambda: worker, sock=ours)
                if await worker._serves:
                    return worker
        except TimeoutError:
            pass
        except BaseException:
            worker.signal(Signals.SIGKILL)
            process.wait()  # a moment, and nobody waits for anything else: the start was given up
            raise
        worker.signal(Signals.SIGKILL)
        raise NotStartedError(await worker.ended())

    @property
    def pid(self) -> int:
        """The process's."""
        return self._process.pid

    def signal(self, number: Signals) -> None:
        """Send a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        await asyncio.shield(self._left)  # several may wait
        while (status := self._process.poll()) is None:  # noqa: ASYNC110  it has let go of us, and is gone in a moment
            await asyncio.sleep(_LOOK_AGAIN_S)
        return status

    def look(self) -> int:
        """How often it has been looked at in a row, this time included, without a sign of life between."""
        self._looks += 1
        return self._looks

    # ------------------------------------------------------------------ from the transport

    def data_received(self, _data: bytes) -> None:
        """It serves, and is alive."""
        self._looks = 0
        if not self._serves.done():
            self._serves.set_result(True)

    def connection_lost(self, _exc: Exception | None) -> None:
        """It ended."""
        if not self._serves.done():
            self._serves.set_result(False)
        self._left.set_result(None)


def _launch(command: list[str]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            return ours, subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                process_group=0,  # the terminal's Ctrl-C is for the supervisor
            )
    except OSError:
        ours.close()
        raise
