"""Real drivers through the proxy."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest


@pytest.fixture(autouse=True)
def denies(guard):
    guard.denies = lambda request: "RG-W05" if "delete" in request.text else None


async def test_asyncpg(proxy) -> None:
    connection = await asyncpg.connect(host="127.0.0.1", port=proxy.port, user="postgres", ssl=False)
    assert await connection.fetchval("select count(*) from t where i <= $1", 3) == 3
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="readonly-guard"):
        await connection.execute("delete from t")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="readonly-guard"):
        await connection.execute("delete from t where i = $1", 3)
    assert await connection.fetchval("select 1") == 1
    async with connection.transaction():
        assert [row["i"] async for row in connection.cursor("select i from t order by i", prefetch=2)] == [
            1,
            2,
            3,
            4,
            5,
        ]
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with connection.transaction():
            await connection.fetch("delete from t returning i")
    assert not connection.is_in_transaction()
    statement = await connection.prepare("select $1::int + 1")
    assert [await statement.fetchval(number) for number in range(3)] == [1, 2, 3]
    with pytest.raises(asyncio.TimeoutError):
        await connection.execute("select pg_sleep(20)", timeout=0.3)
    assert await connection.fetchval("select 2") == 2
    await connection.close()


@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
async def test_psycopg(proxy, sslmode) -> None:
    where = f"host=127.0.0.1 port={proxy.port} user=postgres dbname=postgres sslmode={sslmode}"
    async with await psycopg.AsyncConnection.connect(where) as connection:
        rows = await (await connection.execute("select i from t where i <= %s", [2], prepare=True)).fetchall()
        assert rows == [(1,), (2,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="readonly-guard"):
            await connection.execute("delete from t where i = %s", [1])
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        await connection.rollback()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as denied:
            await connection.execute("delete from t")
        assert "RG-W05" in denied.value.diag.message_primary
        assert "decision-" in denied.value.diag.message_hint
        await connection.rollback()
        async with connection.cursor().copy("copy t to stdout") as copy:
            assert [row async for row in copy.rows()] == [(str(number),) for number in range(1, 6)]
        async with connection.cursor(name="c") as cursor:
            await cursor.execute("select i from t order by i")
            assert await cursor.fetchmany(2) == [(1,), (2,)]
        async with connection.pipeline():
            cursors = [await connection.execute("select %s::int", [number]) for number in range(20)]
        assert [(await cursor.fetchone())[0] for cursor in cursors] == list(range(20))
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            async with connection.pipeline():
                await connection.execute("select 1")
                await connection.execute("delete from t")
                await connection.execute("select 2")
        await connection.rollback()
        assert (await (await connection.execute("select 3")).fetchone()) == (3,)


@pytest.mark.parametrize("newest", ["3.0", "3.2", "latest"])
async def test_psycopg_cancel(proxy, newest) -> None:
    where = f"host=127.0.0.1 port={proxy.port} user=postgres dbname=postgres max_protocol_version={newest}"
    async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
        sleeping = asyncio.create_task(connection.execute("select pg_sleep(20)"))
        await asyncio.sleep(0.2)
        await connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            await sleeping
        assert (await (await connection.execute("select 1")).fetchone()) == (1,)


@pytest.mark.parametrize("role", ["scram", "md5"])
async def test_passwords_pass_through(proxy, guard, role) -> None:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=proxy.port, user=role, password="p", database="postgres", ssl=False
    )
    assert await connection.fetchval("select session_user") == role
    assert guard.requests[-1].subject.id == role
    await connection.close()
    where = f"host=127.0.0.1 port={proxy.port} user={role} dbname=postgres"
    async with await psycopg.AsyncConnection.connect(where, password="p") as other:
        assert (await (await other.execute("select session_user")).fetchone()) == (role,)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host="127.0.0.1", port=proxy.port, user=role, password="q", database="postgres", ssl=False
        )
    await asyncio.sleep(0.1)  # the session ends when the server closes, the driver does not wait for that
    assert [event for event, *_ in guard.sessions].count("refused") == 1
