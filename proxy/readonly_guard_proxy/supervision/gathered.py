"""The status of all workers as one: figures add up, and whoever asks need not know how many there are.

What a worker had counted when it ended is kept, so that a counter never falls while another process takes its place.
"""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from readonly_guard.settings import Settings
from readonly_guard_proxy.admin.readiness import Report
from readonly_guard_proxy.admin.status import Status, free_bytes
from readonly_guard_proxy.metrics.figures import Figures, total
from readonly_guard_proxy.supervision.supervisor import Seat

__all__ = ["GatheredStatus"]

_PATIENCE_S: Final = 6.0
"""A worker's own checks give up after five seconds, and say so."""


class GatheredStatus:
    """A `readonly_guard_proxy.admin.status.StatusSource` of all workers.

    Args:
        settings: of the service.
        port: that clients connect to.
        seats: of the workers.
    """

    def __init__(self, settings: Settings, *, port: int, seats: tuple[Seat, ...]) -> None:
        self._settings = settings
        self._listening = f"{settings.listener.host}:{port}"
        self._seats = seats
        self._since = time.monotonic()
        self._last: dict[int, Figures] = {}
        self._gone: list[Figures] = []
        self._stopping = ""

    def stopping(self, why: str) -> None:
        """From now on not ready."""
        self._stopping = why

    def ended(self, seat: Seat) -> None:
        """A worker ended: keep what it is known to have counted."""
        last = self._last.pop(seat.place.number, None)
        if last is not None:
            self._gone = [total([*self._gone, last.of_the_past()])]

    async def readiness(self) -> Report:
        """Ready when a worker serves and none keeps ending; checks that failed are named with their worker."""
        return (await self.status()).readiness

    async def status(self) -> Status:
        """Ask all workers at once."""
        answers = await asyncio.gather(*map(self._ask, self._seats))
        restarts = Figures(worker_restarts=sum(seat.restarts for seat in self._seats))
        upstream = self._settings.upstream
        return Status(
            version=version("readonly-guard"),
            listening=self._listening,
            upstream=f"{upstream.host}:{upstream.port}",
            uptime_s=time.monotonic() - self._since,
            readiness=self._judge(answers),
            log_free_bytes=free_bytes(Path(self._settings.journal.path)),
            figures=total([*self._gone, restarts, *(answer.figures for answer in answers if answer is not None)]),
        )

    def _judge(self, answers: list[Status | None]) -> Report:
        if self._stopping:
            return Report(ready=False, checks={"running": self._stopping})
        checks: dict[str, str] = {}
        for seat, answer in zip(self._seats, answers, strict=True):
            fault = seat.fault or ("" if answer is not None else "does not answer")
            checks[seat.place.name] = fault
            if answer is not None:
                said = answer.readiness.checks.items()
                checks.update({f"{seat.place.name}: {name}": text for name, text in said if text})
        serves = any(answer is not None and answer.readiness.ready for answer in answers)
        return Report(ready=serves and not any(seat.is_looping for seat in self._seats), checks=checks)

    async def _ask(self, seat: Seat) -> Status | None:
        asked = seat.worker
        if asked is None:
            return None
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(path=seat.place.admin_socket),
                    timeout=aiohttp.ClientTimeout(total=_PATIENCE_S),
                    raise_for_status=True,
                ) as session,
                session.get("http://localhost/status") as response,
            ):
                answer = msgspec.json.decode(await response.read(), type=Status)
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError):
            return None
        if seat.worker is asked:  # else its successor has begun from nothing
            self._last[seat.place.number] = answer.figures
        return answer
