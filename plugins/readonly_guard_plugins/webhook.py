"""Records to an HTTPS endpoint, a batch a request, signed with a shared secret.

The body is ``{"chain": …, "entries": [{"seq", "hash", "record"}, …]}``. ``Idempotency-Key`` is the same when the same
records come again; ``X-Readonly-Guard-Signature`` is ``sha256=`` and the HMAC (RFC 2104) of the body.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec

from readonly_guard.domain import Entry
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard_plugins.https import Refused, checked_url, tls_context

__all__ = ["Webhook"]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    """Where to; ``https``, or ``http`` to this machine itself."""
    secret: Path | None = None
    """A file with the shared secret; without it nothing is signed."""
    ca: Path | None = None
    """The certificates to trust, PEM; without it those of the system."""
    timeout_s: float = 10.0


class Webhook:
    """Posts records."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        self._url = checked_url(settings.url, "webhook")
        self._secret = None
        if settings.secret is not None:
            try:
                self._secret = settings.secret.read_bytes().strip()
            except OSError as error:
                raise ConfigurationError(f"[plugin.webhook] secret: {settings.secret}: {error.strerror}") from error
        self._tls = tls_context(settings.ca, "webhook")
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_s)
        self._session: aiohttp.ClientSession | None = None

    @hookimpl
    def record_sink(self) -> Webhook:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Post the records; taken when the status is 2xx.

        Raises:
            Refused: it is another.
            aiohttp.ClientError: there was no answer.
        """
        first, last = entries[0], entries[-1]
        kept = [{"seq": entry.seq, "hash": entry.hash, "record": entry.record} for entry in entries]
        body = msgspec.json.encode({"chain": first.chain, "entries": kept})
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{first.chain}:{first.seq}-{last.seq}:{last.hash[:16]}",
        }
        if self._secret is not None:
            headers["X-Readonly-Guard-Signature"] = f"sha256={hmac.digest(self._secret, body, 'sha256').hex()}"
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        async with self._session.post(
            self._url, data=body, headers=headers, ssl=self._tls, allow_redirects=False
        ) as answer:
            if not 200 <= answer.status < 300:  # noqa: PLR2004  HTTP's own numbers (RFC 9110, 15.3)
                raise Refused(f"{self._url} answered {answer.status}")

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
