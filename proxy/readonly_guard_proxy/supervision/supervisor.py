"""The supervisor: as many workers as wanted, each started again when it ends, slower each time it ends again soon.

A worker that ends costs its own sessions and nothing else: the others go on serving on the same port, and its records
are in its own chain, whose tail its successor repairs. One that keeps ending is reported, and the service is not ready.
One that hangs would keep waiting whom the system leads to it; it is ended once it showed no sign of life for a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from signal import Signals
from typing import Final

import structlog

from readonly_guard_proxy.lifecycle.life import SIGN_EVERY_S
from readonly_guard_proxy.supervision.place import Place
from readonly_guard_proxy.supervision.process import NotStartedError, WorkerProcess

__all__ = ["Seat", "Supervisor", "pause_s"]

_log = structlog.get_logger(__name__)

_WINDOW_S: Final = 60.0
_LOOP: Final = 5
"""So many ends within the window are a crash loop."""

_LOOKS: Final = 12
"""So many looks without a sign of life, and a worker hangs. Where the supervisor itself is halted, it does not look."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
_FAREWELL_S: Final = 15.0
"""Ten thousand sessions that are cut off at the deadline take a busy machine that long to record."""


class Seat:
    """A worker's place, whoever takes it.

    ``worker`` is the process that serves, None while there is none; ``restarts`` counts how often another took over.
    """

    def __init__(self, place: Place, clock: Callable[[], float]) -> None:
        self.place = place
        self.worker: WorkerProcess | None = None
        self.restarts = 0
        self._clock = clock
        self._ends: deque[float] = deque()

    def ended(self) -> int:
        """The process ended; gives how often that happened within the last minute."""
        self.worker = None
        self._ends.append(self._clock())
        return self._recent()

    @property
    def is_looping(self) -> bool:
        """Whether its workers keep ending."""
        return self._recent() >= _LOOP

    @property
    def fault(self) -> str:
        """What is wrong; empty when nothing is."""
        if self.is_looping:
            return f"keeps ending: {self._recent()} times within a minute; its last words are in the log"
        return "" if self.worker is not None else "is being started"

    def _recent(self) -> int:
        horizon = self._clock() - _WINDOW_S
        while self._ends and self._ends[0] < horizon:
            self._ends.popleft()
        return len(self._ends)


class Supervisor:
    """Keeps the workers.

    Args:
        command: starts a worker; its place is appended.
        places: of the workers.
        ended: told of the seat whose process has ended.
        clock: counts seconds.
        look_s: how often to look whether they are alive, in seconds; as often as they show it.
    """

    def __init__(
        self,
        command: Sequence[str],
        places: Sequence[Place],
        *,
        ended: Callable[[Seat], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        look_s: float = SIGN_EVERY_S,
    ) -> None:
        self._command = command
        self.seats = tuple(Seat(place, clock) for place in places)
        self._told = ended
        self._keepers: list[asyncio.Task[None]] = []
        self._look_s = look_s
        self._looking: asyncio.Task[None] | None = None
        self._reloads = 0
        self._is_stopping = False

    async def start(self) -> None:
        """Start all workers and wait until all serve.

        Raises:
            NotStartedError: one did not; the others have been ended.
            OSError: no process can be started.
        """
        # one alone at first: if it does not start, none would, and each would say why
        faults = await self._fill_all(self.seats[:1]) or await self._fill_all(self.seats[1:])
        if faults:
            await self._end_all(Signals.SIGKILL)
            raise faults[0]
        self._keepers = [asyncio.create_task(self._keep(seat)) for seat in self.seats]
        self._looking = asyncio.create_task(self._look())

    def reload(self) -> tuple[WorkerProcess, ...]:
        """Have every worker reload; one that is being started does so as soon as it serves: it may have read before.

        Returns:
            Those that were told now.
        """
        self._reloads += 1
        self._signal(Signals.SIGHUP)
        return tuple(self._workers())

    def keeps(self, worker: WorkerProcess) -> bool:
        """Whether a worker has not ended."""
        return worker in self._workers()

    def _signal(self, number: Signals) -> None:
        for worker in self._workers():
            worker.signal(number)

    async def stop(self, drain_s: float) -> None:
        """Have every worker let its statements finish, and end it.

        Args:
            drain_s: how long a worker may take for that; fifteen seconds later it is killed.
        """
        self._is_stopping = True
        if self._looking is not None:
            self._looking.cancel()
        for keeper, seat in zip(self._keepers, self.seats, strict=False):
            if seat.worker is None:
                keeper.cancel()
        if not self._keepers:  # not all serve yet, but some may have let clients in
            self._keepers = [asyncio.create_task(self._keep(seat)) for seat in self.seats if seat.worker is not None]
        self._signal(Signals.SIGTERM)
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=drain_s + _FAREWELL_S)
        late = [worker.pid for worker in self._workers()]
        if late:
            _log.warning("workers killed, which did not end in time", pids=late)
        await self._end_all(Signals.SIGKILL)

    def _workers(self) -> Iterator[WorkerProcess]:
        return (seat.worker for seat in self.seats if seat.worker is not None)

    async def _end_all(self, number: Signals) -> None:
        self._signal(number)
        await asyncio.gather(*(worker.ended() for worker in self._workers()))
        for seat in self.seats:
            seat.worker = None

    async def _fill_all(self, seats: Sequence[Seat]) -> list[BaseException]:
        started = await asyncio.gather(*map(self._fill, seats), return_exceptions=True)
        return [fault for fault in started if isinstance(fault, BaseException)]

    async def _fill(self, seat: Seat) -> None:
        reloads = self._reloads
        seat.worker = await WorkerProcess.start(self._command, seat.place)
        if self._reloads != reloads:
            seat.worker.signal(Signals.SIGHUP)
        _log.info("worker started", worker=seat.place.number, pid=seat.worker.pid)

    async def _keep(self, seat: Seat) -> None:
        while True:
            pid: int | None = None
            status: int | None = None
            if seat.worker is not None:
                pid, status = seat.worker.pid, await seat.worker.ended()
                if self._is_stopping:
                    seat.worker = None
                    return
            else:
                seat.restarts += 1
                try:
                    await self._fill(seat)
                    continue
                except NotStartedError as error:
                    status = error.status
                except OSError as error:
                    _log.error("no process can be started", worker=seat.place.number, reason=error.strerror)
            await self._pause(seat, pid, status)

    async def _look(self) -> None:
        """End who hangs; his seat is filled anew like any other."""
        while True:
            await asyncio.sleep(self._look_s)
            for seat in self.seats:
                worker = seat.worker
                if worker is not None and worker.look() > _LOOKS:
                    _log.error("worker hangs, and is ended", worker=seat.place.number, pid=worker.pid)
                    worker.signal(Signals.SIGKILL)

    async def _pause(self, seat: Seat, pid: int | None, status: int | None) -> None:
        ends = seat.ended()
        self._told(seat)
        tell, event = (_log.error, "worker keeps ending") if seat.is_looping else (_log.warning, "worker ended")
        wait_s = pause_s(ends)
        tell(event, worker=seat.place.number, pid=pid, status=status, ends=ends, again_in_s=wait_s)
        await asyncio.sleep(wait_s)


def pause_s(ends: int) -> float:
    """How long to wait before a worker is started again that has ended so often within a minute."""
    return min(_FIRST_PAUSE_S * 2.0 ** (ends - 1), _LONGEST_PAUSE_S)
