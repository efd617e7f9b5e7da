"""Taking a snapshot: by anybody, of one moment, and noticed when it is no longer true."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import psycopg
import pytest
import uvloop

from readonly_guard.catalog import CatalogUnavailable, capture, decode, encode, fingerprint
from readonly_guard.catalog.taker import take
from readonly_guard.errors import ConfigurationError


async def test_an_ordinary_role_sees_the_same(newest):
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS nobody_special; CREATE ROLE nobody_special LOGIN PASSWORD 'canary'")
    dsn = newest.dsn.replace("postgres:", "nobody_special:", 1)
    password = psycopg.conninfo.conninfo_to_dict(newest.dsn)["password"]
    snapshot = await capture(dsn.replace(f":{password}@", ":canary@"))
    assert snapshot.digest == (await capture(newest.dsn)).digest


@pytest.mark.parametrize("loop_factory", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_in_a_process_of_its_own(newest, loop_factory):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        taken = runner.run(take(newest.dsn, timeout_s=30))
    assert taken == msgspec.structs.replace(newest.snapshot, taken_at=taken.taken_at, fingerprint=taken.fingerprint)


@pytest.mark.parametrize("way", [capture, take, fingerprint])
@pytest.mark.parametrize(
    ("dsn", "why"),
    [
        ("postgresql://nobody@127.0.0.1:1/x", "Connect call failed"),
        ("mysql://nobody@127.0.0.1/x", "scheme"),
        ("postgresql://nobody@/x?host=/no/such/directory", "No such file"),
    ],
)
async def test_a_server_that_cannot_be_reached(way, dsn, why):
    with pytest.raises(CatalogUnavailable, match=why):
        await way(dsn, timeout_s=5.0)


async def test_a_password_is_not_repeated(newest):
    dsn = newest.dsn.replace(psycopg.conninfo.conninfo_to_dict(newest.dsn)["password"], "s3cr3t-canary")
    for way in (capture, take, fingerprint):
        with pytest.raises(CatalogUnavailable) as caught:
            await way(dsn, timeout_s=5.0)
        assert "s3cr3t-canary" not in str(caught.value)


async def test_cancelling_ends_the_process(newest):
    taking = asyncio.create_task(take(newest.dsn, timeout_s=30))
    await asyncio.sleep(0.05)
    taking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await taking
    assert taking.cancelled()


async def test_a_role_with_a_search_path_of_its_own_hides_the_servers(newest):
    """Sessions of other roles begin with the server's: guessed wrongly, an unqualified name is another's view."""
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute("ALTER ROLE postgres SET search_path = canary")
        try:
            with pytest.raises(CatalogUnavailable, match="RESET search_path"):
                await capture(newest.dsn)
            admin.execute("ALTER DATABASE postgres SET search_path = l_view")  # what the others then begin with
            assert (await capture(newest.dsn)).search_paths
        finally:
            admin.execute("ALTER ROLE postgres RESET search_path; ALTER DATABASE postgres RESET search_path")
    with pytest.raises(CatalogUnavailable, match="RESET search_path"):
        await capture(newest.dsn + "&options=-c%20search_path%3Dcanary")


async def test_the_servers_own_search_path_moves_the_fingerprint(newest):
    before = await fingerprint(newest.dsn)
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        for change in ("ALTER SYSTEM SET search_path = canary", "ALTER SYSTEM RESET search_path"):
            admin.execute(change)
            admin.execute("SELECT pg_reload_conf()")
            async with asyncio.timeout(10):
                while (await fingerprint(newest.dsn) == before) == ("SET" in change.split()):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("CREATE VIEW canary.v AS SELECT 1", "DROP VIEW canary.v"),
        ("ALTER FUNCTION canary.poke(int) STABLE", "ALTER FUNCTION canary.poke(int) VOLATILE"),
        ("CREATE POLICY p ON canary.written USING (true)", "DROP POLICY p ON canary.written"),
        ("ALTER ROLE reader SET search_path = canary", "ALTER ROLE reader RESET search_path"),
        ("CREATE CAST (point AS int) WITH INOUT", "DROP CAST (point AS int)"),
        ("CREATE SCHEMA x", "DROP SCHEMA x"),
        ("CREATE TABLE canary.c () INHERITS (canary.written)", "DROP TABLE canary.c"),
        ("ALTER TABLE canary.written RENAME n TO m", "ALTER TABLE canary.written RENAME m TO n"),
        ("CREATE INDEX i ON canary.written (n)", "DROP INDEX canary.i"),
        ("ALTER ROLE reader RENAME TO other", "ALTER ROLE other RENAME TO reader"),
    ],
)
async def test_every_change_moves_the_fingerprint(newest, change, undo):
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        before = await fingerprint(newest.dsn)
        assert await fingerprint(newest.dsn) == before
        admin.execute(change)
        try:
            assert await fingerprint(newest.dsn) != before
        finally:
            admin.execute(undo)


async def test_functions_on_the_search_path_do_not_keep_a_change_from_being_seen(newest):
    better = (
        "CREATE FUNCTION public.concat(oid, text, xid) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'x' $$;"
        "CREATE FUNCTION public.concat(text, text, xid) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'x' $$;"
        "CREATE FUNCTION public.hashtextextended(text, int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint'"
    )
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute(better)
        try:
            before = await fingerprint(newest.dsn)
            assert (await capture(newest.dsn)).fingerprint == before
            admin.execute("ALTER FUNCTION canary.poke(int) STABLE")
            assert await fingerprint(newest.dsn) != before
        finally:
            admin.execute("ALTER FUNCTION canary.poke(int) VOLATILE")
            admin.execute("DROP FUNCTION public.concat(oid, text, xid), public.concat(text, text, xid)")
            admin.execute("DROP FUNCTION public.hashtextextended(text, int)")


def test_a_snapshot_is_read_as_it_was_written(trapped):
    document = encode(trapped.snapshot)
    assert decode(document) == trapped.snapshot
    assert decode(document).digest == trapped.snapshot.digest
    assert document.count(b"\n") > 1_000  # so that two can be compared line by line


@pytest.mark.parametrize(
    "document", [b"", b"{", b"[]", b'{"format": 2}', b'{"relations": [{"oid": "x"}]}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_snapshot_says_so(document):
    with pytest.raises(ConfigurationError, match="snapshot"):
        decode(document, "catalog.json")


def test_a_process_that_ends_before_it_was_asked_is_one_that_failed(monkeypatch):
    monkeypatch.setattr("readonly_guard.catalog.taker._COMMAND", ("-c", "import os; os.close(0)"))
    for _ in range(3):
        with (
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            pytest.raises(CatalogUnavailable, match="failed"),
        ):
            runner.run(take("postgresql://nobody@127.0.0.1/" + "x" * 1_000_000, timeout_s=5))
