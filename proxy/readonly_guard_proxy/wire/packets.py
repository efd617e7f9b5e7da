"""What a client may say before it is known, as values; as bytes in `readonly_guard_proxy.wire.startup`."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["SSL_REQUEST", "CancelRequest", "EncryptionRequest", "StartupMessage"]

SSL_REQUEST: Final = "SSLRequest"


class EncryptionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """SSLRequest or GSSENCRequest; the answer is one byte. ``name`` is PostgreSQL's name of the request."""

    name: str


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The wish to cancel what a server process is doing: its process id and secret key (BackendKeyData)."""

    pid: int
    key: bytes


class StartupMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol version and the parameters of a session.

    Args:
        version: major version in the high 16 bits, minor in the low.
        parameters: in the order sent; a name comes once.
    """

    version: int
    parameters: dict[str, str]

    @property
    def major(self) -> int:
        """The protocol's major version; PostgreSQL speaks 3."""
        return self.version >> 16
