"""The status of several workers as one, asked of real admin listeners."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import pytest

from readonly_guard.settings import AdminSettings, JournalSettings, Settings, UpstreamSettings
from readonly_guard_proxy.admin.readiness import Report
from readonly_guard_proxy.admin.server import serving
from readonly_guard_proxy.admin.status import Status
from readonly_guard_proxy.metrics.figures import Figures
from readonly_guard_proxy.supervision.gathered import GatheredStatus
from readonly_guard_proxy.supervision.place import Place
from readonly_guard_proxy.supervision.supervisor import Supervisor

_SERVES = "import signal; print('listening', flush=True); signal.pause()"


class _Told:
    """A worker's status, as the test has it."""

    def __init__(self, allowed: int) -> None:
        self.checks = {"log": ""}
        self.figures = Figures(
            workers=1, decisions={"allow": {"": allowed}}, sessions_open=3, policy_revisions={"r1": 1}, log_records=7
        )

    async def readiness(self) -> Report:
        return Report(ready=not any(self.checks.values()), checks=self.checks)

    async def status(self) -> Status:
        return Status(
            version="1",
            listening="x",
            upstream="y",
            uptime_s=1.0,
            readiness=await self.readiness(),
            log_free_bytes=1,
            figures=self.figures,
        )


@pytest.fixture
async def service(tmp_path):
    """Two workers that are alive, and what each tells."""
    places = [Place(number=number, count=2, port=1, directory=str(tmp_path), room=10) for number in (1, 2)]
    told = [_Told(10), _Told(20)]
    supervisor = Supervisor([sys.executable, "-c", _SERVES], places, ended=lambda seat: gathered.ended(seat))  # noqa: PLW0108  made below
    settings = Settings(upstream=UpstreamSettings(host="h"), journal=JournalSettings(path=str(tmp_path)))
    gathered = GatheredStatus(settings, port=1, seats=supervisor.seats)
    await supervisor.start()
    async with contextlib.AsyncExitStack() as stack:
        for place, one in zip(places, told, strict=True):
            await stack.enter_async_context(serving(AdminSettings(socket=place.admin_socket), one))
        yield gathered, told, supervisor
    await supervisor.stop(1.0)


async def test_figures_add_up(service):
    gathered, _, _ = service
    status = await gathered.status()
    assert status.readiness == Report(ready=True, checks={"worker-1": "", "worker-2": ""})
    assert (status.figures.workers, status.figures.sessions_open) == (2, 6)
    assert status.figures.decisions == {"allow": {"": 30}}
    assert status.figures.policy_revisions == {"r1": 2}
    assert status.log_free_bytes > 1


async def test_one_that_is_not_ready_is_named_and_the_other_serves(service):
    gathered, told, _ = service
    told[1].checks = {"log": "No space left on device"}
    report = await gathered.readiness()
    assert report.ready
    assert report.checks["worker-2: log"] == "No space left on device"
    told[0].checks = {"server": "gone"}
    assert not (await gathered.readiness()).ready


async def test_a_counter_never_falls_when_a_worker_is_replaced(service):
    gathered, told, supervisor = service
    await gathered.status()
    seat = supervisor.seats[0]
    pid = seat.worker.pid
    told[0].figures = Figures(workers=1, decisions={"allow": {"": 1}}, policy_revisions={"r1": 1})
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while seat.worker is None or seat.worker.pid == pid:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    status = await gathered.status()
    assert status.figures.decisions == {"allow": {"": 31}}
    assert status.figures.log_records == 14
    assert status.figures.sessions_open == 3  # those of the one that is gone are gone
    assert status.figures.worker_restarts == 1


async def test_one_that_keeps_ending_makes_the_service_unready_though_the_other_serves(service):
    gathered, _, supervisor = service
    seat = supervisor.seats[0]
    worker = seat.worker
    for _ in range(5):
        seat.ended()
    seat.worker = worker
    report = await gathered.readiness()
    assert not report.ready
    assert report.checks["worker-1"].startswith("keeps ending: 5 times within a minute")
    assert report.checks["worker-2"] == ""


async def test_one_that_does_not_answer_and_the_end(service, tmp_path):
    gathered, _, _ = service
    (tmp_path / "worker-2-admin.sock").unlink()
    report = await gathered.readiness()
    assert (report.ready, report.checks["worker-2"]) == (True, "does not answer")
    gathered.stopping("the guard is shutting down")
    assert await gathered.readiness() == Report(ready=False, checks={"running": "the guard is shutting down"})
