"""Values remembered until they expire, so that the same is not evaluated for every statement.

Sound only for rules and data that never change: a new policy set is a new engine with new memories.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Span", "ValueCache"]

_Value = TypeVar("_Value")


class Span(NamedTuple):
    """How long a value holds: from the time of the question that it was given to, until before another."""

    since: datetime
    until: datetime


class ValueCache(Generic[_Value]):
    """At most ``entries`` values, the least recently used given up first. Safe to use from several threads.

    Time is the questions' own, so that a clock set back finds nothing.
    """

    def __init__(self, entries: int) -> None:
        self._limit = entries
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[_Value, Span | None]] = OrderedDict()

    def get(self, key: Hashable, now: datetime | None = None) -> _Value | None:
        """The value that holds now; of one that holds for ever, ``now`` is not looked at."""
        entry = self.entry(key, now)
        return None if entry is None else entry[0]

    def entry(self, key: Hashable, now: datetime | None = None) -> tuple[_Value, Span | None] | None:
        """As :meth:`get`, with how long it holds; None for ever."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        span = entry[1]
        if span is not None and (now is None or not span.since <= now < span.until):
            return None
        try:
            self._entries.move_to_end(key)
        except KeyError:  # another thread has just given it up
            return None
        return entry

    def put(self, key: Hashable, value: _Value, span: Span | None = None) -> None:
        """Remember a value, for a time or for ever."""
        with self._lock:
            self._entries[key] = (value, span)
            self._entries.move_to_end(key)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)
