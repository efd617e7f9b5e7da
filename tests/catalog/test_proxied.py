"""The trap database behind the whole guard: every trap is sent through the proxy, and nothing changes."""

from __future__ import annotations

import asyncio
from functools import partial

import psycopg
import pytest

from readonly_guard import Guard
from readonly_guard.audit import read
from readonly_guard.domain import DecisionRecord
from readonly_guard.settings import (
    CatalogSettings,
    JournalSettings,
    ListenerSettings,
    PolicySettings,
    ReadingSettings,
    Settings,
    UpstreamSettings,
)
from readonly_guard.sql import judge_startup
from readonly_guard_cli.demo import write_policy_data
from readonly_guard_proxy.lifecycle.knowing import catalog_kept
from readonly_guard_proxy.service import serve

PASSWORD = "canary"


@pytest.fixture
async def proxied(newest, tmp_path):
    """A proxy before the newest server; gives a connection string for `alind`, who is on the roster, and the guard."""
    database = psycopg.conninfo.conninfo_to_dict(newest.dsn)
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS alind")
        admin.execute(f"CREATE ROLE alind LOGIN PASSWORD '{PASSWORD}' IN ROLE reader")
    settings = Settings(
        upstream=UpstreamSettings(host=database["host"], port=int(database["port"])),
        journal=JournalSettings(path=str(tmp_path / "journal"), durability="buffered"),
        listener=ListenerSettings(port=0),
        policy=PolicySettings(data=(str(write_policy_data(tmp_path / "roster.json")),)),
        reading=ReadingSettings(search_path=newest.snapshot.schemas),
        catalog=CatalogSettings(dsn=newest.dsn, refresh_s=0.05),
    )
    guard = Guard.from_settings(settings)
    ready, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    judge = partial(judge_startup, rules=settings.reading)
    async with catalog_kept(settings, guard) as checks:
        serving = serve(settings, guard, judge=judge, ready=ready.set_result, stop=stop, checks=checks)
        running = asyncio.create_task(serving)
        await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
        yield f"postgresql://alind:{PASSWORD}@127.0.0.1:{ready.result()}/postgres"
        stop.set()
        await running
    await guard.aclose()


async def connect(dsn, path):
    options = f"-c search_path={path} -c readonly_guard.purpose=TREAT"
    return await psycopg.AsyncConnection.connect(dsn, options=options, autocommit=True, prepare_threshold=None)


async def run(connection, sql):
    """The SQLSTATE and message that a statement is refused with, or None."""
    try:
        async with connection.cursor() as cursor:
            if sql.startswith("COPY"):
                async with cursor.copy(sql) as copy:
                    async for _ in copy:
                        pass
            else:
                await cursor.execute(sql)
    except psycopg.Error as error:
        return error.diag.sqlstate, error.diag.message_primary
    return None


def written(newest):
    """The next transaction id, which no read takes, and whether a file was made. A digest would spring the traps."""
    with psycopg.connect(newest.dsn) as connection:
        (next_id,) = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    return next_id, (newest.data / "canary-file").exists()


async def test_a_prepared_statement_is_not_run_on_a_search_path_that_it_was_not_judged_on(proxied):
    async with await connect(proxied, "l_overloads,canary") as connection:
        assert await run(connection, "PREPARE p AS SELECT lower(n) FROM t_shadowed.t") is None
        assert await run(connection, "EXECUTE p") is None
        assert await run(connection, "RESET ALL") is None
        assert await run(connection, "EXECUTE p") is None
        assert await run(connection, "SET search_path = t_shadowed") is None
        for statement in ("EXECUTE p", "EXPLAIN ANALYZE EXECUTE p"):
            assert "RG-F0" in (await run(connection, statement))[1]
    async with await connect(proxied, "l_overloads,canary") as connection:
        assert await run(connection, "SET search_path = l_columns") is None  # as pg_dump does
        assert await run(connection, "PREPARE p AS SELECT lower('X')") is None
        assert await run(connection, "EXECUTE p") is None


async def test_a_prepared_statement_is_held_against_the_catalog_of_now(proxied, newest):
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute("CREATE VIEW l_view.moving AS SELECT 1 AS n; GRANT SELECT ON l_view.moving TO reader")
        try:
            async with await connect(proxied, "l_view") as connection:
                await eventually(
                    lambda: run(connection, "PREPARE p AS SELECT * FROM moving"), lambda said: said is None
                )
                assert await run(connection, "EXECUTE p") is None
                admin.execute("CREATE OR REPLACE VIEW l_view.moving AS SELECT canary.poke() AS n")
                await eventually(lambda: run(connection, "SELECT * FROM moving"), lambda said: "RG-F03" in str(said))
                assert "RG-F03" in (await run(connection, "EXECUTE p"))[1]
        finally:
            admin.execute("DROP VIEW l_view.moving")


async def fetched(proxied, statements, journal):
    """What is recorded of FETCH, and how many rows it gave."""
    async with await connect(proxied, "l_cursors") as connection:
        for sql in statements:
            await connection.execute(sql)
        rows = await (await connection.execute("FETCH ALL FROM c")).fetchall()
        records = [entry.record for entry in read(journal) if isinstance(entry.record, DecisionRecord)]
        return records[-1].action, records[-1].patients, len(rows)


async def test_a_cursor_that_a_function_may_have_opened_is_everybodys(proxied, moving, tmp_path):
    assert await fetched(proxied, moving, tmp_path / "journal") == ("search", ("*:?",), 2)


async def test_a_cursor_that_no_function_has_touched_is_known(proxied, staying, tmp_path):
    assert await fetched(proxied, staying, tmp_path / "journal") == ("read", ("person_id:7",), 1)


async def test_a_text_that_moves_cursors_and_fetches_is_everybodys(proxied, tmp_path):
    async with await connect(proxied, "l_cursors") as connection:
        await connection.execute("BEGIN")
        await connection.execute("DECLARE c CURSOR FOR SELECT * FROM person WHERE person_id = 7")
        await connection.execute("SELECT swapped('c'); FETCH ALL FROM c")
        records = [entry.record for entry in read(tmp_path / "journal") if isinstance(entry.record, DecisionRecord)]
    assert "*:?" in records[-1].patients


async def test_nothing_changes(proxied, newest, all_traps, all_lookalikes):
    before = written(newest)
    for item in [item for item in all_traps if item.is_for(newest.major)]:
        async with await connect(proxied, item.path.replace(" ", "")) as connection:
            for sql in item.runs:
                said = await run(connection, sql)
                assert said is not None, sql
                assert "RG-F" in said[1], (sql, said)
    assert written(newest) == before
    for item in [item for item in all_lookalikes if item.is_for(newest.major)]:
        async with await connect(proxied, item.path.replace(" ", "")) as connection:
            for sql in item.runs:
                assert await run(connection, sql) is None, sql
    assert written(newest) == before


async def test_a_search_path_that_was_set_counts_until_the_session_ends(proxied):
    async with await connect(proxied, "l_overloads,canary") as connection:
        assert await run(connection, "SELECT lower('X')") is None
        await connection.execute("BEGIN")
        assert await run(connection, "SET search_path = t_shadowed") is None
        assert "RG-F03" in (await run(connection, "SELECT lower(n) FROM t_shadowed.t"))[1]
        await connection.execute("ROLLBACK")
        # whichever path is in force now, both are asked: the guard does not follow transactions
        assert "RG-F03" in (await run(connection, "SELECT lower('X')"))[1]
    async with await connect(proxied, "l_overloads,canary") as connection:
        assert await run(connection, "SELECT lower('X')") is None


async def test_a_text_that_sets_the_search_path_is_read_on_it(proxied):
    async with await connect(proxied, "l_overloads,canary") as connection:
        said = await run(connection, "SET search_path = t_shadowed; SELECT lower(n) FROM t_shadowed.t")
        assert "RG-F03" in said[1]


async def test_what_moves_in_the_database_is_seen(proxied, newest):
    async with await connect(proxied, "canary") as connection:
        assert "RG-F04" in (await run(connection, "SELECT * FROM canary.news"))[1]
        with psycopg.connect(newest.dsn, autocommit=True) as admin:
            before = admin.execute("SELECT count(*) FROM canary.written").fetchone()
            admin.execute("CREATE VIEW canary.news AS SELECT 1 AS n; GRANT SELECT ON canary.news TO reader")
            try:
                await eventually(lambda: run(connection, "SELECT * FROM canary.news"), lambda said: said is None)
                admin.execute("CREATE OR REPLACE VIEW canary.news AS SELECT canary.poke() AS n")
                await eventually(lambda: run(connection, "SELECT * FROM canary.news"), bool)
                assert admin.execute("SELECT count(*) FROM canary.written").fetchone() == before
            finally:
                admin.execute("DROP VIEW canary.news")


async def test_a_session_on_another_database_reads_none_of_its_tables(proxied, newest):
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS elsewhere")
        admin.execute("CREATE DATABASE elsewhere")
    with psycopg.connect(newest.dsn.replace("/postgres?", "/elsewhere?"), autocommit=True) as admin:
        admin.execute("CREATE SCHEMA l_view; CREATE VIEW l_view.c AS SELECT txid_current() AS n")
        admin.execute("GRANT USAGE ON SCHEMA l_view TO reader; GRANT SELECT ON l_view.c TO reader")
    async with await connect(proxied.replace("/postgres", "/elsewhere"), "l_view") as connection:
        assert "RG-F04" in (await run(connection, "SELECT * FROM c"))[1]
        assert await run(connection, "SELECT 1") is None


async def eventually(ask, is_so):
    async with asyncio.timeout(20):
        while not is_so(await ask()):  # noqa: ASYNC110  it is the other side's doing
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", ["in flight", "forgotten", "cursor"])
async def test_what_is_not_known_for_certain_is_not_run_on_another_search_path(proxied, newest, way):
    before = written(newest)
    async with await connect(proxied, "l_overloads,canary") as connection:
        parsed = await asyncio.to_thread(connection.pgconn.prepare, b"p", b"SELECT lower(n) FROM t_shadowed.t")
        assert not parsed.error_message
        assert await run(connection, "BEGIN") is None
        assert await run(connection, 'DECLARE "å" CURSOR FOR SELECT 1') is None
        assert await run(connection, 'FETCH FROM "å"') is None  # on the one path that there is
        assert await run(connection, "EXECUTE p") is None
        assert await run(connection, "SET search_path = t_shadowed") is None
        said = []
        if way == "in flight":
            try:
                async with connection.pipeline():
                    await connection.execute("LISTEN x")  # which may change what names mean, for all that is known
                    await connection.execute("EXECUTE p")
            except psycopg.Error as error:
                said.append(error.diag.message_primary)
        elif way == "forgotten":
            assert await run(connection, 'PREPARE "å" AS SELECT 1') is None  # and with it all others
            said = await run(connection, "EXECUTE p")
        else:
            said = await run(connection, 'FETCH FROM "å"')
        assert "RG-F04" in str(said)
        assert await run(connection, "ROLLBACK") is None
        assert await run(connection, "PREPARE q AS SELECT 1; EXECUTE q") is None  # the text itself says what it runs
    assert written(newest) == before
