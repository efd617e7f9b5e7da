"""GuardedPool: connections for somebody, given back as they were opened."""

from __future__ import annotations

import asyncio
import io

import asyncpg
import pytest

from readonly_guard import AccessDenied, Declared, UndecidedDenied, WriteDenied, create_pool

PATIENT = 900_001
READ = "SELECT name_last FROM person WHERE person_id = $1"


@pytest.fixture
async def pool(guard, millennium):
    async with create_pool(millennium.dsn("alind"), guard=guard, purpose="TREAT", min_size=1, max_size=2) as opened:
        yield opened


def event_of(log, session_id: str) -> list[str]:
    return [one.event for one in log.sessions if one.session_id == session_id]


async def test_statements_on_any_connection(pool, log) -> None:
    assert await asyncio.gather(*(pool.fetchval(READ, PATIENT) for _ in range(20))) == ["Tolvansson"] * 20
    assert len(await pool.fetch(READ, PATIENT)) == 1
    assert (await pool.fetchrow(READ, PATIENT))["name_last"] == "Tolvansson"
    assert len(await pool.fetchmany(READ, [(PATIENT,)] * 2)) == 2
    assert await pool.execute("SELECT 1") == "SELECT 1"
    await pool.executemany(READ, [(PATIENT,)])
    for denied in (
        pool.execute("DELETE FROM person"),
        pool.copy_to_table("person", source=io.BytesIO()),
        pool.copy_records_to_table("person", records=[]),
    ):
        with pytest.raises(WriteDenied):
            await denied
    with pytest.raises(AccessDenied, match="RG-X01"):  # a print without a reason
        await pool.copy_from_query(READ, PATIENT, output=io.BytesIO())
    with pytest.raises(AccessDenied, match="RG-X01"):
        await pool.copy_from_table("person", output=io.BytesIO())
    assert {record.subject for record in log.decisions} == {"alind"}


async def test_sizes(pool) -> None:
    assert (pool.get_min_size(), pool.get_init_size(), pool.get_max_size()) == (1, 1, 2)
    assert (pool.get_size(), pool.get_idle_size(), pool.is_closing()) == (1, 1, False)
    async with pool.acquire() as connection:
        first = connection.get_server_pid()
        assert pool.get_idle_size() == 0
    await pool.expire_connections()
    async with pool.acquire() as connection:
        assert connection.get_server_pid() != first
    waiting = pool.acquire(timeout=0.05)
    async with pool.acquire(), pool.acquire():
        with pytest.raises(TimeoutError):
            await waiting


async def test_each_acquisition_is_for_somebody(pool, guard, log) -> None:
    async with pool.acquire() as everybody:
        assert everybody.subject.id == "alind"
        await everybody.fetchval(READ, PATIENT)
    async with pool.acquire(
        subject="bberg", purpose="ETREAT", justification="unconscious in the ward, no time"
    ) as nurse:
        assert (nurse.subject.id, nurse.declared.purpose) == ("bberg", "ETREAT")
        assert await nurse.fetchval("SHOW readonly_guard.purpose") == "ETREAT"
        await nurse.execute("RESET readonly_guard.justification")
        pid = nurse.get_server_pid()
    async with pool.acquire() as again:
        assert again.get_server_pid() == pid
        assert again.session == everybody.session
        assert again.declared == Declared(purpose="TREAT")
        assert await again.fetchval("SHOW readonly_guard.purpose") == "TREAT"
        await again.fetchval(READ, PATIENT)
    reads = [record for record in log.decisions if record.relations and record.phase == "execute"]
    assert [(record.subject, record.session_id) for record in reads] == [("alind", everybody.session.session_id)] * 2
    resets = [record for record in log.decisions if "RESET ALL" in record.statement]
    assert [record.subject for record in resets] == ["alind", "bberg", "alind"]
    await pool.close()
    await guard.aclose()
    assert event_of(log, nurse.session.session_id) == ["opened", "closed"]
    assert event_of(log, everybody.session.session_id) == ["opened", "closed"]


async def test_who_may_not_declare_gets_no_connection(pool, guard, log) -> None:
    with pytest.raises(AccessDenied, match="RG-R01"):
        async with pool.acquire(subject="somebody", purpose="TREAT"):
            pytest.fail("acquired")
    assert pool.get_idle_size() == 1
    async with pool.acquire(subject="somebody") as stranger:
        pid = stranger.get_server_pid()
        with pytest.raises(AccessDenied, match="RG-R01"):
            await stranger.fetchval(READ, PATIENT)
    async with pool.acquire() as connection:
        assert connection.get_server_pid() == pid  # nothing ran, so there was nothing to reset
    await guard.aclose()
    assert [one.subject for one in log.sessions if one.event == "closed"] == ["somebody", "somebody"]


async def test_what_is_left_behind_is_taken_back(pool) -> None:
    heard = []
    async with pool.acquire() as first:
        pid = first.get_server_pid()
        await first.execute("SET readonly_guard.purpose = 'HSTAT'; SET work_mem = '8MB'; PREPARE p AS SELECT 1")
        first.add_query_logger(heard.append)
        assert await (await first.prepare("SELECT 1")).fetchval() == 1
    async with pool.acquire() as second:
        assert second.get_server_pid() == pid
        assert second.declared.purpose == "TREAT"
        assert await second.fetchval("SHOW work_mem") != "8MB"
        assert await second.fetchval(READ, PATIENT) == "Tolvansson"
    await asyncio.sleep(0)
    assert "person" not in repr(heard)


async def test_a_released_connection_is_of_no_use(pool, guard, millennium) -> None:
    connection = await pool.acquire()
    prepared = await connection.prepare(READ)
    await pool.release(connection)
    await pool.release(connection)
    for run in (connection.fetchval, connection.execute):
        with pytest.raises(asyncpg.InterfaceError, match="released"):
            await run("SELECT 1")
    with pytest.raises(asyncpg.InterfaceError, match="released"):
        await prepared.fetchval(PATIENT)
    assert repr(connection) == "<GuardedConnection of alind to millennium, released>"
    async with create_pool(millennium.dsn("alind"), guard=guard, min_size=1, max_size=1) as another:
        strange = await another.acquire()
        with pytest.raises(asyncpg.InterfaceError, match="not a member"):
            await pool.release(strange)
        await another.release(strange)


async def test_an_open_transaction_is_rolled_back_on_release(pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(WriteDenied):
            async with connection.transaction():
                await connection.execute("DELETE FROM person")
        assert not connection.is_in_transaction()
    async with pool.acquire() as connection:
        assert await connection.fetchval(READ, PATIENT) == "Tolvansson"


async def test_hooks_of_the_pool_get_guarded_connections(guard, millennium) -> None:
    seen = []

    async def tries_to_write(connection):
        with pytest.raises(WriteDenied):
            await connection.execute("DELETE FROM person")
        seen.append(type(connection).__name__)

    async def leaves_something(connection):
        await tries_to_write(connection)
        await connection.declare(purpose="HSTAT")

    pool = create_pool(
        millennium.dsn("alind"), guard=guard, purpose="TREAT", min_size=1, max_size=1,
        init=tries_to_write, setup=leaves_something, reset=leaves_something,
    )  # fmt: skip
    async with pool:
        async with pool.acquire() as connection:
            assert connection.declared.purpose == "HSTAT"
        async with pool.acquire(purpose="TREAT") as connection:  # what acquire says comes last
            assert connection.declared.purpose == "TREAT"
            assert await connection.fetchval(READ, PATIENT) == "Tolvansson"
    assert seen == ["GuardedConnection"] * 5


async def test_what_a_hook_keeps_of_its_connection_is_of_no_use(guard, millennium) -> None:
    kept = []

    async def keep(connection):
        kept.extend([connection.fetchval, (await connection.prepare("SELECT 1")).fetchval])

    async with create_pool(millennium.dsn("alind"), guard=guard, min_size=1, max_size=1, init=keep, reset=keep) as pool:
        async with pool.acquire(subject="bberg") as nurse:
            assert await nurse.fetchval("SELECT 1") == 1
        async with pool.acquire(subject="bberg"):  # whose reads these must not become
            with pytest.raises(asyncpg.InterfaceError, match="lent"):
                await kept[0]("SELECT 1")
            with pytest.raises(asyncpg.InterfaceError, match="released"):
                await kept[1]()
            with pytest.raises(asyncpg.InterfaceError, match="lent"):
                await kept[2]("SELECT 1")
            with pytest.raises(asyncpg.InterfaceError, match="released"):
                await kept[3]()


async def test_what_is_under_way_when_somebody_else_gets_the_connection_stays_the_first_ones(
    overseen, millennium
) -> None:
    decide, may_go_on = overseen.decide, asyncio.Event()

    async def slowly(request):
        decision = await decide(request)
        if "HSTAT" in request.text:
            await may_go_on.wait()
        return decision

    async with create_pool(millennium.dsn("alind"), guard=overseen, purpose="TREAT", min_size=1, max_size=1) as pool:
        first = await pool.acquire()
        desk = first._desk
        overseen.decide = slowly
        running = asyncio.create_task(first.execute("SET readonly_guard.purpose = 'HSTAT'"))
        await asyncio.sleep(0.05)
        first._inner.gate.passage.desk = another = desk.for_another(desk.subject, "another")  # as acquire does
        may_go_on.set()
        await running
        assert (desk.declared.purpose, another.declared.purpose) == ("HSTAT", "TREAT")
        overseen.decide = decide
        await pool.release(first)


async def test_an_acquisition_is_for_once(pool) -> None:
    acquisition = pool.acquire()
    async with acquisition as connection:
        assert connection.subject.id == "alind"
    with pytest.raises(asyncpg.InterfaceError, match="already acquired"):
        await acquisition


async def test_a_setup_that_fails_gives_the_connection_back(guard, millennium) -> None:
    async def fails(_connection):
        raise LookupError("a test")

    async with create_pool(millennium.dsn("alind"), guard=guard, min_size=1, max_size=1, setup=fails) as pool:
        for _ in range(3):
            with pytest.raises(LookupError):
                await pool.acquire()
        assert pool.get_idle_size() == 1


async def test_without_a_log_a_connection_is_closed_rather_than_passed_on(pool, log, guard) -> None:
    async with pool.acquire() as connection:
        await connection.declare(purpose="HSTAT")
        for file in log.path.iterdir():
            file.unlink()
        with pytest.raises(UndecidedDenied):
            await connection.fetchval("SELECT 1")
    assert pool.get_size() == 0


async def test_options_that_there_are_not(guard) -> None:
    for name in ("connect", "connection_class", "loop"):
        with pytest.raises(TypeError, match=f"'{name}' is not an option here"):
            create_pool(guard=guard, **{name: None})


async def test_a_pool_that_is_terminated(pool) -> None:
    connection = await pool.acquire()
    pool.terminate()
    assert pool.is_closing()
    with pytest.raises(asyncpg.InterfaceError):
        await connection.execute("SELECT 1")
