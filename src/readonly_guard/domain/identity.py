"""A login as it came about: what an identity is resolved from."""

from __future__ import annotations

import msgspec

from readonly_guard.domain.access import Session

__all__ = ["Certificate", "Login"]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A client's certificate that leads up to a root the guard trusts (X.509, RFC 5280).

    Args:
        subject: the attributes of the subject's name in order, by OpenSSL's long names (``serialNumber`` is where SITHS
            has the HSA-id, ``commonName`` the person's name).
        issuer: the same of whoever issued it.
        fingerprint: SHA-256 of the whole certificate, in hexadecimal.
    """

    subject: tuple[tuple[str, str], ...]
    issuer: tuple[tuple[str, str], ...]
    fingerprint: str


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants in, before a password was asked for.

    Args:
        user: the database user that the client named.
        session: where it comes from.
        certificate: what the client proved to hold the key of, None when it showed none.
    """

    user: str
    session: Session
    certificate: Certificate | None = None
