"""Frames: the cutting of a byte stream into protocol messages, within bounds.

Every message after startup is ``Byte1 type, Int32 length (itself included, the type not), body`` (PostgreSQL
documentation, "Message Formats"). Here lives only that; what a body means is in `messages`, what is legal when is in
the session machine.

Reading is incremental down to one byte at a time and linear in the number of bytes: a partial message is kept once and
only looked at again when it is whole. Kinds that are named ``streamed`` (DataRow, CopyData) are never gathered: runs
of them are passed on as they arrive, so that a row of a gigabyte costs no memory and a million small ones a jump each.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

__all__ = ["HEADER_BYTES", "Frame", "FrameReader", "ProtocolViolation", "frame"]

HEADER_BYTES: Final = 5
_LENGTH: Final = Struct("!I")
_LEAST_LENGTH: Final = _LENGTH.size  # the length counts itself


class ProtocolViolation(ValueError):  # noqa: N818  PostgreSQL's own name for it (SQLSTATE 08P01)
    """The bytes are not the protocol. The text names the fault and never quotes the bytes' content."""


class Frame:
    """One whole message, or for a streamed kind a run of them, possibly cut anywhere.

    Args:
        kind: the type byte.
        data: all bytes, header included, ready to be forwarded.
    """

    __slots__ = ("data", "kind")

    def __init__(self, kind: bytes, data: bytes) -> None:
        self.kind: Final = kind
        self.data: Final = data

    @property
    def body(self) -> bytes:
        """What follows the header; meaningless for a streamed kind."""
        return self.data[HEADER_BYTES:]


def frame(kind: bytes, body: bytes) -> bytes:
    """The bytes of one message."""
    return kind + _LENGTH.pack(len(body) + _LEAST_LENGTH) + body


class FrameReader:
    """Cuts one direction of a connection into frames.

    Args:
        kinds: the type bytes that may come at all; any other is refused at its first byte.
        limit: the largest length in bytes a message may announce; refused at its header, before anything is kept.
        streamed: the kinds that are passed on in runs; ``limit`` does not apply to them.
    """

    def __init__(self, *, kinds: bytes, limit: int, streamed: bytes = b"") -> None:
        self._kinds = frozenset(kinds)
        self._streamed = frozenset(streamed)
        self._limit = limit
        self._rest = bytearray()  # the beginning of a message that is not whole yet
        self._need = 0  # how long _rest must be before it is worth looking at
        self._run_kind = 0
        self._run_left = 0  # bytes of the current streamed message that have not come yet

    @property
    def inside_run(self) -> bool:
        """Whether a streamed message has been passed on only in part: nothing may be put in between."""
        return self._run_left > 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes as they came and yield what is whole.

        Raises:
            ProtocolViolation: an unknown type, a length below 4 or beyond the limit. Frames before it were yielded.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, size = 0, len(data)
        while at < size:
            if not self._run_left:
                kind = data[at]
                if kind not in self._kinds:
                    raise ProtocolViolation(f"unknown message type 0x{kind:02x}")
                if size - at < HEADER_BYTES:
                    self._keep(data, at, HEADER_BYTES)
                    return
                if kind not in self._streamed:
                    end = at + 1 + self._length(data, at, self._limit)
                    if end > size:
                        self._keep(data, at, end - at)
                        return
                    yield Frame(data[at : at + 1], data[at:end])
                    at = end
                    continue
                self._run_kind = kind
            end = self._skim(data, at)
            yield Frame(bytes((self._run_kind,)), data[at:end])
            at = end

    def _skim(self, data: bytes, at: int) -> int:
        """Where the run of streamed messages of one kind ends that begins, or goes on, at ``at``."""
        size, end = len(data), at + self._run_left
        while end + HEADER_BYTES <= size and data[end] == self._run_kind:
            end += 1 + self._length(data, end)
        self._run_left = max(0, end - size)
        return min(end, size)

    def _length(self, data: bytes, at: int, limit: int | None = None) -> int:
        length: int = _LENGTH.unpack_from(data, at + 1)[0]
        if length < _LEAST_LENGTH:
            raise ProtocolViolation(f"a message of length {length}; the least is {_LEAST_LENGTH}")
        if limit is not None and length > limit:
            raise ProtocolViolation(f"a message of {length} bytes; the limit is {limit}")
        return length

    def _keep(self, data: bytes, at: int, need: int) -> None:
        self._rest += data[at:]
        self._need = need
