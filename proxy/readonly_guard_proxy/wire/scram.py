"""SCRAM-SHA-256, both sides, as bytes (RFC 5802, RFC 7677; PostgreSQL documentation, "SASL Authentication").

No library is used: PostgreSQL leaves the user name of the first message empty, which the RFC forbids and libraries
refuse. What is here is hashes and the cutting of short texts; nonces and salts come in as arguments. As a server it
knows channel binding (``tls-server-end-point``, RFC 5929); as a client it does not use it.

A password goes through SASLprep (RFC 4013) where it can, and is taken as it is where it cannot, as PostgreSQL does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

from readonly_guard_proxy.wire.framing import ProtocolViolation

__all__ = [
    "BOUND_MECHANISM",
    "ITERATIONS",
    "MECHANISM",
    "ClientExchange",
    "Keys",
    "ServerExchange",
    "Verifier",
    "keys_of",
    "prepared",
]

MECHANISM: Final = b"SCRAM-SHA-256"
BOUND_MECHANISM: Final = b"SCRAM-SHA-256-PLUS"
ITERATIONS: Final = 4_096
"""PostgreSQL's default (scram_iterations), and the least that RFC 7677 allows."""

_MOST_ITERATIONS: Final = 1_000_000
_SHA256_BYTES: Final = 32
_VERIFIER: Final = re.compile(
    r"SCRAM-SHA-256\$([1-9][0-9]{0,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)"
)
_CLIENT_FIRST: Final = re.compile(rb"((?:[ny]|p=tls-server-end-point),,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+))")
_CLIENT_FINAL: Final = re.compile(rb"(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)),p=([A-Za-z0-9+/=]+)")
_SERVER_FIRST: Final = re.compile(rb"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})")
_NO_BINDING: Final = b"n,,"
_COULD_BIND: Final = b"y,,"
_BINDS: Final = b"p=tls-server-end-point,,"


class Verifier(NamedTuple):
    """What a server keeps of a password; it lets one check a client and pretend to be the server, not log in."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return "Verifier(…)"

    def __str__(self) -> str:
        """As PostgreSQL keeps it in pg_authid: ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``."""
        salt, stored, server = (base64.b64encode(part).decode() for part in self[1:])
        return f"SCRAM-SHA-256${self.iterations}:{salt}${stored}:{server}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read one in PostgreSQL's notation.

        Raises:
            ValueError: it is none; the text does not quote it.
        """
        found = _VERIFIER.fullmatch(text)
        if found is None:
            raise ValueError("is not a SCRAM-SHA-256 verifier")
        try:
            salt, stored, server = (base64.b64decode(part, validate=True) for part in found.groups()[1:])
        except binascii.Error:
            raise ValueError("is not a SCRAM-SHA-256 verifier") from None
        if not salt or len(stored) != _SHA256_BYTES or len(server) != _SHA256_BYTES:
            raise ValueError("is not a SCRAM-SHA-256 verifier")
        return cls(int(found[1]), salt, stored, server)

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
        """Of a password."""
        keys = keys_of(password, salt, iterations)
        return cls(iterations, salt, hashlib.sha256(keys.client).digest(), keys.server)


class Keys(NamedTuple):
    """What a client proves to know (ClientKey), and what it knows its server by (ServerKey)."""

    client: bytes
    server: bytes

    def __repr__(self) -> str:
        return "Keys(…)"


def keys_of(password: str, salt: bytes, iterations: int) -> Keys:
    """The keys that a password gives with this salt; some milliseconds for 4,096 iterations."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)
    return Keys(_hmac(salted, b"Client Key"), _hmac(salted, b"Server Key"))


class ServerExchange:
    """The server's side: :meth:`first`, then :meth:`final`.

    Args:
        verifier: of whoever wants in.
        nonce: printable ASCII without comma, never used before.
        binding: what the connection is known by to both sides, where the offer had the mechanism that binds to it.
        is_bound: that mechanism was chosen.
    """

    def __init__(
        self, verifier: Verifier, nonce: bytes, *, binding: bytes | None = None, is_bound: bool = False
    ) -> None:
        self._verifier = verifier
        self._nonce = nonce
        self._binding = binding if is_bound else b""
        if is_bound:
            self._flags = frozenset({_BINDS})
        else:
            # a client that could have bound has not seen an offer that was made: somebody took it away on the way
            self._flags = frozenset({_NO_BINDING} if binding else {_NO_BINDING, _COULD_BIND})
        self._header = self._said = b""

    def first(self, message: bytes) -> bytes:
        """The answer to the client-first-message.

        Raises:
            ProtocolViolation: it is malformed, wants to act for another, or channel binding is not as it was offered.
        """
        found = _CLIENT_FIRST.fullmatch(message)
        if found is None:
            raise ProtocolViolation("malformed SCRAM client-first-message")
        self._header, bare, theirs = found.groups()
        if self._header not in self._flags:
            raise ProtocolViolation("SCRAM channel binding that is not as it was offered")
        self._nonce = theirs + self._nonce
        salt = base64.b64encode(self._verifier.salt)
        answer = b"r=%s,s=%s,i=%d" % (self._nonce, salt, self._verifier.iterations)
        self._said = bare + b"," + answer
        return answer

    def final(self, message: bytes) -> bytes | None:
        """The answer to the client-final-message; None when it proves nothing.

        Raises:
            ProtocolViolation: it is malformed or does not belong to the first one.
        """
        found = _CLIENT_FINAL.fullmatch(message)
        if found is None:
            raise ProtocolViolation("malformed SCRAM client-final-message")
        without_proof, binding, nonce, proof = found.groups()
        if _unpacked(binding) != self._header + (self._binding or b"") or nonce != self._nonce:
            raise ProtocolViolation("SCRAM client-final-message that does not belong to the first")
        said = self._said + b"," + without_proof
        signature = _hmac(self._verifier.stored_key, said)
        shown = _unpacked(proof)
        if len(shown) != len(signature):
            raise ProtocolViolation("SCRAM proof of the wrong length")
        if not hmac.compare_digest(hashlib.sha256(_xor(shown, signature)).digest(), self._verifier.stored_key):
            return None
        return b"v=" + base64.b64encode(_hmac(self._verifier.server_key, said))


class ClientExchange:
    """The client's side: :meth:`first`, :meth:`final`, :meth:`is_server`.

    Args:
        keys: gives the keys for a salt and a number of iterations.
        nonce: printable ASCII without comma, never used before.
    """

    def __init__(self, keys: Callable[[bytes, int], Keys], nonce: bytes) -> None:
        self._keys = keys
        self._nonce = nonce
        self._expected = b""

    def first(self) -> bytes:
        """The client-first-message; PostgreSQL knows the user from the startup packet."""
        return _NO_BINDING + self._bare

    @property
    def _bare(self) -> bytes:
        return b"n=,r=" + self._nonce

    def final(self, message: bytes) -> bytes:
        """The answer to the server-first-message.

        Raises:
            ProtocolViolation: it is malformed, does not answer ours, or asks for more work than is decent.
        """
        found = _SERVER_FIRST.fullmatch(message)
        if found is None or not found[1].startswith(self._nonce) or found[1] == self._nonce:
            raise ProtocolViolation("malformed SCRAM server-first-message")
        iterations = int(found[3])
        if not ITERATIONS <= iterations <= _MOST_ITERATIONS:
            raise ProtocolViolation(f"SCRAM with {iterations} iterations; 4,096 to 1,000,000 are done")
        keys = self._keys(_unpacked(found[2]), iterations)
        without_proof = b"c=%s,r=%s" % (base64.b64encode(_NO_BINDING), found[1])
        said = b",".join((self._bare, message, without_proof))
        self._expected = _hmac(keys.server, said)
        proof = _xor(keys.client, _hmac(hashlib.sha256(keys.client).digest(), said))
        return without_proof + b",p=" + base64.b64encode(proof)

    def is_server(self, message: bytes) -> bool:
        """Whether the server-final-message proves that the server knows the password's verifier."""
        return bool(self._expected) and hmac.compare_digest(message, b"v=" + base64.b64encode(self._expected))


def prepared(password: str) -> bytes:
    """The bytes that are hashed: SASLprep's, or the password's own where SASLprep forbids it (RFC 4013)."""
    if password.isascii():
        return password.encode()
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter for letter in password if not stringprep.in_table_b1(letter)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    return (normal if normal and _is_permitted(normal) else password).encode()


_FORBIDDEN: Final = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def _is_permitted(text: str) -> bool:
    if any(table(letter) for letter in text for table in _FORBIDDEN):
        return False
    if not any(map(stringprep.in_table_d1, text)):
        return True
    # right to left (RFC 3454, 6): nothing that runs the other way, and such letters at both ends
    return not any(map(stringprep.in_table_d2, text)) and all(map(stringprep.in_table_d1, (text[0], text[-1])))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


def _unpacked(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ProtocolViolation("SCRAM message whose base64 does not decode") from None
