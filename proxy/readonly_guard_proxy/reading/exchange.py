"""What the pool and a worker say to each other. Values and bytes only; no process, no socket, no clock.

Both ways go frames: a length of four bytes, most significant first, then that many bytes of MessagePack::

    pool  → worker   Instructions
    worker → pool    READY, once it has loaded what it reads with
    pool  → worker   Question
    worker → pool    Answer, with the question's number
    …                one question at a time, until the pool closes the socket
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from readonly_guard.domain import Analysis
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Bounds
from readonly_guard.sql.libpg_query import Tokens

__all__ = ["HEADER", "LARGEST_ANSWER", "READY", "Answer", "Instructions", "NotAFrameError", "Question", "frame", "take"]

HEADER: Final = struct.Struct("!I")

READY: Final = b"ready"

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""In bytes. A text of 100,000 bytes that is nothing but denied statements makes an answer of two million."""


class NotAFrameError(Exception):
    """What came is longer than any answer, or more than one answer."""


class Instructions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read, said once.

    ``longest_s`` is after how many seconds with one text a worker ends itself: nobody may be left to end it.
    """

    rules: ReadingSettings
    bounds: Bounds
    longest_s: float


class Question(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A text to read, in UTF-8 that may hold lone surrogates: to say what is wrong with a text is for the reading.

    ``tokens`` are the text's, if whoever asks has had to scan it: then it is within the bounds, and scanned no more.
    """

    number: int
    text: bytes
    tokens: Tokens | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the question of this number was read as.

    Without the number an empty map would be an answer, and one that speaks of nothing to deny.
    """

    number: int
    analysis: Analysis


def frame(body: bytes) -> bytes:
    """A body with its length in front."""
    return HEADER.pack(len(body)) + body


def take(received: bytearray) -> bytes | None:
    """The one frame that ``received`` holds, which is then empty; None while it is incomplete.

    Raises:
        NotAFrameError: it will never be complete, or something follows it.
    """
    if len(received) < HEADER.size:
        return None
    (length,) = HEADER.unpack_from(received)
    end = HEADER.size + length
    if length > LARGEST_ANSWER or len(received) > end:
        raise NotAFrameError
    if len(received) < end:
        return None
    body = bytes(received[HEADER.size :])
    received.clear()
    return body
