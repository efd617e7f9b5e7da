"""asyncpg: binary extended protocol, statement cache, its own introspection of types."""

from __future__ import annotations

import asyncio
import io
import ssl

import asyncpg
import pytest

pytestmark = pytest.mark.client("asyncpg")
READ = "SELECT name_last FROM person WHERE person_id = $1"


@pytest.fixture
async def connection(gate):
    opened = await asyncpg.connect(gate.dsn, server_settings={"readonly_guard.purpose": "TREAT"}, timeout=10)
    yield opened
    await opened.close()


async def test_connecting_with_options(gate) -> None:
    opened = await asyncpg.connect(gate.dsn, server_settings={"options": gate.options, "application_name": "asyncpg"})
    assert await opened.fetchval("SHOW readonly_guard.purpose") == "TREAT"
    assert await opened.fetchval(READ, 900_001) == "Tolvansson"
    await opened.close()


@pytest.mark.shows("reads", "prepared")
async def test_reads(connection, gate) -> None:
    with gate.without_denials():
        prepared = await connection.prepare(READ)
        assert [await prepared.fetchval(900_001) for _ in range(20)] == ["Tolvansson"] * 20
        assert prepared.get_attributes()[0].name == "name_last"
        assert await prepared.explain(900_001)
        assert len(await connection.fetch("SELECT * FROM clinical_event")) == gate.events
        assert await connection.fetchmany("SELECT $1::int", [(1,), (2,)])
        await connection.reload_schema_state()
        assert await connection.fetchval("SELECT 1", timeout=5) == 1


@pytest.mark.shows("reads")
async def test_types_that_make_it_ask_the_catalog(connection, gate) -> None:
    with gate.without_denials():
        assert await connection.fetchval("SELECT p FROM person AS p WHERE person_id = 900001")  # a composite type
        assert await connection.fetchval("SELECT array_agg(p) FROM person AS p WHERE person_id = 900001")
        assert await connection.fetchval("SELECT 'person'::regclass") == "person"
        assert await connection.fetchval("SELECT 'YES'::information_schema.yes_or_no") == "YES"  # a domain
        assert await connection.fetchval("SELECT int4multirange(int4range(1, 3))")
        await connection.set_type_codec("json", encoder=str, decoder=str, schema="pg_catalog")
        await connection.reset_type_codec("json", schema="pg_catalog")


@pytest.mark.shows("reads")
async def test_transactions(connection, gate) -> None:
    with gate.without_denials():
        for options in (
            {},
            {"isolation": "serializable", "readonly": True, "deferrable": True},
            {"isolation": "repeatable_read"},
            {"readonly": True},
        ):
            async with connection.transaction(**options):
                assert await connection.fetchval(READ, 900_001) == "Tolvansson"
                async with connection.transaction():  # a savepoint
                    assert await connection.fetchval("SELECT 1") == 1
        async with connection.transaction():
            ids = [
                row[0] async for row in connection.cursor("SELECT clinical_event_id FROM clinical_event", prefetch=99)
            ]
            cursor = await connection.cursor("SELECT clinical_event_id FROM clinical_event ORDER BY 1")
            await cursor.forward(10)
            assert len(await cursor.fetch(5)) == 5
    assert len(ids) == gate.events


@pytest.mark.shows("denial")
async def test_a_write_is_refused_and_the_session_goes_on(connection) -> None:
    for sql, arguments in (("DELETE FROM person", ()), ("DELETE FROM person WHERE person_id = $1", (1,))):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="RG-W05") as denied:
            await connection.execute(sql, *arguments)
        assert denied.value.sqlstate == "25006"
        assert await connection.fetchval(READ, 900_001) == "Tolvansson"
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="RG-W04"):
        await connection.copy_records_to_table("visit_log", records=[(1, 1)], columns=["visit_log_id", "person_id"])
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="RG-W04"):
        await connection.executemany("INSERT INTO visit_log (person_id) VALUES ($1)", [(1,), (2,)])
    assert await connection.fetchval(READ, 900_001) == "Tolvansson"


@pytest.mark.shows("denial")
async def test_a_transaction_after_a_denial(connection) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="RG-W05"):
        async with connection.transaction():
            await connection.execute("DELETE FROM person")
    async with connection.transaction():
        assert await connection.fetchval(READ, 900_001) == "Tolvansson"


@pytest.mark.shows("large")
async def test_a_large_result(connection, gate) -> None:
    rows = await connection.fetch(gate.large)
    assert (len(rows), len(rows[-1]["filler"])) == (gate.large_rows, 400)


@pytest.mark.shows("tls")
async def test_tls(tls_gate) -> None:
    secure = {"ssl": ssl.create_default_context(cafile=tls_gate.root), "server_settings": {"options": tls_gate.options}}
    where = {"port": tls_gate.port, "user": tls_gate.user, "password": tls_gate.password, "database": tls_gate.name}
    opened = await asyncpg.connect(host=tls_gate.host, **where, **secure)
    assert await opened.fetchval(READ, 900_001) == "Tolvansson"
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="RG-W05"):
        await opened.execute("DELETE FROM person")
    await opened.close()
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        await asyncpg.connect(host="127.0.0.1", **where, **secure)


@pytest.mark.shows("reads")
async def test_copying_out(connection, gate) -> None:
    await connection.execute("SET readonly_guard.print_reason = 'MEDICAL_NEED'")
    out = io.BytesIO()
    with gate.without_denials():
        await connection.copy_from_table("clinical_event", output=out, schema_name="millennium")
        await connection.copy_from_query(READ, 900_001, output=out, format="csv", header=True)
    assert out.getvalue().count(b"\n") >= gate.events + 2


async def test_listening(connection, gate) -> None:
    with gate.without_denials():
        await connection.add_listener("news", lambda *_: None)
        await connection.remove_listener("news", lambda *_: None)


@pytest.mark.shows("cancel")
async def test_cancelling(connection, gate) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await connection.execute(gate.endless, timeout=0.3)
    assert await connection.fetchval(READ, 900_001) == "Tolvansson"


@pytest.mark.shows("reads")
async def test_a_pool(gate) -> None:
    settings = {"readonly_guard.purpose": "TREAT"}
    with gate.without_denials():
        async with asyncpg.create_pool(gate.dsn, min_size=2, max_size=4, server_settings=settings) as pool:
            names = await asyncio.gather(*(pool.fetchval(READ, 900_001) for _ in range(20)))
    assert names == ["Tolvansson"] * 20
