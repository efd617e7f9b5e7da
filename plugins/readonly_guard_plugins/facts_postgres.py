"""`facts_postgres`: roster, units, relations and blocks looked up in a PostgreSQL of one's own, for each question.

An information point: what policies cannot hold as data documents because it is large or changes by the minute. The
owner writes the queries, in SQL, over whatever tables there are; each that is given is asked, the others' facts stay
with the policies' data. Answers are kept for ``cache_s`` seconds; what cannot be had in time denies (RG-SYS-003).

    ============  =======================================  ======================================================
    query         parameters                               columns
    ============  =======================================  ======================================================
    ``user``      ``$1`` database user                     those of a roster entry, ``purposes`` an array
    ``unit``      ``$1`` the entry's ``care_unit``         those of a unit
    ``relations`` ``$1`` patient keys (text[])             ``patient``, ``username``, ``from``, ``to``
    ``blocks``    ``$1`` patient keys (text[])             ``patient``, ``provider``, ``unit``, ``to``
    ============  =======================================  ======================================================

Dates may be dates. A ``to`` that is null has no end, a ``unit`` that is null is the whole provider. A patient without
rows has no relations, and no blocks: the queries are taken to know every patient.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from typing import Any, Final

import asyncpg

from readonly_guard.domain import AccessRequest
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard_plugins.postgres import PostgresPlace, PostgresSettings

__all__ = ["FactsPostgres", "FactsSettings"]

_REMEMBERED: Final = 200_000  # answers; a patient's relations are some hundred bytes
_OPENS: Final = frozenset({"read", "search", "print"})


class FactsSettings(PostgresSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[plugin.facts_postgres]`` in guard.toml."""

    timeout_s: float = 0.5
    """For connecting, and for each query: a decision waits for it."""
    connections: int = 4
    cache_s: float = 30.0
    user_query: str | None = None
    unit_query: str | None = None
    relations_query: str | None = None
    blocks_query: str | None = None


class FactsPostgres:
    """The plugin. Connects when the first question comes.

    Args:
        settings: its section.
        clock: seconds, monotonic; for how long an answer is kept.
    """

    Settings = FactsSettings

    def __init__(self, settings: FactsSettings, clock: Callable[[], float] = time.monotonic) -> None:
        if not any((settings.user_query, settings.unit_query, settings.relations_query, settings.blocks_query)):
            raise ConfigurationError("[plugin.facts_postgres]: names no query; write user_query, relations_query, …")
        if settings.unit_query and not settings.user_query:
            raise ConfigurationError("[plugin.facts_postgres]: unit_query goes by the care_unit that user_query gives")
        self._settings = settings
        self._clock = clock
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._place = PostgresPlace(settings, "facts_postgres", "facts", default_transaction_read_only="on")
        self._kept: OrderedDict[tuple[str, str], tuple[float, Any]] = OrderedDict()

    @hookimpl
    def gather_context(self, request: AccessRequest) -> Awaitable[dict[str, Any]]:
        """What the queries say about the asker and the patients."""
        return self._facts(request)

    @hookimpl
    def guard_shutdown(self) -> Awaitable[None]:
        """Close the connections."""
        return self._close()

    async def _facts(self, request: AccessRequest) -> dict[str, Any]:
        settings, facts = self._settings, dict[str, Any]()
        if settings.user_query is not None:
            user = facts["user"] = await self._one("user", settings.user_query, request.subject.id)
            if settings.unit_query is not None and user is not None:
                facts["unit"] = await self._one("unit", settings.unit_query, str(user.get("care_unit", "")))
        patients = list(request.context.get("patients", ())) if request.action.name in _OPENS else []
        if settings.relations_query is not None:
            rows = await self._many("relations", settings.relations_query, patients)
            facts["relations"] = {key: _relations(found) for key, found in rows.items()}
        if settings.blocks_query is not None:
            rows = await self._many("blocks", settings.blocks_query, patients)
            facts["blocks"] = {key: _blocks(found) for key, found in rows.items()}
        return facts

    async def _one(self, kind: str, query: str, key: str) -> dict[str, Any] | None:
        kept = self._recall(kind, key)
        if kept is None:
            rows = await self._fetch(query, key)
            kept = self._keep(kind, key, [_plain(row) for row in rows[:1]])
        return kept[0] if kept else None

    async def _many(self, kind: str, query: str, keys: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        found = {key: self._recall(kind, key) for key in keys}
        missing = [key for key, kept in found.items() if kept is None]
        if missing:
            fresh: dict[str, list[dict[str, Any]]] = {key: [] for key in missing}
            for row in await self._fetch(query, missing):
                plain = _plain(row)
                fresh[plain.pop("patient")].append(plain)
            found |= {key: self._keep(kind, key, rows) for key, rows in fresh.items()}
        return {key: kept or [] for key, kept in found.items()}

    async def _fetch(self, query: str, parameter: Any) -> list[asyncpg.Record]:
        pool = await self._connected()
        rows: list[asyncpg.Record] = await pool.fetch(query, parameter, timeout=self._settings.timeout_s)
        return rows

    async def _connected(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._place.pool(self._settings.connections)
            return self._pool

    async def _close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    def _recall(self, kind: str, key: str) -> list[dict[str, Any]] | None:
        entry = self._kept.get((kind, key))
        if entry is None or entry[0] <= self._clock():
            return None
        rows: list[dict[str, Any]] = entry[1]
        return rows

    def _keep(self, kind: str, key: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._kept[kind, key] = self._clock() + self._settings.cache_s, rows
        self._kept.move_to_end((kind, key))
        while len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return rows


def _relations(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["username"]: {"from": row["from"], "to": row["to"]} for row in rows}


def _blocks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "unit" or value is not None} for row in rows]


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    """A row as JSON has it: dates as text."""
    return {name: value.isoformat()[:10] if isinstance(value, date) else value for name, value in row.items()}
