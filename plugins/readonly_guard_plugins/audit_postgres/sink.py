"""The sink: a batch is one transaction, added with COPY behind what the chain already has.

How far a chain has come stands in the database, in the row of the chain that the transaction locks. What comes twice is
left out by that, what does not continue the chain is refused, and a record that is there is never written over: the
feed's own cursor may be lost or old.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from readonly_guard.domain import DecisionRecord, Entry
from readonly_guard.hooks import hookimpl
from readonly_guard_plugins.audit_postgres.schema import SCHEMA
from readonly_guard_plugins.continuity import continuing
from readonly_guard_plugins.postgres import PostgresPlace, PostgresSettings

__all__ = ["AuditPostgres"]

_COLUMNS: Final = (
    *("chain", "seq", "hash", "time", "type", "decision_id", "session_id", "subject", "hsa_id", "care_unit"),
    *("purpose", "activity", "verdict", "codes", "patients", "record", "canonical"),
)


class AuditPostgres:
    """Adds records to `readonly_guard_log.entry`."""

    Settings = PostgresSettings
    keeps_canonical = True

    def __init__(self, settings: PostgresSettings) -> None:
        self._place = PostgresPlace(settings, "audit_postgres", "audit forward")
        self._timeout_s = settings.timeout_s
        self._connection: Any = None

    @hookimpl
    def record_sink(self) -> AuditPostgres:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Add what the chain does not have yet.

        Raises:
            Diverged: the chain in the database is another one, or records between are missing.
            ConfigurationError: the password's file cannot be read.
            asyncpg.PostgresError: the database refused.
            OSError: there is no connection.
        """
        connection = await self._connected()
        chain = entries[0].chain
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO readonly_guard_log.chain (chain, seq, hash) VALUES ($1, 0, '') ON CONFLICT DO NOTHING",
                chain,
            )
            head = await connection.fetchrow(
                "SELECT seq, hash FROM readonly_guard_log.chain WHERE chain = $1 FOR UPDATE", chain
            )
            new = continuing(entries, head["seq"], head["hash"], "the database")
            if not new:
                return
            for month in sorted({entry.record.time[:7] for entry in new}):
                await connection.execute(
                    "SELECT readonly_guard_log.ensure_month($1)", datetime.fromisoformat(f"{month}-01T00:00Z")
                )
            await connection.copy_records_to_table(
                "entry", schema_name=SCHEMA, columns=_COLUMNS, records=[_row(entry) for entry in new]
            )
            await connection.execute(
                "UPDATE readonly_guard_log.chain SET seq = $2, hash = $3 WHERE chain = $1",
                chain,
                new[-1].seq,
                new[-1].hash,
            )

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=self._timeout_s)

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._place.connect()
        return self._connection


def _row(entry: Entry) -> tuple[Any, ...]:
    """A row: the record as its hash knows it, and what is found by, all of it taken out of that.

    Whoever reads the canonical text back can therefore tell whether anything of the row was changed.
    """
    fields: dict[str, Any] = {name: _storable(value) for name, value in msgspec.json.decode(entry.canonical).items()}
    is_decision = isinstance(entry.record, DecisionRecord)
    return (
        entry.chain,
        entry.seq,
        entry.hash,
        datetime.fromisoformat(entry.record.time),
        fields["type"],
        *(fields.get(name) for name in _COLUMNS[5:13]),
        *((fields["codes"], fields["patients"]) if is_decision else (None, None)),
        msgspec.json.encode(fields).decode(),
        entry.canonical.decode(),
    )


def _storable(value: Any) -> Any:
    """The value without the one character that PostgreSQL's text and jsonb cannot hold (documentation, 8.14)."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return [_storable(item) for item in value] if isinstance(value, list) else value
