"""A worker as the pool sees it: a process, the socket to it, and at most one question with its deadline.

Here a worker is started, asked and ended. Which text it gets, and what follows when it is lost, is the pool's.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Final, Protocol, cast

import msgspec

from readonly_guard.domain import Analysis
from readonly_guard.sql import Scanned
from readonly_guard_proxy.reading.exchange import READY, Answer, NotAFrameError, Question, frame, take

__all__ = ["ENDED", "LATE", "MALFORMED", "Owner", "WorkerNotStartedError", "WorkerProcess"]

ENDED: Final = "the process that read it ended"
LATE: Final = "could not be read in time"
MALFORMED: Final = "the process that read it gave no usable answer"

_COMMAND: Final = ("-P", "-m", "readonly_guard_proxy.reading.worker")
"""``-P``: nothing is imported from the directory that the proxy happens to be started in."""

_START_S: Final = 30.0
"""Starting takes half a second of processor time; a machine that boots may be slow."""

_LOOK_AGAIN_S: Final = 0.005
_GONE_S: Final = 5.0
"""A killed process is gone in milliseconds, unless the kernel itself hangs."""


class WorkerNotStartedError(Exception):
    """A worker could not be started; the text says why."""


class Owner(Protocol):
    """Whom a worker tells."""

    def answered(self, worker: WorkerProcess, analysis: Analysis) -> None:
        """The question was answered; the worker waits for the next."""
        ...

    def lost(self, worker: WorkerProcess, why: str) -> None:
        """The worker is no more; said once. ``why`` is one of this module's constants."""
        ...


class WorkerProcess(asyncio.Protocol):
    """A worker.

    Args:
        owner: is told of answers and of the end, once :meth:`start` has returned.
        deadline_s: how many seconds a text may take before the process is killed.
    """

    def __init__(self, owner: Owner, deadline_s: float) -> None:
        self._owner = owner
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._received = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Answer)
        self._encoder = msgspec.msgpack.Encoder()
        self._number = 0
        self._deadline: asyncio.TimerHandle | None = None  # there is one while a question is open
        self._has_started = False
        self._is_over = False

    async def start(self, instructions: bytes) -> None:
        """Start the process and wait until it can read.

        Args:
            instructions: an encoded :class:`readonly_guard_proxy.reading.exchange.Instructions`.

        Raises:
            WorkerNotStartedError: it could not be started, or ended, or was not ready within half a minute.
        """
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = _launch(theirs, ours)
        except OSError as error:
            raise WorkerNotStartedError(f"{sys.executable}: {error.strerror}") from error
        try:
            async with asyncio.timeout(_START_S):
                await self._loop.create_unix_connection(lambda: self, sock=ours)
                self._write(instructions)
                await self._ready
        except TimeoutError:
            self.end(LATE)
        except BaseException:
            self.end(ENDED)
            await self.gone()
            raise
        if self._is_over:
            status = await self.gone()
            command = " ".join((sys.executable, *_COMMAND))
            raise WorkerNotStartedError(f"it was not ready, and ended with status {status}; `{command}` shows more")
        self._has_started = True

    @property
    def pid(self) -> int:
        """The process's."""
        return self._process.pid

    def ask(self, text: str, scanned: Scanned | None = None) -> None:
        """Have a text read; the owner hears of the answer, or of the end.

        Args:
            text: to be read.
            scanned: the same text, if it is known to be within the bounds.
        """
        self._number += 1
        self._deadline = self._loop.call_later(self._deadline_s, self.end, LATE)
        if scanned is None:
            question = Question(number=self._number, text=text.encode("utf-8", "surrogatepass"))
        else:
            question = Question(number=self._number, text=scanned.text, tokens=scanned.tokens)
        self._write(self._encoder.encode(question))

    def end(self, why: str) -> None:
        """Kill the process, whatever it does; nothing in it is worth waiting for."""
        if self._is_over:
            return
        self._is_over = True
        self._process.kill()
        if self._transport is not None:
            self._transport.abort()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._has_started:
            self._owner.lost(self, why)
        elif not self._ready.done():
            self._ready.set_result(None)

    async def gone(self) -> int | None:
        """Wait until the process has gone; its exit status, negative for a signal, or None when it will not go."""
        give_up = self._loop.time() + _GONE_S
        while (status := self._process.poll()) is None and self._loop.time() < give_up:  # noqa: ASYNC110  no event tells
            await asyncio.sleep(_LOOK_AGAIN_S)
        return status

    # ------------------------------------------------------------------ from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is the event loop's now."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        if self._is_over:
            return
        self._received += data
        try:
            body = take(self._received)
            analysis = None if body is None else self._hear(body)
        except (NotAFrameError, msgspec.MsgspecError, ValueError, RecursionError):
            self.end(MALFORMED)
            return
        if analysis is not None:
            self._owner.answered(self, analysis)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The process ended, or closed its side, which comes to the same."""
        self.end(ENDED)

    def _hear(self, body: bytes) -> Analysis | None:
        if not self._ready.done():
            if body != READY:
                raise NotAFrameError
            self._ready.set_result(None)
            return None
        answer = self._decoder.decode(body)
        if self._deadline is None or answer.number != self._number:
            raise NotAFrameError
        self._deadline.cancel()
        self._deadline = None
        return answer.analysis

    def _write(self, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame(body))


def _launch(theirs: socket.socket, ours: socket.socket) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, *_COMMAND],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,  # a library that aborts may quote the text
            process_group=0,  # the terminal's Ctrl-C is for the proxy
        )
    except OSError:
        ours.close()
        raise
