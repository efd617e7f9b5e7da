"""No way around: every public name of asyncpg is guarded or left out for a reason, and no try to write arrives.

A new version of asyncpg with a new way to the server fails here before anybody can use it.
"""

from __future__ import annotations

import gc
import inspect
import io
import re
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from asyncpg import cursor, pool, prepared_stmt, transaction

from readonly_guard import Analyzer, GuardedConnection, GuardedPool, StatementDenied, connect, create_pool
from readonly_guard.connection import (
    Acquisition,
    ConnectOptions,
    CopyOptions,
    GuardedCursor,
    GuardedCursorFactory,
    GuardedPreparedStatement,
    GuardedTransaction,
)
from readonly_guard.connection.statements import GuardedCursorIterator
from readonly_guard_cli.demo import EmbeddedServer, changed, install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from readonly_guard_cli.demo import DemoDatabase

WRAPPED = {
    asyncpg.Connection: GuardedConnection,
    prepared_stmt.PreparedStatement: GuardedPreparedStatement,
    cursor.CursorFactory: GuardedCursorFactory,
    cursor.CursorIterator: GuardedCursorIterator,
    cursor.Cursor: GuardedCursor,
    transaction.Transaction: GuardedTransaction,
    asyncpg.Pool: GuardedPool,
    pool.PoolAcquireContext: Acquisition,
}
LEFT_OUT: dict[type, dict[str, str]] = {
    asyncpg.Pool: {"set_connect_args": "a pool opens all its sessions as they were judged; make another"},
    pool.PoolAcquireContext: dict.fromkeys(
        ("connection", "done", "pool", "timeout"), "asyncpg's own state, and a way to its connection"
    ),
}
"""Public names that are not there, with the reason."""

BESIDES = {GuardedConnection: {"declare", "declared", "session", "subject"}}
MORE_ARGUMENTS = {
    (asyncpg.Pool, "acquire"): {"subject", "purpose", "case_reference", "print_reason", "justification"},
}
SPECIAL = ("__aiter__", "__anext__", "__await__", "__aenter__", "__aexit__", "__call__", "__enter__", "__exit__")


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_") or (name in SPECIAL and name in vars(kind))}


@pytest.mark.parametrize("theirs", WRAPPED, ids=lambda kind: kind.__name__)
def test_every_public_name_is_guarded_or_left_out_for_a_reason(theirs: type) -> None:
    ours = WRAPPED[theirs]
    assert public(ours) - BESIDES.get(ours, set()) == public(theirs) - set(LEFT_OUT.get(theirs, ()))
    assert not set(LEFT_OUT.get(theirs, ())) - public(theirs)


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        (theirs, name)
        for theirs in WRAPPED
        for name in sorted(public(theirs) - set(LEFT_OUT.get(theirs, ())))
        if not name.startswith("_")
    ],
    ids=lambda item: item if isinstance(item, str) else item.__name__,
)
def test_the_arguments_are_asyncpgs(theirs: type, name: str) -> None:
    expected = inspect.signature(getattr(theirs, name)).parameters
    given = inspect.signature(getattr(WRAPPED[theirs], name)).parameters
    if name in {"copy_from_query", "copy_from_table"}:
        assert set(expected) == set(given) - {"options"} | set(CopyOptions.__annotations__)
    elif name != "copy_to_table":  # which takes whatever there is, and ignores it
        assert [one for one in given if one not in MORE_ARGUMENTS.get((theirs, name), ())] == list(expected)
    for parameter, theirs_ in expected.items():
        if parameter in given:
            assert (given[parameter].kind, given[parameter].default) == (theirs_.kind, theirs_.default), parameter


def test_the_options_of_connect_are_asyncpgs() -> None:
    theirs = set(inspect.signature(asyncpg.connect).parameters)
    assert set(ConnectOptions.__annotations__) == theirs - {"dsn", "loop", "connection_class"}
    ours = set(inspect.signature(create_pool).parameters) - set(inspect.signature(connect).parameters)
    theirs = set(inspect.signature(asyncpg.create_pool).parameters)
    assert ours == theirs - {"dsn", "connect", "loop", "connection_class", "record_class", "connect_kwargs"}


@pytest.mark.parametrize("ours", WRAPPED.values(), ids=lambda kind: kind.__name__)
def test_the_wrappers_hide_what_they_wrap(ours: type) -> None:
    assert not hasattr(ours, "__getattr__")
    assert not issubclass(ours, tuple(WRAPPED))
    assert "__dict__" not in dir(ours)


async def test_no_public_attribute_or_result_is_asyncpgs_own_connection(connection) -> None:
    found: list[Any] = []
    prepared = await connection.prepare("SELECT 1")
    async with connection.transaction() as nothing:
        things = [connection, prepared, await connection.cursor("SELECT 1"), connection.cursor("SELECT 1")]
        for thing in [*things, connection.transaction(), nothing]:
            for name in dir(thing):
                if not name.startswith("_"):
                    value = getattr(thing, name)
                    if isinstance(
                        value, asyncpg.Connection | prepared_stmt.PreparedStatement | transaction.Transaction
                    ):
                        found.append((thing, name))
    assert found == []


@pytest.fixture(scope="module")
def watched() -> Iterator[DemoDatabase]:
    """A database on a server that logs each text that it is sent, of its own."""
    with EmbeddedServer(settings={"log_statement": "all", "log_min_duration_statement": "0"}) as server:
        yield install(server)


async def hidden_in_executemany(connection: GuardedConnection) -> None:
    await connection.executemany("INSERT INTO visit_log (person_id) VALUES ($1) -- attack", [(1,), (2,)])


async def hidden_in_copy_options(connection: GuardedConnection) -> None:
    await connection.copy_from_table("person", output=io.BytesIO(), columns=["name_last\") TO PROGRAM 'attack' --"])


async def hidden_in_a_copied_query(connection: GuardedConnection) -> None:
    await connection.copy_from_query("DELETE FROM person RETURNING 'attack'", output=io.BytesIO())


async def hidden_in_a_copied_querys_end(connection: GuardedConnection) -> None:
    await connection.copy_from_query(
        "SELECT 1) TO STDOUT; DELETE FROM person; COPY (SELECT 'attack'", output=io.BytesIO()
    )


async def hidden_in_a_copied_querys_argument(connection: GuardedConnection) -> None:
    # asyncpg writes arguments into the text of a COPY wherever $1 stands, in a literal, too
    await connection.copy_from_query("SELECT '$1', $1::text", "; DELETE FROM person --attack", output=io.BytesIO())


async def hidden_in_a_table_name(connection: GuardedConnection) -> None:
    await connection.copy_from_table('person" TO STDOUT; DELETE FROM person; --attack', output=io.BytesIO())


async def hidden_in_a_delimiter(connection: GuardedConnection) -> None:
    await connection.copy_from_table("person", output=io.BytesIO(), delimiter="'); DELETE FROM person; --attack")


async def hidden_in_an_encoding(connection: GuardedConnection) -> None:
    await connection.copy_from_table("person", output=io.BytesIO(), force_quote=['a")); DELETE FROM person; --attack'])


async def hidden_in_a_condition(connection: GuardedConnection) -> None:
    await connection.copy_records_to_table("person", records=[], where="true; DELETE FROM person --attack")


async def hidden_in_a_channel(connection: GuardedConnection) -> None:
    await connection.add_listener('x"; DELETE FROM person; --attack', print)


async def hidden_in_a_declaration(connection: GuardedConnection) -> None:
    await connection.declare(purpose="TREAT'; DELETE FROM person; --attack\\")


async def hidden_in_a_type_name(connection: GuardedConnection) -> None:
    await connection.set_type_codec("x'; DELETE FROM person; --attack", encoder=str, decoder=str)


async def hidden_in_a_cursor(connection: GuardedConnection) -> None:
    async with connection.transaction():
        async for _ in connection.cursor("DELETE FROM person RETURNING 'attack'"):
            pass


async def explained_and_analysed(connection: GuardedConnection) -> None:
    await (await connection.prepare("INSERT INTO visit_log (person_id) VALUES (1) -- attack")).explain(analyze=True)


async def prepared_by_sql(connection: GuardedConnection) -> None:
    await connection.execute("PREPARE attack AS DELETE FROM person; EXECUTE attack")


async def a_subclassed_text(connection: GuardedConnection) -> None:
    class Two(str):
        """Looks harmless to whoever compares it."""

        __slots__ = ()

        def encode(self, *_arguments: Any) -> bytes:
            return b"DELETE FROM person -- attack"

    await connection.execute(Two("SELECT 1"))


async def a_number_as_text(connection: GuardedConnection) -> None:
    class Sly:
        def __str__(self) -> str:
            return "DELETE FROM person -- attack"

    await connection.execute(Sly())  # type: ignore[arg-type]


async def begun_read_write(connection: GuardedConnection) -> None:
    await connection.execute("BEGIN READ WRITE; DELETE FROM person -- attack")


async def a_transaction_with_a_sly_isolation(connection: GuardedConnection) -> None:
    await connection.transaction(isolation="serializable; DELETE FROM person -- attack").start()  # type: ignore[arg-type]


async def a_reset_that_is_ones_own(connection: GuardedConnection) -> None:
    connection.get_reset_query = lambda: "DELETE FROM person -- attack"  # type: ignore[method-assign]
    await connection.reset()


async def a_callback_that_gets_the_connection(connection: GuardedConnection) -> None:
    given: list[Any] = []
    connection.add_termination_listener(given.append)
    await connection.close()
    for each in given:
        await each.execute("DELETE FROM person -- attack")


def statements(log: str) -> list[str]:
    """The texts that a server logged as sent to it; a line that begins with a tab continues the one before."""
    found = re.findall(r"LOG: .*?(?:statement|parse [^:]*|execute [^:]*): (.*(?:\n\t.*)*)", log)
    return [text.replace("\n\t", "\n") for text in found]


TRIES = [
    hidden_in_executemany, hidden_in_copy_options, hidden_in_a_copied_query, hidden_in_a_copied_querys_end,
    hidden_in_a_copied_querys_argument, hidden_in_a_table_name, hidden_in_a_delimiter, hidden_in_an_encoding,
    hidden_in_a_condition, hidden_in_a_channel, hidden_in_a_declaration, hidden_in_a_type_name, hidden_in_a_cursor,
    explained_and_analysed, prepared_by_sql, a_subclassed_text, a_number_as_text, begun_read_write,
    a_transaction_with_a_sly_isolation, a_reset_that_is_ones_own, a_callback_that_gets_the_connection,
]  # fmt: skip


async def test_no_try_to_write_arrives(guard, watched) -> None:
    before, logged = watched.checksums(), len(watched.server.log())
    for attempt in TRIES:
        connection = await connect(watched.dsn("alind"), guard=guard, purpose="TREAT", print_reason="MEDICAL_NEED")
        try:
            await attempt(connection)
        except (StatementDenied, asyncpg.PostgresError, asyncpg.InterfaceError, TypeError, ValueError, AttributeError):
            pass  # how it fails is not what this is about
        finally:
            await connection.close()
    arrived = statements(watched.server.log()[logged:])
    assert arrived  # type look-ups, COPY of tables with strange names and the like
    assert [text for text in arrived if not Analyzer().analyse(text).is_read] == []
    assert changed(before, watched.checksums()) == ()
    gc.collect()


async def test_a_look_into_the_servers_log_finds_what_is_sent(guard, watched) -> None:
    logged = len(watched.server.log())
    connection = await connect(watched.dsn("alind"), guard=guard, purpose="TREAT")
    await connection.fetch("SELECT 'arrived' AS a")
    with pytest.raises(StatementDenied):
        await connection.fetch("DELETE FROM person WHERE name_last = 'did not arrive'")
    await connection.close()
    assert "SELECT 'arrived' AS a" in statements(watched.server.log()[logged:])
    assert "did not arrive" not in watched.server.log()[logged:]
