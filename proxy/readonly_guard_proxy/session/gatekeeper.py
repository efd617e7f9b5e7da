"""The gatekeeper: asks a client for its password where logging in ends at the guard (SCRAM-SHA-256).

Over TLS it offers channel binding as well, and takes a client that could have bound but did not see the offer for
attacked (RFC 5802, 6).

What is said to a client that does not get in is the same whoever it said it was, and so is the work: an unknown user is
checked against a verifier that nothing fits.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from readonly_guard_proxy.wire.authentication import (
    authentication_sasl,
    sasl_continue,
    sasl_final,
    sasl_initial_response,
)
from readonly_guard_proxy.wire.framing import Frame, FrameReader, ProtocolViolation
from readonly_guard_proxy.wire.messages import Frontend
from readonly_guard_proxy.wire.scram import BOUND_MECHANISM, MECHANISM, ServerExchange, Verifier

__all__ = ["Gatekeeper", "Verdict"]

_MOST_BYTES: Final = 2_048
"""Of one message: a SCRAM message is some 200 bytes, what a client chooses in it the nonce only."""


class Verdict(Enum):
    """What came of what the client said."""

    WAITS = auto()
    KNOWN = auto()
    UNKNOWN = auto()
    LEFT = auto()


class Gatekeeper:
    """Asks one client.

    Args:
        verifier: of the user that the client wants to be.
        nonce: printable ASCII without comma, never used before.
        binding: what the client's TLS connection is known by, None where there is none to bind to.
    """

    def __init__(self, verifier: Verifier, nonce: bytes, binding: bytes | None) -> None:
        self._reader = FrameReader(kinds=bytes((Frontend.PASSWORD, Frontend.TERMINATE)), limit=_MOST_BYTES)
        self._verifier = verifier
        self._nonce = nonce
        self._binding = binding
        self._exchange: ServerExchange | None = None
        self._verdict = Verdict.WAITS

    @property
    def _mechanisms(self) -> list[bytes]:
        return [MECHANISM] if self._binding is None else [BOUND_MECHANISM, MECHANISM]

    def greeting(self) -> bytes:
        """What to send first: the mechanisms there are."""
        return authentication_sasl(self._mechanisms)

    def take(self, data: bytes) -> tuple[bytes, Verdict]:
        """Bytes of the client; gives what to send and the verdict so far.

        Raises:
            ProtocolViolation: they are no answer to what was asked, or something follows the last one.
        """
        answers = [self._message(message) for message in self._reader.feed(data)]
        self._reader.check()
        return b"".join(answers), self._verdict

    def _message(self, message: Frame) -> bytes:
        if self._verdict is not Verdict.WAITS:
            raise ProtocolViolation("a message before the session was ready")
        if message.kind == Frontend.TERMINATE:
            self._verdict = Verdict.LEFT
            return b""
        if self._exchange is None:
            mechanism, data = sasl_initial_response(message)
            if mechanism not in self._mechanisms:
                raise ProtocolViolation("a SASL mechanism that was not offered")
            is_bound = mechanism == BOUND_MECHANISM
            self._exchange = ServerExchange(self._verifier, self._nonce, binding=self._binding, is_bound=is_bound)
            return sasl_continue(self._exchange.first(data))
        answer = self._exchange.final(message.body)
        self._verdict = Verdict.UNKNOWN if answer is None else Verdict.KNOWN
        return b"" if answer is None else sasl_final(answer)
