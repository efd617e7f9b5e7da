"""The gate: what asyncpg needs of it is all there, and what would make it believe another text than the server's."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncpg
import asyncpg.protocol
import pytest

from readonly_guard import ConnectionDenied, FeatureDenied, UnreadableDenied, WriteDenied, connect, hookimpl
from readonly_guard.connection.gate import Gate

READ = "SELECT name_last FROM person WHERE person_id = 900001"


def used_of_the_protocol() -> set[str]:
    """Every attribute that asyncpg's Python takes of a connection's protocol; what begins with a capital is a module's."""
    sources = Path(asyncpg.__file__).parent.glob("*.py")
    return {
        name for file in sources for name in re.findall(r"\b_?protocol\.([a-z_]+)", file.read_text(encoding="utf-8"))
    }


def test_the_gate_has_what_asyncpg_uses_of_its_protocol_and_nothing_else() -> None:
    ours = {name for name in vars(Gate) if not name.startswith("__")}
    helpers = {name for name in ours if not hasattr(asyncpg.protocol.Protocol, name)}
    used = used_of_the_protocol()
    assert "bind_execute" in used  # the reading of asyncpg's sources works
    assert used - {"protocol"} == ours - helpers  # protocol.protocol is a module


def test_what_is_in_the_gate_besides_is_its_own() -> None:
    assert not hasattr(Gate, "__getattr__")
    assert not issubclass(Gate, asyncpg.protocol.Protocol)


async def test_a_name_that_sql_gave_anew_is_not_run(connection, log) -> None:
    prepared = await connection.prepare("SELECT 1", name="mine")
    assert await prepared.fetchval() == 1
    await connection.execute(f'DEALLOCATE mine; PREPARE "mine" AS {READ}')
    for run in (
        prepared.fetchval,
        prepared.fetch,
        lambda: prepared.fetchmany([()]),
        lambda: prepared.executemany([()]),
    ):
        with pytest.raises(FeatureDenied, match="RG-T05"):
            await run()
    async with connection.transaction():
        with pytest.raises(FeatureDenied, match="RG-T05"):
            await prepared.cursor()
    # the same through asyncpg's own cache of statements
    await connection.fetchval("SELECT 2")
    (name,) = [
        row[0] for row in await connection.fetch("SELECT name FROM pg_prepared_statements WHERE statement = 'SELECT 2'")
    ]
    await connection.execute(f'DEALLOCATE "{name}"; PREPARE "{name}" AS {READ}')
    with pytest.raises(FeatureDenied, match="RG-T05"):
        await connection.fetchval("SELECT 2")
    assert [record.verdict for record in log.decisions if record.phase == "execute"][-1] == "deny"


async def test_a_long_name_given_anew_in_sql_is_the_one_that_it_is_cut_to(connection) -> None:
    name = "n" * 63
    prepared = await connection.prepare("SELECT 1", name=name)
    await connection.execute(f"DEALLOCATE {name}; PREPARE {name}nnn AS {READ}")
    with pytest.raises(FeatureDenied, match="RG-T05"):
        await prepared.fetchval()


async def test_the_unnamed_statement_is_the_last_one_prepared(connection) -> None:
    first = await connection.prepare("SELECT 1", name="")
    second = await connection.prepare(READ, name="")
    with pytest.raises(FeatureDenied, match="RG-T05"):
        await first.fetchval()
    assert await second.fetchval() == "Tolvansson"


async def test_without_a_cache_asyncpg_prepares_each_time(opened) -> None:
    connection = await opened(statement_cache_size=0)
    prepared = await connection.prepare(READ)
    assert [await prepared.fetchval(), await connection.fetchval("SELECT 1"), await prepared.fetchval()] == [
        "Tolvansson", 1, "Tolvansson"
    ]  # fmt: skip
    async with connection.transaction():
        assert len([row async for row in prepared.cursor()]) == 1


@pytest.mark.parametrize("name", ["x" * 64, "å", "x\0DELETE FROM person\0"])
async def test_names_that_the_server_would_read_otherwise(connection, name) -> None:
    with pytest.raises(FeatureDenied, match="RG-T05"):
        await connection.prepare(READ, name=name)


def hidden(text: str, cover: str) -> tuple[str, str]:
    """A name and a text that asyncpg writes as one Parse message of another text.

    Parse is name, NUL, text, NUL, Int16 number of types, Int32 each: who writes the name with a NUL in it writes the
    rest, and what asyncpg adds is taken for types of parameters that nobody uses.
    """
    cover = cover.ljust(len(cover) + -len(cover) % 4)
    return f"hidden\0{text}\0\0{chr((len(cover) + 4) // 4)}", cover


async def test_a_parse_message_hidden_in_a_name(connection, millennium) -> None:
    name, cover = hidden("DELETE FROM visit_log", "SELECT 1")
    prepared = "SELECT statement FROM pg_prepared_statements"
    bare = await asyncpg.connect(millennium.dsn("alind"))
    with pytest.raises(asyncpg.PostgresError):
        await bare.prepare(cover, name=name)
    assert await bare.fetchval(f"{prepared} WHERE name = 'hidden'") == "DELETE FROM visit_log"  # the attack is real
    await bare.close()
    with pytest.raises(FeatureDenied, match="RG-T05"):
        await connection.prepare(cover, name=name)
    assert await connection.fetch(f"{prepared} WHERE name = 'hidden'") == []
    with pytest.raises(UnreadableDenied, match="RG-T02"):
        await connection.execute("SELECT 1\0; DELETE FROM visit_log")


async def test_a_cursor_that_sql_may_have_declared_is_not_fetched_from(connection) -> None:
    async with connection.transaction():
        cursor = await connection.cursor("SELECT 1")
        (name,) = [row[0] for row in await connection.fetch("SELECT name FROM pg_cursors WHERE statement = 'SELECT 1'")]
        await connection.execute(f'CLOSE "{name}"; DECLARE "{name}" CURSOR FOR {READ}')
        with pytest.raises(FeatureDenied, match="RG-T05"):
            await cursor.fetch(1)


async def test_nothing_is_kept_of_cursors_whose_transaction_has_ended(connection) -> None:
    for _ in range(3):
        async with connection.transaction():
            await connection.cursor(READ)
            assert len(connection._inner.gate._portals) == 1
        assert not connection._inner.gate._portals


async def test_text_that_the_server_would_read_in_another_encoding(connection) -> None:
    assert await connection.fetchval("SELECT 'å'") == "å"
    await connection.execute("SET client_encoding = 'LATIN1'")
    with pytest.raises(FeatureDenied, match="RG-T07"):
        await connection.fetchval("SELECT 'å'")
    assert await connection.fetchval(READ) == "Tolvansson"
    await connection.execute("RESET client_encoding")
    assert await connection.fetchval("SELECT 'å'") == "å"


async def test_a_text_that_compares_like_another_is_not_looked_at(connection, log) -> None:
    class Chameleon(str):
        """Equal to every text of its hash: what is remembered of it would be remembered of that."""

        __slots__ = ()
        __hash__ = lambda _: hash("DELETE FROM person")  # noqa: E731
        __eq__ = lambda *_: True  # noqa: E731

    for run in (connection.execute, connection.fetch, connection.prepare):
        with pytest.raises(TypeError, match="a statement is a str, not Chameleon"):
            await run(Chameleon("SELECT 1"))
    assert log.decisions == []
    with pytest.raises(WriteDenied):
        await connection.execute("DELETE FROM person")


async def test_while_a_decision_is_awaited_nothing_else_runs(opened, overseen) -> None:
    connection = await opened(guard=overseen)
    decide, may_go_on = overseen.decide, asyncio.Event()

    async def slowly(request):
        await may_go_on.wait()
        return await decide(request)

    overseen.decide = slowly
    running = asyncio.create_task(connection.execute("SET readonly_guard.purpose = 'HSTAT'"))
    await asyncio.sleep(0)
    for run in (connection.execute, connection.fetchval, connection.prepare):
        with pytest.raises(asyncpg.InterfaceError, match="another operation is in progress"):
            await run("SELECT 1")
    may_go_on.set()
    await running


class SlowLog:
    """A log that takes a decision at once and has it durable never."""

    @hookimpl
    def decision_made(self):
        return self

    def __await__(self):
        yield from asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("way", ["cancelled", "too late"])
@pytest.mark.parametrize("many", [False, True])
async def test_giving_up_while_it_is_decided(connection, guard, log, until, way, many) -> None:
    prepared = await connection.prepare("SELECT set_config('readonly_guard.purpose', 'HSTAT', false) WHERE $1 = 1")
    guard._hooks.register(SlowLog())
    timeout = 0.5 if way == "too late" else None
    run = prepared.fetchmany([(1,)] * 3, timeout=timeout) if many else prepared.fetchval(1, timeout=timeout)
    running = asyncio.create_task(run)
    if way == "cancelled":
        await until(lambda: log.decisions[-1].phase == "execute")
        running.cancel()
    with pytest.raises(TimeoutError if way == "too late" else asyncio.CancelledError):
        await running
    guard._hooks._manager.unregister(name="SlowLog")
    guard._hooks._calls.clear()
    given_up = [record for record in log.decisions if record.phase == "execute"]
    assert len(given_up) == (3 if many else 1)
    assert {(await log.completion(record)).sqlstate for record in given_up} == {"57014"}
    assert connection.declared.purpose == "TREAT"
    assert await connection.fetchval("SHOW readonly_guard.purpose") == "TREAT"


async def test_one_denial_among_many_executions_runs_none(opened, overseen, log) -> None:
    connection = await opened(guard=overseen)
    decide, asked = overseen.decide, 0

    async def every_fifth_unlogged(request):
        nonlocal asked
        asked += request.phase == "execute"
        if asked == 5:
            return await overseen.refuse(request, "RG-SYS-002", "a test")
        return await decide(request)

    overseen.decide = every_fifth_unlogged
    with pytest.raises(asyncpg.CannotConnectNowError, match="RG-SYS-002"):
        await connection.fetchmany("SELECT $1::int", [(number,) for number in range(10)])
    executions = [record for record in log.decisions if record.phase == "execute"]
    assert [record.verdict for record in executions].count("allow") == 9
    ends = [await log.completion(record) for record in executions if record.verdict == "allow"]
    assert {one.sqlstate for one in ends} == {"57014"}


async def test_a_server_that_is_not_as_the_guard_needs_it_is_left(guard, millennium, admin, log) -> None:
    # a role's own settings come after the startup packet's only for what the packet does not set
    await admin.execute("ALTER ROLE alind SET standard_conforming_strings = off")
    try:
        with pytest.raises(ConnectionDenied, match="RG-T06") as caught:
            await connect(millennium.dsn("alind"), guard=guard)
        assert "standard_conforming_strings" in caught.value.detail
    finally:
        await admin.execute("ALTER ROLE alind RESET standard_conforming_strings")
    await guard.aclose()
    assert [(one.event, one.codes) for one in log.sessions] == [("refused", ("RG-T06",))]


async def test_a_session_that_is_changed_behind_the_guards_back_ends(connection) -> None:
    settings = connection.get_settings()
    assert settings.default_transaction_read_only == "on"
    # as a function with side effects would, where a catalog that lies made it look harmless
    await connection._inner.gate._protocol.query("SET default_transaction_read_only = off", None)
    with pytest.raises(ConnectionDenied, match="RG-T06"):
        await connection.execute("SELECT 1")
    assert connection.is_closed()
