"""What a service manager is told, received by a socket of the test's own."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from readonly_guard_proxy.lifecycle.notify import Notifier


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def _told(manager) -> list[str]:
    return manager.recv(4096).decode().splitlines()


def test_a_life(manager):
    notifier = Notifier(manager.getsockname())
    notifier.ready("serving on 127.0.0.1:1")
    assert _told(manager) == ["READY=1", "STATUS=serving on 127.0.0.1:1"]
    notifier.reloading()
    first, second = _told(manager)
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdigit()
    notifier.stopping()
    assert _told(manager)[0] == "STOPPING=1"


def test_a_name_in_the_abstract_namespace():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0readonly-guard-{os.getpid()}")
        manager.settimeout(5)
        Notifier(f"@readonly-guard-{os.getpid()}").ready("x")
        assert _told(manager)[0] == "READY=1"


def test_the_environment_is_taken_out_so_that_no_child_speaks_for_this_process(manager):
    environment = {
        "NOTIFY_SOCKET": manager.getsockname(),
        "WATCHDOG_USEC": "60000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    notifier = Notifier.from_environment(environment)
    assert environment == {"HOME": "/"}
    assert notifier._watchdog_s == 60.0


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}],
)
async def test_nobody_to_tell(environment):
    notifier = Notifier.from_environment(environment)
    assert notifier._watchdog_s is None
    notifier.ready("x")
    async with notifier.alive():
        notifier.stopping()


async def test_the_watchdog_hears_while_the_loop_turns_and_no_longer(manager):
    manager.setblocking(False)
    async with Notifier(manager.getsockname(), 0.05).alive():
        for _ in range(3):
            async with asyncio.timeout(5):
                assert await asyncio.get_running_loop().sock_recv(manager, 100) == b"WATCHDOG=1"
    with pytest.raises(BlockingIOError):
        while True:
            manager.recv(100)
    await asyncio.sleep(0.1)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


def test_a_manager_that_is_gone_is_told_nothing_and_that_is_logged(tmp_path, logged):
    Notifier(str(tmp_path / "gone")).ready("x")
    assert [entry["what"] for entry in logged] == ["READY=1"]
