"""Frames: the cutting of a byte stream into protocol messages, within bounds.

Every message after startup is ``Byte1 type, Int32 length (itself included, the type not), body`` (PostgreSQL
documentation, "Message Formats"). Here lives only that; what a body means is in `messages`, what is legal when is in
the session machine.

Reading is incremental down to one byte at a time and linear in the number of bytes: a partial message is kept once and
only looked at again when it is whole. Kinds that are named ``streamed`` (DataRow, CopyData) are never gathered: runs
of them are passed on as they arrive, so that a row of a gigabyte costs no memory and a million small ones a jump each.
"""

from __future__ import annotations

from functools import cache
from struct import Struct
from typing import Final

__all__ = ["HEADER_BYTES", "Frame", "FrameReader", "ProtocolViolation", "frame"]

HEADER_BYTES: Final = 5
_LENGTH: Final = Struct("!I")
_LEAST_LENGTH: Final = 4  # the length counts itself

_UNKNOWN: Final = 0
_WHOLE: Final = 1
_STREAMED: Final = 2


class ProtocolViolation(ValueError):  # noqa: N818  PostgreSQL's own name for it (SQLSTATE 08P01)
    """The bytes are not the protocol. The text names the fault and never quotes the bytes' content."""


class Frame:
    """One whole message, or for a streamed kind a run of them, possibly cut anywhere.

    Args:
        kind: the type byte.
        data: all bytes, header included, ready to be forwarded.
    """

    __slots__ = ("data", "kind")

    def __init__(self, kind: int, data: bytes) -> None:
        self.kind: Final = kind
        self.data: Final = data

    @property
    def body(self) -> bytes:
        """What follows the header; meaningless for a streamed kind."""
        return self.data[HEADER_BYTES:]


def frame(kind: int, body: bytes) -> bytes:
    """The bytes of one message."""
    return bytes((kind,)) + _LENGTH.pack(len(body) + _LEAST_LENGTH) + body


class FrameReader:
    """Cuts one direction of a connection into frames.

    Args:
        kinds: the type bytes that may come at all; any other is refused at its first byte.
        limit: the largest length in bytes a message may announce; refused at its header, before anything is kept.
        streamed: the kinds that are passed on in runs; ``limit`` does not apply to them.
    """

    def __init__(self, *, kinds: bytes, limit: int, streamed: bytes = b"") -> None:
        self._classes = _classes(kinds, streamed)
        self._limit = limit
        self._rest = bytearray()  # the beginning of a message that is not whole yet
        self._need = 0  # how long _rest must be before it is worth looking at
        self._run_kind = 0
        self._run_left = 0  # bytes of the current streamed message that have not come yet
        self._fault = ""

    def allow(self, limit: int) -> None:
        """Take messages of up to this length from now on."""
        self._limit = limit

    @property
    def inside_run(self) -> bool:
        """Whether a streamed message has been passed on only in part: nothing may be put in between."""
        return self._run_left > 0

    @property
    def is_between(self) -> bool:
        """Whether the next byte begins a message: nothing is kept, nothing was wrong."""
        return not (self._rest or self._run_left or self._fault)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes as they came and give what is whole; :meth:`check` tells whether something wrong follows it."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        frames: list[Frame] = []
        try:
            self._cut(data, frames)
        except ProtocolViolation as violation:
            self._fault = str(violation)
        return frames

    def check(self) -> None:
        """See that the bytes so far were the protocol.

        Raises:
            ProtocolViolation: an unknown type, a length below 4 or beyond the limit.
        """
        if self._fault:
            raise ProtocolViolation(self._fault)

    def _cut(self, data: bytes, frames: list[Frame]) -> None:
        at, size = 0, len(data)
        while at < size:
            if not self._run_left:
                kind = data[at]
                what = self._classes[kind]
                if what == _UNKNOWN:
                    raise ProtocolViolation(f"unknown message type 0x{kind:02x}")
                if size - at < HEADER_BYTES:
                    self._keep(data, at, HEADER_BYTES)
                    return
                if what == _WHOLE:
                    length = _length(data, at)
                    if length > self._limit:
                        raise ProtocolViolation(f"a message of {length} bytes; the limit is {self._limit}")
                    end = at + 1 + length
                    if end > size:
                        self._keep(data, at, end - at)
                        return
                    frames.append(Frame(kind, data[at:end]))
                    at = end
                    continue
                self._run_kind = kind
            end = self._skim(data, at)
            run = data if end - at == size else data[at:end]  # compiled, a slice of all of it would be a copy
            frames.append(Frame(self._run_kind, run))
            at = end

    def _skim(self, data: bytes, at: int) -> int:
        """Where the run of streamed messages of one kind ends that begins, or goes on, at ``at``."""
        size, end, kind = len(data), at + self._run_left, self._run_kind
        while end + HEADER_BYTES <= size and data[end] == kind:
            end += 1 + _length(data, end)
        self._run_left = max(0, end - size)
        return min(end, size)

    def _keep(self, data: bytes, at: int, need: int) -> None:
        self._rest += data[at:]
        self._need = need


def _length(data: bytes, at: int) -> int:
    """What the message at ``at`` says of its length: an unsigned 32-bit number, the highest byte first."""
    length = data[at + 1] << 24 | data[at + 2] << 16 | data[at + 3] << 8 | data[at + 4]
    if length < _LEAST_LENGTH:
        raise ProtocolViolation(f"a message of length {length}; the least is {_LEAST_LENGTH}")
    return length


@cache
def _classes(kinds: bytes, streamed: bytes) -> bytes:
    """By type byte, what is done with it."""
    return bytes(_STREAMED if kind in streamed else _WHOLE if kind in kinds else _UNKNOWN for kind in range(256))
