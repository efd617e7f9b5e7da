"""The pool: texts in, analyses out, and a fixed number of workers that are replaced when they are lost.

A worker has so much time for a text; then it is killed. A text is given to one worker once: what has cost a worker is
denied (RG-T04), not tried on the next. How long a text may wait for a worker is bounded, too, and how many may: what is
denied for that (RG-SYS-004) was not at fault itself, and may be sent again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import structlog

from readonly_guard.domain import Analysis, core_reason
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Bounds, Scanned
from readonly_guard_proxy.reading.exchange import Instructions
from readonly_guard_proxy.reading.process import ENDED, WorkerProcess

__all__ = ["ReadingPool"]

_log = structlog.get_logger(__name__)

_CROWDED: Final = "too many others wait to be read"
_IMPATIENT: Final = "its turn did not come in time"
_CLOSED: Final = "the guard is shutting down"

_WAITING: Final = 1_000
"""How many texts may wait; as many as there may be connections by default, each of which waits with one at most."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0


class _Job:
    """A text, for whomever waits for it."""

    def __init__(
        self, text: str, scanned: Scanned | None, answer: asyncio.Future[Analysis], patience: asyncio.TimerHandle
    ) -> None:
        self.text = text
        self.scanned = scanned
        self.answer = answer
        self.patience = patience

    def settle(self, analysis: Analysis) -> None:
        if not self.answer.done():
            self.answer.set_result(analysis)


class ReadingPool:
    """Reads texts in worker processes; a :class:`readonly_guard.texts.Reader`. Use as an asynchronous context.

    Args:
        rules: as for :class:`readonly_guard.Analyzer`, and the same as the guard's.
        bounds: likewise.
        workers: how many processes, at least one.
        deadline_s: within how many seconds of its turn a text is read, or denied with RG-T04.
        patience_s: within how many seconds its turn comes, or it is denied with RG-SYS-004.
        waiting: how many texts may wait; beyond, RG-SYS-004 at once.
    """

    def __init__(
        self,
        rules: ReadingSettings,
        bounds: Bounds,
        *,
        workers: int = 2,
        deadline_s: float = 1.0,
        patience_s: float = 10.0,
        waiting: int = _WAITING,
    ) -> None:
        self._instructions = msgspec.msgpack.encode(Instructions(rules=rules, bounds=bounds, longest_s=2 * deadline_s))
        self._size = workers
        self._deadline_s = deadline_s
        self._patience_s = patience_s
        self._most_waiting = waiting
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._waiting: OrderedDict[str, _Job] = OrderedDict()
        self._reading: dict[WorkerProcess, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers' process ids."""
        return tuple(worker.pid for worker in self._workers)

    async def start(self) -> None:
        """Start all workers, and wait until they can read.

        Raises:
            ConfigurationError: one could not be started.
        """
        try:
            started = await asyncio.gather(*(self._add_worker() for _ in range(self._size)), return_exceptions=True)
        except BaseException:
            await self.aclose()
            raise
        faults = [fault for fault in started if isinstance(fault, BaseException)]
        if faults:
            await self.aclose()
            raise ConfigurationError(
                f"reading.workers: a process that reads statements cannot be started: {faults[0]}; "
                "workers = 0 reads in the proxy's own process, where a parser that hangs stops every session"
            ) from faults[0]
        _log.info("reading workers started", pids=self.pids)

    async def aclose(self) -> None:
        """Deny what waits or is read, end the workers and wait until they are gone."""
        self._is_closed = True
        for job in (*self._waiting.values(), *self._reading.values()):
            job.patience.cancel()
            job.settle(_busy(_CLOSED))
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        workers = tuple(self._workers)
        for worker in workers:
            worker.end(ENDED)
        await asyncio.gather(*(worker.gone() for worker in workers))

    async def read(self, text: str, scanned: Scanned | None = None) -> Analysis:
        """As :meth:`readonly_guard.Analyzer.read`, in a worker; RG-T04 when it has not answered at the deadline."""
        if self._is_closed:
            return _busy(_CLOSED)
        job = self._under_way(text)
        if job is None:
            if len(self._waiting) >= self._most_waiting:
                return _busy(_CROWDED)
            job = self._take_on(text, scanned)
        # others may wait for the same answer when this one's session ends
        return await asyncio.shield(job.answer)

    def _under_way(self, text: str) -> _Job | None:
        job = self._waiting.get(text)
        if job is not None:
            return job
        return next((job for job in self._reading.values() if job.text == text and not job.answer.done()), None)

    def _take_on(self, text: str, scanned: Scanned | None) -> _Job:
        loop = asyncio.get_running_loop()
        patience = loop.call_later(self._patience_s, self._give_up, text)
        job = self._waiting[text] = _Job(text, scanned, loop.create_future(), patience)
        self._hand_out()
        return job

    def _give_up(self, text: str) -> None:
        self._waiting.pop(text).settle(_busy(_IMPATIENT))

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            worker = self._idle.pop()  # the last to have answered: what it reads with is still at hand
            _, job = self._waiting.popitem(last=False)
            job.patience.cancel()
            self._reading[worker] = job
            worker.ask(job.text, job.scanned)

    # ------------------------------------------------------------------ the workers' owner

    def answered(self, worker: WorkerProcess, analysis: Analysis) -> None:
        """A worker has read its text."""
        self._reading.pop(worker).settle(analysis)
        self._idle.append(worker)
        self._hand_out()

    def lost(self, worker: WorkerProcess, why: str) -> None:
        """A worker is no more: its text is denied, and another takes its place."""
        job = self._reading.pop(worker, None)
        if job is not None:
            job.settle(_unread(why))
        else:
            self._idle.remove(worker)
        if not self._is_closed:
            self._run(self._replace(worker, why))

    async def _replace(self, lost: WorkerProcess, why: str) -> None:
        status = await lost.gone()
        self._workers.discard(lost)
        _log.warning("reading worker lost", pid=lost.pid, why=why, status=status)
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._add_worker()
            except Exception as error:  # noqa: BLE001  whatever it is, the place may not stay empty
                _log.error("reading worker not started", reason=str(error), again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _add_worker(self) -> None:
        worker = WorkerProcess(self, self._deadline_s)
        await worker.start(self._instructions)
        self._workers.add(worker)
        self._idle.append(worker)
        self._hand_out()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)  # the loop itself would hold it only weakly
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _unread(what: str) -> Analysis:
    return Analysis(reasons=(core_reason("RG-T04", what),))


def _busy(what: str) -> Analysis:
    return Analysis(reasons=(core_reason("RG-SYS-004", what),))
