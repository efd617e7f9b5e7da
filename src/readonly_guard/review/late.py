"""Information that was added after read mode began: what the routine itself says no technical support hinders (S05).

The guard refuses writes that pass it; whether anything was written past it only the database can tell. Each table's own
times of creation and change are compared with the first moment of read mode, in one read-only transaction. Keys and
times are kept, no content.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from readonly_guard.domain import LateRow, LateWritesRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339
from readonly_guard.review.desk import Desk
from readonly_guard.review.periods import SWEDEN
from readonly_guard.review.plan import LateWritesPlan
from readonly_guard.review.standing import Actor

__all__ = ["late_total", "look_for_late_writes"]

_TIMEOUT_S: Final = 30.0
_TABLES: Final = """
SELECT n.nspname AS schema, c.relname AS name,
       array_agg(a.attname::text) AS columns,
       coalesce((SELECT array_agg(k.attname::text ORDER BY array_position(i.indkey::smallint[], k.attnum))
                   FROM pg_index i
                   JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey::smallint[])
                  WHERE i.indrelid = c.oid AND i.indisprimary), '{}') AS keys
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY ($1::text[])
 GROUP BY c.oid, n.nspname, c.relname
 ORDER BY n.nspname, c.relname
"""


def look_for_late_writes(desk: Desk, actor: Actor) -> LateWritesRecord:
    """Look at every table of the plan's schemas, and append what was found to the ledger.

    Raises:
        ConfigurationError: the plan names no database, or it cannot be read.
        BrokenLog: the review's own chain is not whole.
    """
    plan = desk.plan.late_writes
    if plan is None:
        raise ConfigurationError("review.toml has no [late_writes]; say which database is to be looked at")
    try:
        record = asyncio.run(_look(plan, actor, rfc3339(desk.now())))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TimeoutError) as error:
        state = getattr(error, "sqlstate", None)
        what = f"SQLSTATE {state}" if state else type(error).__name__  # its text may show what it was connected with
        raise ConfigurationError(
            f"late_writes: the database cannot be read: {what}; check `dsn` in review.toml and the role's rights"
        ) from None
    desk.ledger.add(lambda _history: [record])
    return record


def late_total(record: LateWritesRecord) -> int:
    """How many rows were found in all tables together."""
    return sum(int(item.rpartition("=")[2]) for item in record.tables)


async def _look(plan: LateWritesPlan, actor: Actor, now: str) -> LateWritesRecord:
    connection = await asyncpg.connect(
        plan.dsn,
        timeout=_TIMEOUT_S,
        server_settings={
            "default_transaction_read_only": "on",
            "timezone": str(SWEDEN),
            "application_name": "readonly-guard review",
        },
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _look_at_tables(connection, plan, actor, now)
    finally:
        await connection.close()


async def _look_at_tables(connection: Any, plan: LateWritesPlan, actor: Actor, now: str) -> LateWritesRecord:
    since = datetime(plan.since.year, plan.since.month, plan.since.day, tzinfo=SWEDEN)
    counts: list[str] = []
    unchecked: list[str] = []
    found: list[LateRow] = []
    tables = await connection.fetch(_TABLES, list(plan.schemas))
    if not tables:
        raise ConfigurationError(
            f"late_writes: no table in {', '.join(plan.schemas)}; correct `schemas` in review.toml"
        )
    for table in tables:
        name = f"{table['schema']}.{table['name']}"
        times = [column for column in (plan.created, plan.changed) if column in table["columns"]]
        if not times:
            unchecked.append(f"{name}: has neither {plan.created} nor {plan.changed}")
            continue
        try:
            async with connection.transaction():  # a table that may not be read does not end the whole
                number, rows = await _late_rows(connection, plan, table, times, since)
        except asyncpg.PostgresError as error:
            unchecked.append(f"{name}: cannot be read, SQLSTATE {error.sqlstate}")
            continue
        counts.append(f"{name}={number}")
        found += rows
    found.sort(key=lambda row: max(row.created, row.changed), reverse=True)
    return LateWritesRecord(
        time=now,
        actor=actor.user,
        via=actor.via,
        database=await connection.fetchval("SELECT current_database()"),
        since=rfc3339(since),
        tables=tuple(counts),
        unchecked=tuple(unchecked),
        rows=tuple(found[: plan.keep]),
    )


async def _late_rows(
    connection: Any, plan: LateWritesPlan, table: Any, times: Sequence[str], since: datetime
) -> tuple[int, list[LateRow]]:
    place = f"{_quoted(table['schema'])}.{_quoted(table['name'])}"
    late = " OR ".join(f"{_quoted(column)} >= $1::timestamptz" for column in times)
    latest = f"greatest({', '.join(f'{_quoted(column)}::timestamptz' for column in times)})"
    keys = "concat_ws(', ', {})".format(
        ", ".join(f"'{column.replace(chr(39), chr(39) * 2)}=' || {_quoted(column)}::text" for column in table["keys"])
        or "NULL"
    )
    created, changed = (
        f"{_quoted(column)}::timestamptz" if column in times else "NULL::timestamptz"
        for column in (plan.created, plan.changed)
    )
    by = f"{_quoted(plan.by)}::text" if plan.by in table["columns"] else "NULL::text"
    number = await connection.fetchval(f"SELECT count(*) FROM {place} WHERE {late}", since)  # noqa: S608  names quoted
    rows = await connection.fetch(
        f"SELECT {keys} AS key, {created} AS created, {changed} AS changed, {by} AS by FROM {place}"  # noqa: S608
        f" WHERE {late} ORDER BY {latest} DESC LIMIT $2",
        since,
        plan.keep,
    )
    name = f"{table['schema']}.{table['name']}"
    return number, [
        LateRow(
            table=name,
            key=row["key"],
            created="" if row["created"] is None else rfc3339(row["created"]),
            changed="" if row["changed"] is None else rfc3339(row["changed"]),
            by=row["by"] or "",
        )
        for row in rows
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
