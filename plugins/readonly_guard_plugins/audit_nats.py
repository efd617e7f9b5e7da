"""The log in a NATS JetStream stream that many guards share, each chain on a subject of its own.

How far a chain has come is read from the last message on its subject, and every message says which one it expects
before it (``Nats-Expected-Last-Subject-Sequence``): what comes twice is left out however long it has been, and two
feeds of one chain cannot interleave. ``Nats-Msg-Id`` is ``chain:seq:hash``, for whoever reads.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
import nats
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from readonly_guard.domain import Entry
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard.settings import is_this_machine
from readonly_guard_plugins.continuity import Diverged, continuing
from readonly_guard_plugins.https import tls_context

__all__ = ["AuditNats"]

_MESSAGE_ID: Final = "Nats-Msg-Id"
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    servers: tuple[str, ...]
    """``tls://host:4222``, or ``nats://`` to this machine itself."""
    stream: str = "READONLY_GUARD"
    subject: str = "readonly_guard.log"
    """Records are published on ``<subject>.<chain>``."""
    create: bool = True
    """Make the stream if it is missing: kept in files, nothing in it can be deleted or purged by clients."""
    replicas: int = 1
    credentials: Path | None = None
    """A .creds file."""
    ca: Path | None = None
    timeout_s: float = 5.0


class _Last(NamedTuple):
    """The last message on a subject: its record, and its number in the stream."""

    seq: int
    hash: str
    stream_seq: int


class AuditNats:
    """Publishes records."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        if not settings.servers:
            raise ConfigurationError("[plugin.audit_nats] servers: name one, tls://host:4222")
        for server in settings.servers:
            parts = urlsplit(server)
            is_near = parts.scheme == "nats" and is_this_machine(parts.hostname or "")
            if parts.scheme != "tls" and not is_near:
                raise ConfigurationError(
                    f"[plugin.audit_nats] servers: {server!r}; write tls://…, or nats:// to this machine only"
                )
        self._settings = settings
        is_encrypted = any(server.startswith("tls:") for server in settings.servers)
        self._tls: ssl.SSLContext | None = tls_context(settings.ca, "audit_nats") if is_encrypted else None
        self._client: Any = None
        self._last: dict[str, _Last] = {}

    @hookimpl
    def record_sink(self) -> AuditNats:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Publish what the stream does not have yet, one after the other, each acknowledged.

        Raises:
            Diverged: the stream holds another chain on this subject, or records between are missing.
            nats.errors.Error: the server refused, or is not there.
        """
        chain = entries[0].chain
        stream = await self._stream()
        # a token of a subject must not hold a dot, a space or a wildcard (NATS documentation, subject-based messaging)
        subject = f"{self._settings.subject}.{quote(chain, safe='').replace('.', '%2E')}"
        last = self._last.get(chain) or await self._find_last(stream, subject)
        for entry in continuing(entries, last.seq, last.hash, "the stream"):
            headers = {_MESSAGE_ID: f"{chain}:{entry.seq}:{entry.hash}", _EXPECTED: str(last.stream_seq)}
            body = msgspec.json.encode(entry)
            answer = await stream.publish(subject, body, timeout=self._settings.timeout_s, headers=headers)
            last = _Last(entry.seq, entry.hash, answer.seq)
            self._last[chain] = last

    async def close(self) -> None:
        """Close the connection, and forget what was known of the stream."""
        client, self._client = self._client, None
        self._last.clear()
        if client is not None:
            await client.close()

    async def _stream(self) -> Any:
        settings = self._settings
        if self._client is None:
            self._client = await nats.connect(
                list(settings.servers),
                name="readonly-guard audit forward",
                tls=self._tls,
                user_credentials=None if settings.credentials is None else str(settings.credentials),
                connect_timeout=max(1, round(settings.timeout_s)),
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                allow_reconnect=False,  # the feed begins anew from what is safe
                error_cb=_ignore,  # what fails here fails at the caller too
            )
            stream = self._client.jetstream(timeout=settings.timeout_s)
            try:
                await stream.stream_info(settings.stream)
            except NotFoundError:
                if not settings.create:
                    raise
                await stream.add_stream(
                    StreamConfig(
                        name=settings.stream,
                        subjects=[f"{settings.subject}.*"],
                        storage=StorageType.FILE,
                        num_replicas=settings.replicas,
                        deny_delete=True,
                        deny_purge=True,
                    )
                )
        return self._client.jetstream(timeout=settings.timeout_s)

    async def _find_last(self, stream: Any, subject: str) -> _Last:
        try:
            message = await stream.get_last_msg(self._settings.stream, subject)
        except NotFoundError:
            return _Last(0, "", 0)
        name = (message.headers or {}).get(_MESSAGE_ID, "")
        _, seq, digest = ["", "", "", *name.rsplit(":", 2)][-3:]
        if not seq.isdecimal():
            raise Diverged(f"subject {subject}: its last message is none of this program's")
        return _Last(int(seq), digest, message.seq or 0)


async def _ignore(_error: Exception) -> None:
    pass
