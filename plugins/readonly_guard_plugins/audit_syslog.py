"""The log to a syslog server: RFC 5424 messages over TLS (RFC 5425), each with its length in front.

Syslog acknowledges nothing. So a batch has a connection of its own, which is closed the orderly way: see
`readonly_guard_plugins.orderly_tls`. Without the server's close_notify the batch comes again, and a receiver tells what
it has by chain and number, which stand in the structured data.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.domain import DecisionRecord, Entry, SessionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard_plugins.https import tls_context
from readonly_guard_plugins.orderly_tls import Unconfirmed, send

__all__ = ["AuditSyslog", "message"]

_NOTICE, _WARNING = 5, 4
_NOBODYS: Final = 32473
"""The enterprise number for examples (RFC 5612): until there is one of this project's own."""
_BOM: Final = b"\xef\xbb\xbf"


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: str
    port: int = 6514
    ca: Path | None = None
    """The certificates to trust, PEM; without it those of the system."""
    certificate: Path | None = None
    """Of this client, with its key in the same file or in ``key``."""
    key: Path | None = None
    facility: int = 13
    """13 is "log audit" (RFC 5424, table 1)."""
    app_name: str = "readonly-guard"
    confirm: bool = True
    """Wait for the server's close_notify. Some servers send none: then what was under way in a crash may be lost."""
    timeout_s: float = 10.0


class AuditSyslog:
    """Sends records as messages."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        if not 0 <= settings.facility <= 23:  # noqa: PLR2004  RFC 5424, table 1
            raise ConfigurationError(f"[plugin.audit_syslog] facility: {settings.facility}; it is 0 to 23")
        if not settings.app_name.isascii() or not settings.app_name.isprintable() or " " in settings.app_name:
            raise ConfigurationError("[plugin.audit_syslog] app_name: printable ASCII without space (RFC 5424, 6.2.5)")
        self._settings = settings
        self._tls = tls_context(settings.ca, "audit_syslog", certificate=settings.certificate, key=settings.key)
        self._host = platform.node() or "-"

    @hookimpl
    def record_sink(self) -> AuditSyslog:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Send the records and wait until the server has read them.

        Raises:
            Unconfirmed: the server did not say so.
            OSError: there is no connection, or one of the two does not trust the other.
        """
        settings = self._settings
        messages = [message(entry, settings.facility, self._host, settings.app_name) for entry in entries]
        data = b"".join(b"%d %b" % (len(item), item) for item in messages)
        await asyncio.to_thread(self._send, data)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _send(self, data: bytes) -> None:
        settings = self._settings
        try:
            send(settings.host, settings.port, self._tls, data, timeout_s=settings.timeout_s)
        except Unconfirmed:
            if settings.confirm:
                raise


def message(entry: Entry, facility: int, host: str, app_name: str) -> bytes:
    """A record as an RFC 5424 message: chain, number and hash as structured data, the record as JSON."""
    record = entry.record
    is_denial = isinstance(record, DecisionRecord | SessionRecord) and bool(record.codes)
    priority = facility * 8 + (_WARNING if is_denial else _NOTICE)
    kind = type(record).__struct_config__.tag
    data = f'[readonly-guard@{_NOBODYS} chain="{_parameter(entry.chain)}" seq="{entry.seq}" hash="{entry.hash}"]'
    header = f"<{priority}>1 {record.time} {host} {app_name} - {kind} {data} "
    return header.encode() + _BOM + msgspec.json.encode(record)


def _parameter(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
