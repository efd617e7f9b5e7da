"""GuardedConnection as its users see it, on a real server: reads, denials, what the log says of them."""

from __future__ import annotations

import asyncio
import io

import asyncpg
import pytest

from readonly_guard import (
    AccessDenied,
    ConfigurationError,
    Declared,
    FeatureDenied,
    GuardError,
    StatementDenied,
    Subject,
    UndecidedDenied,
    UnreadableDenied,
    WriteDenied,
    connect,
)
from readonly_guard.audit import verify

PATIENT = 900_001
READ = "SELECT name_last FROM person WHERE person_id = $1"
EVENTS = "SELECT clinical_event_id FROM clinical_event ORDER BY 1"
ENDLESS = "SELECT count(*) FROM clinical_event a, clinical_event b, clinical_event c, clinical_event d"


async def test_every_way_to_read(connection, millennium) -> None:
    count = len(millennium.dataset.tables["clinical_event"])
    assert await connection.execute("SELECT 1; SELECT 2") == "SELECT 1"
    assert await connection.execute(READ, PATIENT) == "SELECT 1"
    assert await connection.fetchval(READ, PATIENT) == "Tolvansson"
    assert (await connection.fetchrow(READ, PATIENT))["name_last"] == "Tolvansson"
    assert len(await connection.fetch(EVENTS)) == count
    assert await connection.fetchrow(READ, -1) is None
    assert [row[0] for row in await connection.fetchmany(READ, [(PATIENT,), (-1,), (PATIENT,)])] == ["Tolvansson"] * 2
    assert await connection.executemany(READ, [(PATIENT,)] * 3) is None
    assert await connection.executemany(READ, []) is None
    prepared = await connection.prepare(READ, name="mine")
    assert (prepared.get_name(), prepared.get_query(), prepared.get_statusmsg()) == ("mine", READ, None)
    assert [await prepared.fetchval(PATIENT), (await prepared.fetchrow(PATIENT))[0]] == ["Tolvansson"] * 2
    assert len(await prepared.fetch(PATIENT)) == len(await prepared.fetchmany([(PATIENT,)])) == 1
    await prepared.executemany([(PATIENT,)])
    assert (prepared.get_parameters()[0].name, prepared.get_attributes()[0].name) == ("int8", "name_last")
    assert "Plan" in (await prepared.explain(PATIENT))[0]
    assert (await prepared.explain(PATIENT, analyze=True))[0]["Plan"]["Actual Rows"] == 1
    async with connection.transaction(isolation="serializable", readonly=True, deferrable=True):
        assert len([row async for row in connection.cursor(EVENTS, prefetch=99)]) == count
        assert len([row async for row in prepared.cursor(PATIENT)]) == 1
        async with connection.transaction():
            cursor = await connection.cursor(EVENTS)
            assert await cursor.forward(count - 2) == count - 2
            assert [await cursor.fetchrow() is None, len(await cursor.fetch(5)), await cursor.fetchrow()] == [
                False,
                1,
                None,
            ]
        assert connection.is_in_transaction()
    assert not connection.is_in_transaction()


async def test_types_that_asyncpg_looks_up_in_the_catalog(connection) -> None:
    assert (await connection.fetchval("SELECT p FROM person AS p WHERE person_id = 900001"))[
        "name_last"
    ] == "Tolvansson"
    assert await connection.fetchval("SELECT 'person'::regclass") == "person"
    assert await connection.fetchval("SELECT 'YES'::information_schema.yes_or_no") == "YES"
    await connection.set_type_codec("json", encoder=str, decoder=len, schema="pg_catalog")
    assert await connection.fetchval("SELECT '[1]'::json") == 3
    await connection.reset_type_codec("json", schema="pg_catalog")
    await connection.set_builtin_type_codec("cidr", codec_name="text", schema="pg_catalog", format="text")
    await connection.reload_schema_state()
    assert await connection.fetchval("SELECT '[1]'::json") == "[1]"


async def test_copying_out(connection, opened, log, tmp_path) -> None:
    await connection.declare(print_reason="MEDICAL_NEED")
    out = io.BytesIO()
    assert await connection.copy_from_query(READ, PATIENT, output=out, format="csv", header=True) == "COPY 1"
    assert out.getvalue() == b"name_last\nTolvansson\n"
    assert (await log.completion(log.decisions[-1])).bytes == len(out.getvalue())
    with pytest.raises(AccessDenied, match="RG-X02"):  # a table is more than one patient's
        await connection.copy_from_table("person", output=io.BytesIO())
    archivist = await opened(user="farkel", purpose="RECORDMGT", case_reference="A-1", print_reason="PATIENT_REQUEST")
    path = tmp_path / "person.csv"
    await archivist.copy_from_table("person", output=path, columns=["name_last"], schema_name="millennium")
    assert b"Tolvansson\n" in path.read_bytes()


@pytest.mark.parametrize(
    ("sql", "kind", "known_as", "sqlstate"),
    [
        ("DELETE FROM person WHERE name_last = 'Hemlig'", WriteDenied, asyncpg.ReadOnlySQLTransactionError, "25006"),
        ("SELECT nextval('loggnummer_seq')", WriteDenied, asyncpg.ReadOnlySQLTransactionError, "25006"),
        ("SET default_transaction_read_only = off", FeatureDenied, asyncpg.FeatureNotSupportedError, "0A000"),
        ("SELEC 'Hemlig'", UnreadableDenied, asyncpg.PostgresSyntaxError, "42601"),
    ],
)
async def test_a_denial_is_the_exception_that_the_proxy_would_cause(
    connection, log, sql, kind, known_as, sqlstate
) -> None:
    for run in (connection.execute, connection.fetch, connection.fetchval, connection.fetchrow, connection.prepare):
        with pytest.raises(known_as) as caught:
            await run(sql)
        error = caught.value
        assert type(error) is kind
        assert isinstance(error, StatementDenied)
        assert isinstance(error, GuardError)
        assert error.sqlstate == sqlstate
        assert error.codes == error.decision.codes == log.decisions[-1].codes
        assert error.decision.decision_id in error.hint
        assert "Hemlig" not in f"{error} {error!r} {error.args} {error.as_dict()} {error.decision}"
    assert await connection.fetchval(READ, PATIENT) == "Tolvansson"


async def test_what_the_policy_denies(opened) -> None:
    without_purpose = await opened(purpose=None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-P01") as caught:
        await without_purpose.fetchval(READ, PATIENT)
    assert isinstance(caught.value, AccessDenied)
    assert await without_purpose.fetchval("SELECT 1") == 1
    stranger = await opened(subject="somebody")
    with pytest.raises(AccessDenied, match="RG-R01"):
        await stranger.fetchval("SELECT 1")


async def test_copying_in_is_a_write(connection, log) -> None:
    for run in (
        connection.copy_to_table("visit_log", source=io.BytesIO(b"1\t1\n"), format="csv"),
        connection.copy_records_to_table("visit_log", records=[(1, 1)], columns=["visit_log_id", "person_id"]),
        connection.copy_to_table("visit_log", source="/etc/passwd", where="true"),
    ):
        with pytest.raises(WriteDenied, match="RG-W04"):
            await run
    assert [record.kinds for record in log.decisions] == [("copy_from",)] * 3


async def test_a_transaction_goes_on_after_a_denial(connection, log) -> None:
    async with connection.transaction():
        with pytest.raises(WriteDenied):
            await connection.execute("DELETE FROM person")
        assert await connection.fetchval(READ, PATIENT) == "Tolvansson"
    with pytest.raises(WriteDenied):
        async with connection.transaction():
            await connection.execute("DELETE FROM person")
    assert not connection.is_in_transaction()
    assert [record.statement for record in log.decisions if "ROLLBACK" in record.statement] == ["ROLLBACK ;"]


async def test_a_transaction_that_was_not_begun_leaves_no_trace(opened, overseen) -> None:
    connection, decide = await opened(guard=overseen), overseen.decide
    overseen.decide = lambda request: overseen.refuse(request, "RG-SYS-002", "a test")
    with pytest.raises(UndecidedDenied):
        async with connection.transaction():
            pytest.fail("begun")
    overseen.decide = decide
    async with connection.transaction(), connection.transaction():
        assert connection.is_in_transaction()
    assert not connection.is_in_transaction()


async def test_settings_are_what_the_server_reported_and_nothing_else(connection) -> None:
    settings = connection.get_settings()
    assert (settings.client_encoding, settings.default_transaction_read_only) == ("UTF8", "on")
    for name in ("add_python_codec", "set_builtin_type_codec", "register_data_types", "purpose", "__dict__"):
        assert not hasattr(settings, name)


async def test_every_execution_is_decided_and_its_end_recorded(connection, log) -> None:
    prepared = await connection.prepare(READ)
    for _ in range(3):
        await prepared.fetchval(PATIENT)
    await connection.executemany(READ, [(PATIENT,)] * 4)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.execute("SELECT 1 / 0")
    with pytest.raises(asyncpg.DataError):
        await prepared.fetchval("not a number")
    await connection.fetch("SELECT 1")
    decisions = log.decisions
    reads = [record for record in decisions if record.relations == ("person",)]
    assert [record.phase for record in reads] == ["parse", "execute", "execute", "execute", "parse", *["execute"] * 5]
    assert {record.verdict for record in decisions} == {"allow"}
    assert [(one.rows, one.sqlstate) for one in [await log.completion(record) for record in reads]] == [
        (None, ""), (1, ""), (1, ""), (1, ""), (None, ""), *[(None, "")] * 4, (None, "22000")
    ]  # fmt: skip
    failed = next(record for record in decisions if "/" in record.statement)
    assert (await log.completion(failed)).sqlstate == "22012"
    assert verify(log.path).ok


async def test_a_changed_purpose_counts_for_what_is_prepared(connection) -> None:
    prepared = await connection.prepare(READ)
    await connection.execute("SET readonly_guard.purpose = 'HSTAT'")
    with pytest.raises(AccessDenied, match="RG-P02"):
        await prepared.fetchval(PATIENT)
    await connection.declare(purpose="TREAT")
    assert await prepared.fetchval(PATIENT) == "Tolvansson"


async def test_declarations_are_followed_as_the_proxy_follows_them(connection) -> None:
    assert connection.declared == Declared(purpose="TREAT")
    await connection.declare(purpose="ETREAT", justification="it's \\ a 'quoted' reason, long enough")
    assert connection.declared.justification == "it's \\ a 'quoted' reason, long enough"
    assert await connection.fetchval("SHOW readonly_guard.justification") == connection.declared.justification
    await connection.declare(justification=None)
    assert connection.declared == Declared(purpose="ETREAT")
    await connection.execute("SET readonly_guard.purpose = 'TREAT'; SET readonly_guard.language = 'sv'")
    assert connection.declared == Declared(purpose="TREAT", language="sv")
    with pytest.raises(WriteDenied, match="Borttag är inte tillåtet i läsläge"):
        await connection.execute("DELETE FROM person")
    with pytest.raises(FeatureDenied, match="RG-T06"):
        await connection.declare(language="de")
    await connection.prepare("SET readonly_guard.purpose = 'HSTAT'")  # parsed, not run
    assert connection.declared.purpose == "TREAT"
    async with connection.transaction():
        await connection.fetchval("SELECT set_config('readonly_guard.purpose', 'HOPERAT', false)")
    assert connection.declared.purpose == "HOPERAT"
    await connection.execute("RESET ALL")
    assert connection.declared == Declared(purpose="TREAT")
    assert await connection.fetchval("SHOW readonly_guard.purpose") == "TREAT"
    await connection.declare()
    with pytest.raises(TypeError, match="text, not int"):
        await connection.declare(purpose=7)


async def test_who_asks(opened, guard, log) -> None:
    everybody = await opened()
    await everybody.execute("SELECT 1")
    person = await opened(user="bberg", subject=Subject(id="alind", properties={"via": "ward 4"}))
    await person.execute("SELECT 1")
    assert [record.subject for record in log.decisions] == ["alind", "alind"]
    assert person.session.database == "millennium"
    assert len({everybody.session.session_id, person.session.session_id}) == 2
    assert repr(person) == "<GuardedConnection of alind to millennium, open>"
    await person.close()
    assert person.is_closed()
    assert "closed" in repr(person)
    await everybody.close()
    await everybody.close()
    await guard.aclose()
    assert [(one.event, one.session_id) for one in log.sessions] == [
        ("opened", everybody.session.session_id),
        ("opened", person.session.session_id),
        ("closed", person.session.session_id),
        ("closed", everybody.session.session_id),
    ]


async def test_callbacks_get_the_guarded_connection(connection, admin) -> None:
    heard = asyncio.Queue()

    async def on_notice(*arguments):
        heard.put_nowait(arguments)

    await connection.add_listener("news", on_notice)
    connection.add_termination_listener(lambda ended: heard.put_nowait((ended,)))
    connection.add_log_listener(lambda *arguments: heard.put_nowait(arguments))
    connection.remove_log_listener(print)
    await admin.execute("NOTIFY news, 'hello'")
    speaker, _, channel, payload = await asyncio.wait_for(heard.get(), 5)
    assert (speaker, channel, payload) == (connection, "news", "hello")
    await connection.remove_listener("news", on_notice)
    await connection.close()
    assert await asyncio.wait_for(heard.get(), 5) == (connection,)


async def test_a_query_logger_does_not_get_the_password(connection, millennium) -> None:
    seen = []
    with connection.query_logger(seen.append):
        await connection.fetchval(READ, PATIENT)
        await asyncio.sleep(0)
    await connection.execute("SELECT 1")
    await asyncio.sleep(0)
    assert [record.query for record in seen] == [READ]
    assert millennium.password not in repr(seen)


async def test_one_operation_at_a_time(connection) -> None:
    results = await asyncio.gather(
        *(connection.fetchval(READ, PATIENT) for _ in range(3)), connection.execute("SELECT 1"), return_exceptions=True
    )
    assert results[0] == "Tolvansson"
    assert {type(one) for one in results[1:]} == {asyncpg.InterfaceError}
    assert await connection.fetchval(READ, PATIENT) == "Tolvansson"


@pytest.mark.parametrize("way", ["cancelled", "too late"])
async def test_what_is_given_up_is_recorded_and_the_session_goes_on(connection, log, way, until) -> None:
    if way == "cancelled":
        running = asyncio.create_task(connection.fetchval(ENDLESS))
        await until(lambda: log.decisions and log.decisions[-1].phase == "execute")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        with pytest.raises(TimeoutError):
            await connection.execute(ENDLESS, timeout=0.2)
    given_up = log.decisions[-1]
    assert await connection.fetchval(READ, PATIENT) == "Tolvansson"
    assert (await log.completion(given_up)).sqlstate == "57014"


async def test_a_lost_connection_is_recorded(connection, admin, log, until) -> None:
    running = asyncio.create_task(connection.fetchval(ENDLESS))
    await until(lambda: log.decisions and log.decisions[-1].phase == "execute")
    lost = log.decisions[-1]
    await admin.fetchval("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    with pytest.raises(asyncpg.PostgresError):
        await running
    await until(connection.is_closed)
    with pytest.raises(asyncpg.InterfaceError):
        await connection.fetchval("SELECT 1")
    assert (await log.completion(lost)).sqlstate in {"57P01", "08006"}
    assert [one.event for one in log.sessions] == ["opened", "closed"]


async def test_without_a_log_nothing_is_released(connection, log, admin) -> None:
    await connection.fetchval(READ, PATIENT)
    last = "SELECT query FROM pg_stat_activity WHERE pid = $1"
    before = await admin.fetchval(last, connection.get_server_pid())
    for file in log.path.iterdir():
        file.unlink()
    for sql in ("SELECT 1", READ.replace("$1", "7"), "BEGIN", "RESET ALL"):
        with pytest.raises(UndecidedDenied, match="RG-SYS-002") as caught:
            await connection.execute(sql)
        assert caught.value.sqlstate == "57P03"
    assert await admin.fetchval(last, connection.get_server_pid()) == before


async def test_options_that_there_are_not(guard, millennium) -> None:
    with pytest.raises(TypeError, match="'connection_class' is not an option here: .* without the gate"):
        await connect(millennium.dsn("alind"), guard=guard, connection_class=asyncpg.Connection)
    with pytest.raises(TypeError, match="'hots'"):
        await connect(guard=guard, hots="127.0.0.1")
    assert not issubclass(ConfigurationError, StatementDenied)
