"""Opening a session: what may be asked for, from wherever asyncpg takes it, and what is added."""

from __future__ import annotations

from urllib.parse import quote

import asyncpg
import pytest

from readonly_guard import ConnectionDenied, Declared, FeatureDenied, connect


def with_query(dsn: str, query: str) -> str:
    return f"{dsn}{'&' if '?' in dsn else '?'}{query}"


UNSAFE = [
    ({"default_transaction_read_only": "off"}, "RG-T06"),
    ({"Default_Transaction_Read_Only": "off"}, "RG-T06"),
    ({"options": "-c default_transaction_read_only=off"}, "RG-T06"),
    ({"options": "-c readonly_guard.purpos=TREAT"}, "RG-T06"),
    ({"standard_conforming_strings": "off"}, "RG-T06"),
    ({"session_replication_role": "replica"}, "RG-T06"),
    ({"local_preload_libraries": "evil"}, "RG-T06"),
    ({"role": "postgres"}, "RG-T06"),
    ({"replication": "database"}, "RG-T06"),
    ({"_pq_.something": "1"}, "RG-T06"),
    ({"client_encoding": "SJIS"}, "RG-T07"),
    ({"application_name": "a\0default_transaction_read_only\0off"}, "RG-T06"),
]
UNSAFE_AS_ARGUMENTS = [  # in a connection string these are the user and the database, or no settings at all
    ({"user": "postgres"}, "RG-T06"),
    ({"database": "postgres"}, "RG-T06"),
    ({"application_name\0role\0postgres": ""}, "RG-T06"),
]


async def refusal(guard, log, dsn: str, **options: object) -> ConnectionDenied:
    with pytest.raises(ConnectionDenied) as caught:
        await connect(dsn, guard=guard, **options)
    await guard.aclose()
    assert [(one.event, one.subject, one.codes) for one in log.sessions] == [("refused", "alind", caught.value.codes)]
    return caught.value


@pytest.mark.parametrize(("settings", "code"), [*UNSAFE, *UNSAFE_AS_ARGUMENTS])
async def test_unsafe_settings_are_refused(guard, millennium, log, settings, code) -> None:
    error = await refusal(guard, log, millennium.dsn("alind"), server_settings=settings)
    assert code in error.codes
    assert f"({error.codes[0]})" in str(error)
    assert error.sqlstate == "0A000"
    assert isinstance(error, asyncpg.FeatureNotSupportedError)


@pytest.mark.parametrize(("settings", "code"), UNSAFE)
async def test_unsafe_settings_in_a_connection_string_are_refused(guard, millennium, log, settings, code) -> None:
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in settings.items())
    assert code in (await refusal(guard, log, with_query(millennium.dsn("alind"), query))).codes


async def test_the_second_belt_is_buckled(opened) -> None:
    connection = await opened(server_settings={"default_transaction_read_only": "on", "work_mem": "8MB"})
    assert await connection.fetchval("SHOW transaction_read_only") == "on"
    assert await connection.fetchval("SHOW work_mem") == "8MB"
    await connection.execute("RESET ALL")
    assert await connection.fetchval("SHOW default_transaction_read_only") == "on"
    async with connection.transaction():
        assert await connection.fetchval("SHOW transaction_read_only") == "on"
    # what the readings cannot see yet, a view that calls a writing function, the server refuses
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError) as caught:
        await connection.fetch("SELECT * FROM visited_person")
    assert not hasattr(caught.value, "decision")


async def test_declarations_come_from_arguments_settings_and_connection_string(guard, millennium) -> None:
    options = quote("-c readonly_guard.case_reference=A-1 -c readonly_guard.purpose=HSTAT")
    connection = await connect(
        with_query(millennium.dsn("alind"), f"options={options}&readonly_guard.print_reason=MEDICAL_NEED"),
        guard=guard,
        purpose="TREAT",
        server_settings={"readonly_guard.language": "sv", "application_name": "ward"},
    )
    assert connection.declared == Declared(
        purpose="TREAT", case_reference="A-1", print_reason="MEDICAL_NEED", language="sv"
    )
    assert connection.session.application_name == "ward"
    assert await connection.fetchval("SHOW readonly_guard.purpose") == "TREAT"
    await connection.close()


async def test_a_declaration_that_cannot_be_is_refused(guard, millennium) -> None:
    with pytest.raises(ConnectionDenied, match="Inställningen får inte ändras") as caught:
        await connect(millennium.dsn("alind"), guard=guard, purpose="x" * 2_000, language="sv")
    assert "more than 1000 characters" in caught.value.detail


async def test_the_language_of_denials(opened) -> None:
    connection = await opened(language="sv")
    with pytest.raises(FeatureDenied, match="Inställningen får inte ändras"):
        await connection.execute("SET role = postgres")


async def test_what_asyncpg_refuses_stays_its_own(guard, millennium, log) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(millennium.dsn("alind"), guard=guard, password="wrong")
    with pytest.raises(asyncpg.ClientConfigurationError):
        await connect("mysql://alind@localhost/x", guard=guard)
    with pytest.raises(ValueError, match="statement_cache_size"):
        await connect(millennium.dsn("alind"), guard=guard, statement_cache_size=-1)
    assert log.decisions == []


async def test_looking_for_a_standby_is_decided_too(guard, millennium, log) -> None:
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
        await connect(millennium.dsn("alind"), guard=guard, target_session_attrs="standby")
    connection = await connect(millennium.dsn("alind"), guard=guard, target_session_attrs="read-only")
    await connection.close()
