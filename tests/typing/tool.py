"""A tool as its author writes it: mypy --strict has nothing to say about it. It is not run."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any, assert_type

import asyncpg

import readonly_guard
from readonly_guard import (
    AccessDenied,
    Decision,
    Declared,
    Guard,
    GuardedConnection,
    GuardedPool,
    Reason,
    StatementDenied,
    StatementRequest,
    Subject,
    WriteDenied,
    hookimpl,
    load_settings,
)
from readonly_guard.connection import GuardedCursor, GuardedPreparedStatement
from readonly_guard.domain import AccessRequest, Analysis


class NoSearches:
    """A rule of one's own."""

    @hookimpl
    def review_statement(self, analysis: Analysis, request: AccessRequest) -> list[Reason] | None:
        """Deny what is not about a patient."""
        if request.action.name != "search" or not analysis.is_read:
            return None
        return [Reason(code="TOOL-1", rule="my tool", sv="Sök inte här", en="Do not search here")]


async def decides() -> None:
    """What a guard says."""
    with Guard.open(journal=Path("journal"), data=["roster.json"], durability="buffered") as guard:
        decision = guard.check("SELECT 1", subject="alind", purpose="TREAT")
        assert_type(decision, Decision)
        assert_type(decision.codes, tuple[str, ...])
        assert_type(decision.message("sv"), str)
        asked = StatementRequest(text="SELECT 1", subject=Subject(id="alind"), declared=Declared(purpose="TREAT"))
        assert_type(await guard.decide(asked), Decision)
    await Guard.from_settings(load_settings(Path("guard.toml"))).aclose()


async def reads(guard: Guard, *, everything: bool) -> list[str]:
    """One connection, in every way."""
    connection = await readonly_guard.connect(
        "postgresql://db.internal/x",
        guard=guard,
        subject=Subject(id="alind"),
        purpose="TREAT",
        language="sv",
        command_timeout=5.0,
        statement_cache_size=0,
        server_settings={"application_name": "tool"},
        ssl="require",
        password=lambda: "secret",
    )
    assert_type(connection, GuardedConnection)
    try:
        rows = await connection.fetch("SELECT name_last FROM person WHERE person_id = $1", 7, timeout=2)
        assert_type(rows, list[Any])
        status = await connection.execute("SELECT 1")
        assert_type(status, str)
        await connection.executemany("SELECT $1::int", [(1,), [2]])
        await connection.declare(purpose="TREAT", print_reason=None)
        assert_type(connection.declared.purpose, str | None)
        prepared = await connection.prepare("SELECT $1::int")
        assert_type(prepared, GuardedPreparedStatement)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for row in connection.cursor("SELECT 1", prefetch=10):
                rows.append(row)
            cursor = await prepared.cursor(1)
            assert_type(cursor, GuardedCursor)
            assert_type(await cursor.forward(2), int)
        out = io.BytesIO()
        assert_type(await connection.copy_from_query("SELECT 1", output=out, format="csv", header=True), str)
        await connection.add_listener("news", lambda *_: None)
    except WriteDenied as denial:
        assert_type(denial.decision, Decision)
        return [denial.detail, denial.hint, *denial.codes]
    except (AccessDenied, StatementDenied) as denial:
        return [str(denial)] if everything else []
    except asyncpg.PostgresError:
        return []
    finally:
        await connection.close(timeout=5)
    return [str(row) for row in rows]


async def serves(guard: Guard) -> int:
    """A pool, for somebody."""

    async def prepared(connection: GuardedConnection) -> None:
        await connection.fetchval("SELECT 1")

    pool = readonly_guard.create_pool(guard=guard, host="db.internal", min_size=1, max_size=4, setup=prepared)
    assert_type(pool, GuardedPool)
    async with pool, pool.acquire(subject="bberg", purpose="ETREAT", justification="…") as connection:
        assert_type(connection, GuardedConnection)
    assert_type(await pool, GuardedPool)
    assert_type(await pool.acquire(timeout=1), GuardedConnection)
    return pool.get_size()


if __name__ == "__main__":
    asyncio.run(decides())
