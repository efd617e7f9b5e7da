"""Signatures that wait for the log to be checked: one check after the other, each for all who wait when it begins.

A check of a large log takes minutes, and on the first Monday everybody signs. A check counts for a signature when it
was begun after the signature was asked for, so those who come while one runs share the next.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import msgspec

from readonly_guard.audit import Progress, Verification
from readonly_guard.errors import ConfigurationError, GuardError
from readonly_guard.review import Actor, Case, Desk, Period

__all__ = ["Notary", "Waiting"]

Protocol = tuple[str, str]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's signature that waits.

    Attributes:
        actor: who signs.
        seen: the events as they were assessed then; they must be so still.
    """

    actor: Actor
    seen: tuple[Case, ...]


class Notary:
    """Signs at a desk, when the log has been checked.

    Args:
        desk: the review.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._next: dict[Protocol, Waiting] = {}
        self._current: dict[Protocol, Waiting] = {}
        self._faults: dict[Protocol, GuardError] = {}
        self._percent = 0
        self._is_running = False

    def ask(self, period: Period, unit: str, waiting: Waiting) -> None:
        """Sign the protocol of a unit and a month, once a check that begins from now on has found the log whole."""
        key = (str(period), unit)
        with self._lock:
            self._faults.pop(key, None)
            if key not in self._current:
                self._next.setdefault(key, waiting)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="review-sign", daemon=True).start()

    def percent(self, period: Period, unit: str) -> int | None:
        """How much of the log has been checked for this signature; None where none waits."""
        key = (str(period), unit)
        with self._lock:
            if key in self._current:
                return self._percent
            return 0 if key in self._next else None

    def fault(self, period: Period, unit: str) -> GuardError | None:
        """Why the last signature that was asked for was not made, until it is asked for again."""
        with self._lock:
            return self._faults.get((str(period), unit))

    def _run(self) -> None:
        while True:
            with self._lock:
                self._current, self._next, self._percent = self._next, {}, 0
                if not self._current:
                    self._is_running = False
                    return
                batch = dict(self._current)
            faults: dict[Protocol, GuardError] = dict.fromkeys(batch, _STOPPED)
            try:
                faults = self._signed(batch)
            finally:  # whatever happens, nobody waits for ever
                with self._lock:
                    self._faults |= faults
                    self._current = {}

    def _signed(self, batch: dict[Protocol, Waiting]) -> dict[Protocol, GuardError]:
        try:
            chains = self._desk.log.verify(self._told)
        except GuardError as error:
            return dict.fromkeys(batch, error)
        return {key: fault for key, one in batch.items() if (fault := self._sign(key, one, chains)) is not None}

    def _sign(self, key: Protocol, one: Waiting, chains: Sequence[Verification]) -> GuardError | None:
        period, unit = key
        try:
            self._desk.sign(one.actor, Period.parse(period), unit, chains=chains, seen=one.seen)
        except GuardError as fault:
            return fault
        return None

    def _told(self, progress: Progress) -> None:
        with self._lock:
            self._percent = min(99, 100 * progress.bytes // max(1, progress.total_bytes))


_STOPPED: Final = ConfigurationError("the check of the log stopped; sign again, and tell whoever runs this page")
