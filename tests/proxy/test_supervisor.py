"""The supervisor with small programs for workers: started, ended, restarted, looping, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import JournalSettings, LimitSettings, ListenerSettings, Settings, UpstreamSettings
from readonly_guard_proxy.supervision.place import Place, as_worker, reserve
from readonly_guard_proxy.supervision.process import NotStartedError
from readonly_guard_proxy.supervision.supervisor import Seat, Supervisor, pause_s

_SERVES = "import sys, signal; print('listening', flush=True); signal.pause()"
_STUBBORN = (
    "import sys, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True)\nwhile 1: signal.pause()"
)
_TELLS_OF_RELOADS = """
import pathlib, signal, sys, time
place = pathlib.Path(sys.argv[4])
signal.signal(signal.SIGHUP, lambda *_: (place / "reloaded").touch())
(place / "starting").touch()
while not (place / "go").exists():
    time.sleep(0.01)
print("x", flush=True)
while True:
    signal.pause()
"""
_SHOWS_LIFE = """
import os, time
while True:
    os.write(1, b".")
    time.sleep(0.02)
"""
_TAKES_LEAVE = """
import pathlib, signal, sys, time
place = pathlib.Path(sys.argv[4])
def leave(*_):
    time.sleep(0.3)
    (place / "left").touch()
    sys.exit()
signal.signal(signal.SIGTERM, leave)
if sys.argv[1] == "1":
    print("x", flush=True)
while True:
    signal.pause()
"""
_REFUSES = "import sys; sys.exit(2)"
_ENDS_SOON = "import time; print('x', flush=True); time.sleep(0.02); raise SystemExit(7)"


def _places(count: int) -> list[Place]:
    return [Place(number=number, count=count, port=1, directory="/nowhere", room=10) for number in range(1, count + 1)]


def _supervisor(program: str, count: int = 2, **options) -> Supervisor:
    return Supervisor([sys.executable, "-c", program], _places(count), **options)


async def _until(condition, timeout_s: float = 15.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestPlaces:
    def test_what_is_a_workers_own(self):
        settings = Settings(
            upstream=UpstreamSettings(host="h"),
            journal=JournalSettings(path="/log"),
            limits=LimitSettings(connections=10),
        )
        place = Place(number=2, count=3, port=6432, directory="/run/x", room=10)
        own = as_worker(settings, place)
        assert own.journal.path == "/log/worker-2"
        assert own.listener.port == 6432
        assert own.admin.socket == "/run/x/worker-2-admin.sock"
        assert own.limits.connections == 4
        assert (own.upstream, own.policy, own.reading) == (settings.upstream, settings.policy, settings.reading)

    def test_a_port_is_reserved_and_shared_only_among_workers(self):
        with reserve(ListenerSettings(port=0)) as shared:
            port = shared.getsockname()[1]
            for _ in range(2):
                worker = socket.create_server(("127.0.0.1", port), reuse_port=True)
                with worker, pytest.raises(ConfigurationError, match=r"listener\.port: .* is in use"):
                    reserve(ListenerSettings(port=port))
        with pytest.raises(ConfigurationError, match=r"listener\.host: 192\.0\.2\.1 is not an address"):
            reserve(ListenerSettings(host="192.0.2.1"))


class TestWorkers:
    async def test_one_that_is_killed_is_replaced_and_the_others_are_left_alone(self, logged):
        told = []
        supervisor = _supervisor(_SERVES, ended=told.append)
        await supervisor.start()
        first, second = supervisor.seats
        assert first.worker is not None
        before = first.worker.pid, second.worker.pid
        os.kill(before[0], signal.SIGKILL)
        await _until(lambda: first.worker is not None and first.worker.pid != before[0])
        assert second.worker.pid == before[1]
        assert told == [first]
        assert first.restarts == 1
        assert not first.fault
        ended = next(entry for entry in logged if entry["event"] == "worker ended")
        assert (ended["worker"], ended["pid"], ended["status"]) == (1, before[0], -9)
        await supervisor.stop(5.0)
        assert not any(_is_alive(pid) for pid in before)

    async def test_one_that_keeps_ending_is_reported_and_still_tried(self, logged):
        supervisor = _supervisor(_ENDS_SOON, count=1)
        await supervisor.start()
        (seat,) = supervisor.seats
        await _until(lambda: seat.is_looping)
        assert "keeps ending: 5 times within a minute" in seat.fault
        await _until(lambda: any(entry["event"] == "worker keeps ending" for entry in logged))
        await supervisor.stop(1.0)
        restarts = seat.restarts
        await asyncio.sleep(0.1)
        assert seat.restarts == restarts

    async def test_one_that_is_being_started_reloads_as_soon_as_it_serves(self, tmp_path):
        starting, go, reloaded = (tmp_path / name for name in ("starting", "go", "reloaded"))
        place = Place(number=1, count=1, port=1, directory=str(tmp_path), room=10)
        supervisor = Supervisor([sys.executable, "-c", _TELLS_OF_RELOADS], [place])
        go.touch()
        await supervisor.start()
        (seat,) = supervisor.seats
        (before,) = supervisor.reload()
        await _until(reloaded.exists)
        for path in (starting, go, reloaded):
            path.unlink()
        os.kill(before.pid, signal.SIGKILL)
        await _until(starting.exists)  # it may have read its settings by now
        assert not supervisor.keeps(before)
        assert supervisor.reload() == ()
        go.touch()
        await _until(reloaded.exists)
        assert seat.worker is not None
        await supervisor.stop(5.0)

    async def test_one_that_hangs_is_ended_and_replaced_and_the_others_are_left_alone(self, logged):
        supervisor = _supervisor(_SHOWS_LIFE, look_s=0.25)
        await supervisor.start()
        first, second = supervisor.seats
        before = first.worker.pid, second.worker.pid
        os.kill(before[0], signal.SIGSTOP)
        await _until(lambda: first.worker is not None and first.worker.pid != before[0], 30.0)
        assert second.worker.pid == before[1]
        assert (first.restarts, second.restarts) == (1, 0)
        hung = next(entry for entry in logged if entry["event"].startswith("worker hangs"))
        assert (hung["worker"], hung["pid"]) == (1, before[0])
        await supervisor.stop(5.0)

    async def test_when_one_does_not_start_none_is_left(self):
        supervisor = _supervisor(_REFUSES)
        with pytest.raises(NotStartedError) as caught:
            await supervisor.start()
        assert caught.value.status == 2
        assert all(seat.worker is None for seat in supervisor.seats)

    async def test_one_that_serves_before_the_others_do_may_end_in_good_order(self, tmp_path, logged):
        places = [Place(number=number, count=2, port=1, directory=str(tmp_path), room=10) for number in (1, 2)]
        supervisor = Supervisor([sys.executable, "-c", _TAKES_LEAVE], places)
        starting = asyncio.create_task(supervisor.start())
        await _until(lambda: supervisor.seats[0].worker is not None)
        await asyncio.sleep(0.1)
        starting.cancel()
        await asyncio.wait({starting})
        await supervisor.stop(5.0)
        assert (tmp_path / "left").exists()
        assert not any(entry["event"].startswith("workers killed") for entry in logged)

    async def test_one_that_does_not_heed_the_end_is_killed(self, logged):
        supervisor = _supervisor(_STUBBORN, count=1)
        await supervisor.start()
        pid = supervisor.seats[0].worker.pid
        await supervisor.stop(-14.9)  # the fifteen seconds of grace are not what is tested here
        assert not _is_alive(pid)
        assert any(entry["event"].startswith("workers killed") for entry in logged)


class TestPatience:
    def test_pauses_grow_to_ten_seconds(self):
        assert [pause_s(ends) for ends in (1, 2, 3, 7, 8, 1000)] == [0.1, 0.2, 0.4, 6.4, 10.0, 10.0]

    def test_what_happened_long_ago_is_forgotten(self):
        now = [0.0]
        seat = Seat(_places(1)[0], lambda: now[0])
        for _ in range(5):
            seat.ended()
        assert seat.is_looping
        now[0] = 61.0
        assert not seat.is_looping
        assert seat.ended() == 1
