"""A change of the policies' files is a SIGHUP: one way to reload, whoever asks for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["watch"]


def watch(state: Callable[[], Any], every_s: float, stop: threading.Event, *, loaded: Any) -> threading.Thread:
    """Send this process a SIGHUP whenever the state has become another, and stayed so for one look.

    A file that is being written is not loaded half way: the state must be the same twice.

    Args:
        state: what is looked at, compared by equality.
        every_s: seconds between two looks.
        stop: set it to end.
        loaded: the state of before they were loaded.
    """

    def look() -> None:
        known = before = loaded
        while not stop.wait(every_s):
            now = state()
            if now == before and now != known:
                known = now
                os.kill(os.getpid(), signal.SIGHUP)
            before = now

    thread = threading.Thread(target=look, name="policies", daemon=True)
    thread.start()
    return thread
