"""Files that are watched: when a change of them is a SIGHUP."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from readonly_guard_cli.watching import watch


@pytest.fixture
def asked() -> Iterator[list[int]]:
    """The SIGHUPs that come."""
    came: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: came.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    yield came
    signal.signal(signal.SIGHUP, before)


def _looked(states, loaded, looks: int) -> None:
    """Watch for at least so many looks, of which the last goes on for ever."""
    seen, stop = [], threading.Event()

    def state():
        seen.append(None)
        return states[min(len(seen), len(states)) - 1]

    watching = watch(state, 0.001, stop, loaded=loaded)
    deadline = time.monotonic() + 30
    while len(seen) < looks:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    stop.set()
    watching.join()


@pytest.mark.parametrize(
    ("states", "hangups"),
    [
        (["loaded"], 0),
        (["new"], 1),  # it changed while it was loaded
        (["loaded", "half", "new", "new"], 1),  # not while it is being written
        (["new", "new", "loaded", "loaded"], 2),  # back again is another change
    ],
)
def test_another_state_that_stays_is_asked_for_once(asked, states, hangups) -> None:
    _looked(states, "loaded", 20)
    assert len(asked) == hangups
