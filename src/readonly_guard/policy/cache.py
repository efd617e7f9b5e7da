"""Answers remembered until they expire, so that the same question is not evaluated for every statement.

Sound only for an engine whose policies and data never change: a new policy set is a new engine with a new cache. A
question is the same when everything but its id and its time is; an answer without ``expires_at`` is never remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from readonly_guard.domain import AccessRequest, Answer

__all__ = ["AnswerCache"]

_MAX_KEY_BYTES: Final = 4_096  # a longer question is rare, and is asked each time


class _Entry(NamedTuple):
    since: datetime
    until: datetime
    answer: Answer


class AnswerCache:
    """At most ``entries`` answers, the least recently used given up first. Safe to use from several threads.

    Time is the questions' own: an answer holds from the time of the question that it was given to, so that a clock set
    back finds nothing, until its ``expires_at``.
    """

    def __init__(self, entries: int) -> None:
        self._limit = entries
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def get(self, request: AccessRequest) -> Answer | None:
        """The answer that was given to the same question and still holds."""
        now = _time_of(request)
        if now is None:
            return None
        key = _key_of(request)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not entry.since <= now < entry.until:
                return None
            self._entries.move_to_end(key)
            return entry.answer

    def put(self, request: AccessRequest, answer: Answer) -> None:
        """Remember an answer that says how long it holds."""
        now, key = _time_of(request), _key_of(request)
        if now is None or answer.expires_at is None or len(key) > _MAX_KEY_BYTES:
            return
        with self._lock:
            self._entries[key] = _Entry(now, datetime.fromisoformat(answer.expires_at), answer)
            self._entries.move_to_end(key)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)


def _key_of(request: AccessRequest) -> bytes:
    return msgspec.json.encode(
        (
            request.subject,
            request.action,
            request.resources,
            {name: value for name, value in request.context.items() if name != "time"},
        )
    )


def _time_of(request: AccessRequest) -> datetime | None:
    try:
        time = datetime.fromisoformat(request.context["time"])
    except (KeyError, TypeError, ValueError):
        return None
    return time if time.tzinfo is not None else None
