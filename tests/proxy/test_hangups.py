"""SIGHUP heeded: once at a time, none lost, whatever comes of it."""

from __future__ import annotations

import asyncio
import signal
import threading

from readonly_guard_proxy.lifecycle.hangups import hangups_heeded, hold_hangups


def _hang_up() -> None:
    """To this thread: one that another test has left behind would not hold it, and the process would end."""
    signal.pthread_kill(threading.get_ident(), signal.SIGHUP)


async def _until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_who_asks_while_it_is_done_has_it_done_once_more() -> None:
    begun, ended, gate = [], [], asyncio.Event()

    async def act() -> None:
        begun.append(len(ended))
        await gate.wait()
        ended.append(None)

    async with hangups_heeded(act):
        _hang_up()
        await _until(lambda: begun)
        for _ in range(3):
            _hang_up()
            await asyncio.sleep(0.02)
        assert begun == [0]  # one at a time
        gate.set()
        await _until(lambda: len(ended) == 2)
        await asyncio.sleep(0.05)
    assert begun == [0, 1]  # those who asked meanwhile are content with one


async def test_one_that_came_too_early_waits() -> None:
    done = asyncio.Event()

    async def act() -> None:
        done.set()

    hold_hangups()
    _hang_up()
    async with hangups_heeded(act):
        await asyncio.wait_for(done.wait(), 10)


async def test_a_defect_does_not_end_the_heeding(logged) -> None:
    calls = []

    async def act() -> None:
        calls.append(None)
        raise RuntimeError("secret literal")

    async with hangups_heeded(act):
        for number in (1, 2):
            _hang_up()
            await _until(lambda number=number: len(calls) == number)
    assert [entry for entry in logged if entry["log_level"] == "error"] == [
        {"event": "reload did not end", "reason": "RuntimeError", "log_level": "error"}
    ] * 2


async def test_at_the_end_it_is_said_that_nothing_is_done(logged) -> None:
    async def act() -> None:
        raise AssertionError

    async with hangups_heeded(act):
        pass
    _hang_up()
    await _until(lambda: any(entry["event"].startswith("no reload") for entry in logged))
