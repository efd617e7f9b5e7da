"""The trap database behind a guarded connection: no trap is sent, whichever way it is asked for, and nothing changes."""

from __future__ import annotations

import psycopg
import pytest

from readonly_guard import Guard, WriteDenied, connect
from readonly_guard.audit import read
from readonly_guard.catalog import encode
from readonly_guard.domain import DecisionRecord
from readonly_guard.settings import ReadingSettings
from readonly_guard_cli.demo import write_policy_data


@pytest.fixture
async def opened(newest, tmp_path):
    """``await opened(path)``: a session on a search path, of a role that may only read; for Anna Lind."""
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS tool; CREATE ROLE tool LOGIN PASSWORD 'canary' IN ROLE reader")
    at = psycopg.conninfo.conninfo_to_dict(newest.dsn)
    (tmp_path / "catalog.json").write_bytes(encode(newest.snapshot))
    guard = Guard.open(
        journal=tmp_path / "journal",
        data=[write_policy_data(tmp_path / "roster.json")],
        durability="buffered",
        reading=ReadingSettings(search_path=newest.snapshot.schemas),
        catalog=tmp_path / "catalog.json",
    )

    async def session(path):
        return await connect(
            host=at["host"], port=int(at["port"]), user="tool", password="canary", database="postgres",
            guard=guard, subject="alind", purpose="TREAT", server_settings={"search_path": path},
        )  # fmt: skip

    yield session
    await guard.aclose()


def next_transaction(newest):
    """Which no read takes."""
    with psycopg.connect(newest.dsn) as connection:
        return connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()


async def test_no_trap_is_sprung(opened, newest, all_traps):
    before, sprung = next_transaction(newest), []
    for item in (item for item in all_traps if item.is_for(newest.major)):
        connection = await opened(item.path)
        for sql in item.runs:
            for run in (connection.execute, connection.fetch, connection.prepare):
                with pytest.raises(WriteDenied) as caught:
                    sprung.append((sql, await run(sql)))
                assert caught.value.codes[0].startswith("RG-F"), (sql, caught.value)
        await connection.close()
    assert sprung == []
    assert next_transaction(newest) == before


async def test_what_only_looks_like_a_trap_is_run(opened, newest, all_lookalikes):
    before = next_transaction(newest)
    for item in (item for item in all_lookalikes if item.is_for(newest.major)):
        connection = await opened(item.path)
        for sql in item.runs:
            if not sql.startswith("COPY"):  # asyncpg has methods of its own for that
                await connection.execute(sql)
        await connection.close()
    assert next_transaction(newest) == before


async def fetched(opened, statements, journal):
    """What is recorded of FETCH, and how many rows it gave."""
    connection = await opened("l_cursors")
    for sql in statements:
        await connection.execute(sql)
    rows = await connection.fetch("FETCH ALL FROM c")
    record = [entry.record for entry in read(journal) if isinstance(entry.record, DecisionRecord)][-1]
    await connection.close()
    return record.action, record.patients, len(rows)


async def test_a_cursor_that_a_function_may_have_opened_is_everybodys(opened, moving, tmp_path):
    assert await fetched(opened, moving, tmp_path / "journal") == ("search", ("*:?",), 2)


async def test_a_cursor_that_no_function_has_touched_is_known(opened, staying, tmp_path):
    assert await fetched(opened, staying, tmp_path / "journal") == ("read", ("person_id:7",), 1)
