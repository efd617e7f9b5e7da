"""Client → proxy → two readings → policy → log on disk → PostgreSQL, with real clients."""

from __future__ import annotations

import asyncio
import os
import shutil

import asyncpg
import psycopg
import pytest

from readonly_guard.audit import read, verify
from readonly_guard.domain import DecisionRecord
from readonly_guard_cli.demo import changed

PATIENT = 900_001
READ = f"SELECT name_last FROM person WHERE person_id = {PATIENT}"
TREAT = "-c readonly_guard.purpose=TREAT"


async def connect(path, options=TREAT, user="alind", **kwargs):
    return await psycopg.AsyncConnection.connect(path.dsn(user), options=options, autocommit=True, **kwargs)


async def rows(connection, sql, parameters=None):
    return await (await connection.execute(sql, parameters)).fetchall()


async def refusal(connection, sql, parameters=None):
    with pytest.raises(psycopg.Error) as caught:
        await connection.execute(sql, parameters)
    return caught.value


async def psql(path, *arguments, options=TREAT):
    process = await asyncio.create_subprocess_exec(
        path.database.server.psql, "-X", "-q", "-A", "-t", path.dsn(), *arguments,
        env={**os.environ, "PGOPTIONS": options, "PGCLIENTENCODING": "UTF8"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), err.decode()


async def test_reads_pass_and_writes_do_not_and_the_session_goes_on(path):
    before = path.database.checksums()
    async with await connect(path) as connection:
        assert await rows(connection, READ) == [("Tolvansson",)]
        for sql, code, sqlstate in (
            ("DELETE FROM person", "RG-W05", "25006"),
            ("SELECT nextval('loggnummer_seq')", "RG-F02", "25006"),
            ("SELECT millennium.log_visit(1)", "RG-F01", "25006"),
            ("SET transaction_read_only = off", "RG-T06", "0A000"),
            ("SELEC", "RG-T02", "42601"),
        ):
            error = await refusal(connection, sql)
            assert code in error.diag.message_primary
            assert error.sqlstate == sqlstate
            assert error.diag.message_hint
            assert await rows(connection, READ) == [("Tolvansson",)]
    assert changed(before, path.database.checksums()) == ()
    assert verify(path.journal).ok


async def test_a_denial_inside_a_transaction_aborts_it_as_any_error_does(path):
    async with await connect(path) as connection:
        await connection.execute("BEGIN")
        await refusal(connection, "UPDATE person SET name_last = 'X'")
        assert (await refusal(connection, READ)).sqlstate == "25P02"
        await connection.execute("ROLLBACK")
        assert await rows(connection, READ) == [("Tolvansson",)]


async def test_the_second_belt_is_buckled(path):
    async with await connect(path) as connection:
        assert await rows(connection, "SHOW transaction_read_only") == [("on",)]
        await connection.execute("RESET ALL")
        assert await rows(connection, "SHOW default_transaction_read_only") == [("on",)]
        # what the readings cannot see yet, a view that calls a writing function, the server refuses
        error = await refusal(connection, "SELECT * FROM visited_person")
        assert error.sqlstate == "25006"


async def test_purpose_by_set_reset_and_at_startup(path):
    async with await connect(path, options="") as connection:
        assert "RG-P01" in str(await refusal(connection, READ))
        await connection.execute("SET readonly_guard.purpose = 'TREAT'")
        assert await rows(connection, READ) == [("Tolvansson",)]
        assert await rows(connection, "SHOW readonly_guard.purpose") == [("TREAT",)]
        await connection.execute("RESET readonly_guard.purpose")
        assert "RG-P01" in str(await refusal(connection, READ))
        await connection.execute("SELECT set_config('readonly_guard.purpose', 'TREAT', false)")
        await connection.execute(READ)
        await connection.execute("DISCARD ALL")
        assert "RG-P01" in str(await refusal(connection, READ))
        assert "did you mean" in (await refusal(connection, "SET readonly_guard.purpos = 'TREAT'")).diag.message_detail


async def test_a_prepared_statement_is_asked_again_when_the_purpose_changed(path):
    connection = await asyncpg.connect(path.dsn(), server_settings={"readonly_guard.purpose": "TREAT"})
    try:
        prepared = await connection.prepare("SELECT name_last FROM person WHERE person_id = $1")
        assert await prepared.fetchval(PATIENT) == "Tolvansson"
        await connection.execute("SET readonly_guard.purpose = 'HSTAT'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-P02"):
            await prepared.fetchval(PATIENT)
        await connection.execute("SET readonly_guard.purpose = 'TREAT'")
        assert await prepared.fetchval(PATIENT) == "Tolvansson"
    finally:
        await connection.close()
    executed = [record.verdict for record in path.decisions() if record.phase == "execute" and record.relations]
    assert executed == ["allow", "deny", "allow"]


async def test_asyncpg_pool_with_its_reset_query(path):
    async with asyncpg.create_pool(path.dsn(), min_size=1, max_size=2) as pool:
        for _ in range(3):
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SET readonly_guard.purpose = 'TREAT'")
                assert await connection.fetchval(READ) == "Tolvansson"
                assert [row async for row in connection.cursor(READ)]
        async with pool.acquire() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-P01"):
                await connection.fetchval(READ)  # the reset between users took the purpose back


async def test_psycopg_pipeline(path):
    async with await connect(path) as connection:
        async with connection.pipeline():
            cursors = [await connection.execute(READ, prepare=True) for _ in range(20)]
            assert [await cursor.fetchall() for cursor in cursors] == [[("Tolvansson",)]] * 20
        with pytest.raises(psycopg.Error, match="RG-W05"):
            async with connection.pipeline():
                await connection.execute(READ)
                await connection.execute("DELETE FROM person")
                await connection.execute(READ)
        assert await rows(connection, READ) == [("Tolvansson",)]


@pytest.mark.parametrize(
    "command", ["\\d", "\\dt+", "\\d+ person", "\\df", "\\dv", "\\du", "\\l", "\\dn+", "\\dp", "\\ds"]
)
async def test_psql_backslash_commands(path, command):
    status, _, err = await psql(path, "-c", command, options="")
    assert (status, err) == (0, "")


async def test_psql_prints_a_copy_with_a_reason_only(path):
    copy = f"COPY (SELECT name_last FROM person WHERE person_id = {PATIENT}) TO STDOUT"
    status, out, err = await psql(path, "-c", copy)
    assert (status, out) == (1, "")
    assert "RG-X01" in err
    status, out, _ = await psql(path, "-c", copy, options=f"{TREAT} -c readonly_guard.print_reason=PATIENT_REQUEST")
    assert (status, out) == (0, "Tolvansson\n")
    assert [record.activity for record in path.decisions() if record.action == "print"] == [
        "Nekad utskrift",
        "Utskrift",
    ]


async def test_swedish(path):
    async with await connect(path, options=f"{TREAT} -c readonly_guard.language=sv") as connection:
        error = await refusal(connection, "DELETE FROM person")
        assert "Borttag är inte tillåtet i läsläge (RG-W05)" in error.diag.message_primary
        assert error.diag.message_hint.startswith("Läsläge tillåter")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("-c default_transaction_read_only=off", "RG-T06"),
        ("-c standard_conforming_strings=off", "RG-T06"),
        ("-c role=postgres", "RG-T06"),
        ("-c readonly_guard.purpos=TREAT", "RG-T06"),
        ("-c client_encoding=SJIS", "RG-T07"),
        ("-W 3", "RG-T06"),
    ],
)
async def test_unsafe_connections_are_refused_with_a_reason(path, options, code):
    with pytest.raises(psycopg.OperationalError, match=code):
        await connect(path, options=options)


async def test_replication_is_refused(path):
    with pytest.raises(psycopg.OperationalError, match="RG-T05"):
        await psycopg.AsyncConnection.connect(path.dsn(), replication="database")


async def test_a_parameter_of_a_type_of_ones_own_is_refused(path):
    # binding to a domain runs its CHECK, which may do anything
    async with await connect(path) as connection:
        low = connection.pgconn
        for oid, code in ((23, None), (16_384, "RG-F03")):
            result = await asyncio.to_thread(low.prepare, b"", b"SELECT $1", [oid])
            assert (code in (result.error_message or b"").decode()) if code else not result.error_message
        await rows(connection, READ)


async def test_what_the_planner_knows_of_rows_needs_a_purpose(path):
    async with await connect(path, options="") as connection:
        for sql in ("SELECT most_common_vals FROM pg_stats", "SELECT * FROM pg_catalog.pg_statistic", "EXECUTE p"):
            assert "RG-P01" in str(await refusal(connection, sql))


async def test_a_wrong_password_is_the_servers_to_refuse(path):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await psycopg.AsyncConnection.connect(path.dsn(), password="wrong")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (b"SELECT '" + b"x" * 10_000_000 + b"'", "RG-T04"),
        (b"SELECT '\xff\xfe'", "RG-T07"),
        (b"SELECT " + b"1+" * 40_000 + b"1", "RG-T04"),
        (b"SELECT " + b"date(" * 18 + b"now()" + b")" * 18, None),
    ],
    ids=["ten megabytes", "not UTF-8", "a long chain", "nested type names"],
)
async def test_texts_that_are_too_much(path, sql, code):
    async with await connect(path) as connection:
        if code is None:
            await connection.execute(sql)
        else:
            assert code in str(await refusal(connection, sql))
        assert await rows(connection, READ) == [("Tolvansson",)]


async def test_without_a_log_nothing_is_released(path):
    async with await connect(path) as connection:
        await connection.execute(READ)
        shutil.rmtree(path.journal)
        error = await refusal(connection, READ)
        assert "RG-SYS-002" in error.diag.message_primary
        assert error.sqlstate == "57P03"
        assert "RG-SYS-002" in str(await refusal(connection, "SELECT 1"))


async def test_no_literal_reaches_the_log(path):
    canary = "canary191212121212"
    async with await connect(path) as connection:
        await connection.execute(f"SELECT '{canary}', $${canary}$$ -- {canary}".encode())
        await rows(connection, "SELECT %s::text", (canary,))
        for sql in (f"DELETE FROM person WHERE name_last = '{canary}'", f"SELEC {canary}", f"SELECT '{canary}'::int"):
            await refusal(connection, sql)
        await refusal(connection, f"SET work_mem_{canary} = '{canary}'")
    text = "".join(file.read_text(encoding="utf-8") for file in path.journal.glob("*.jsonl"))
    assert f"'{canary}" not in text
    assert text.count(canary) == text.count(f"work_mem_{canary}")  # a setting's name is a name


async def test_the_log_names_the_patients_that_parameters_name(path):
    canary = "canary191212121212"
    named = f"person_id:{PATIENT}"
    async with await connect(path) as connection:
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            await cursor.execute(
                "SELECT %b::text FROM person WHERE person_id = %b" if binary else
                "SELECT %t::text FROM person WHERE person_id = %t", (canary, PATIENT),
            )  # fmt: skip
            await cursor.execute("SELECT 1 FROM encounter WHERE person_id = ANY(%s)", ([PATIENT, 7],))
        await cursor.execute("SELECT 1 FROM person WHERE person_id = %s", (None,))
    plain = await asyncpg.connect(path.dsn(), server_settings={"readonly_guard.purpose": "TREAT"})
    try:
        await plain.fetch("SELECT $1::text FROM person WHERE person_id = $2", canary, PATIENT)
        await plain.fetch("SELECT 1 FROM encounter WHERE person_id = ANY($1::bigint[])", [PATIENT, 8])
        await plain.execute(f"SELECT 1 FROM person WHERE person_id = {PATIENT}")
    finally:
        await plain.close()
    read = [(record.phase, record.patients) for record in path.decisions() if record.action == "read"]
    assert [patients for phase, patients in read if phase == "execute"] == [
        *((named,), (named, "person_id:7")) * 2,
        (),
        (named,),
        (named, "person_id:8"),
    ]
    assert {patients for phase, patients in read if phase == "parse"} == {("person_id:$1",), ("person_id:$2",)}
    assert [patients for phase, patients in read if phase == "query"] == [(named,)]
    sets = {record.information_sets for record in path.decisions() if record.relations == ("encounter",)}
    assert sets == {("Vårdkontakter",)}
    assert canary not in "".join(file.read_text(encoding="utf-8") for file in path.journal.glob("*.jsonl"))


async def test_what_is_parsed_and_run_together_is_one_record_about_whom_its_parameters_name(path):
    async with await connect(path) as connection:
        for _ in range(2):  # anew, and as it was decided before
            assert await rows(connection, "SELECT name_last FROM person WHERE person_id = %s", (PATIENT,))
        await refusal(connection, "UPDATE person SET name_last = %s WHERE person_id = %s", ("X", PATIENT))
    told = [(record.phase, record.verdict, record.patients) for record in path.decisions()]
    named = (f"person_id:{PATIENT}",)
    assert told == [("execute", "allow", named), ("execute", "allow", named), ("execute", "deny", named)]


async def test_fetch_and_execute_are_about_whom_the_earlier_statement_names(path):
    async def run(connection, sql, parameters=None, *, fails=False):
        try:
            await connection.execute(sql, parameters)
        except psycopg.Error:
            assert fails, sql
        record = path.decisions()[-1]
        return record.action, " ".join(record.patients), record.relations

    cursor = "DECLARE c CURSOR {} FOR SELECT name_last FROM person WHERE person_id = {}"
    mine, other = ("read", "person_id:900001", ("person",)), ("read", "person_id:7", ("person",))
    unknown = ("search", "*:?", ())
    async with await connect(path) as connection:
        await connection.execute("BEGIN")
        await run(connection, cursor.format("", PATIENT))
        assert await run(connection, "FETCH 1 FROM c") == mine
        assert await run(connection, "MOVE 1 IN c") == mine
        await connection.execute("SAVEPOINT s")
        await run(connection, cursor.format("", 7), fails=True)  # there is a c
        await connection.execute("ROLLBACK TO s")
        assert await run(connection, "FETCH 1 FROM c") == mine
        await connection.execute("CLOSE c")
        await run(connection, "DECLARE c CURSOR FOR SELECT name_last FROM person WHERE person_id = %b", (7,))
        assert await run(connection, "FETCH 1 FROM c") == other
        await connection.execute("COMMIT")
        assert await run(connection, "FETCH 1 FROM c", fails=True) == unknown
        await run(connection, cursor.format("WITH HOLD", PATIENT))
        assert await run(connection, "FETCH 1 FROM c") == mine
        in_one = await run(connection, f"BEGIN; CLOSE c; {cursor.format('', 7)}; FETCH 1 FROM c; COMMIT")
        assert in_one == ("search", "person_id:7 *:?", ("person",))
        await connection.execute("PREPARE p AS SELECT name_last FROM person WHERE person_id = ANY ($1)")
        assert await run(connection, "EXECUTE p ('{7,900001}')") == (
            "read",
            "person_id:7 person_id:900001",
            ("person",),
        )
        await connection.execute("PREPARE q AS SELECT name_last FROM person WHERE person_id = $1")
        assert await run(connection, f"EXECUTE q ({PATIENT})") == mine
        assert await run(connection, f"EXPLAIN EXECUTE q ({PATIENT})") == mine
        both = ("read", "person_id:7 person_id:900001", ("person",))
        assert await run(connection, f"EXECUTE q (7); EXECUTE q ({PATIENT})") == both
        assert await run(connection, "EXECUTE q (3 + 4)") == ("read", "person_id:?", ("person",))
        real, int8, parsed = 700, 20, b"SELECT name_last FROM person WHERE person_id = $1"
        for name, kind, expected in ((b"r", real, unknown), (b"i", int8, mine), (b"n", 0, mine)):
            await asyncio.to_thread(connection.pgconn.prepare, name, parsed, [kind])
            assert await run(connection, f"EXECUTE {name.decode()} ({PATIENT})") == expected
        await connection.execute("DEALLOCATE ALL")
        assert await run(connection, f"EXECUTE q ({PATIENT})", fails=True) == unknown
        async with connection.transaction(), connection.cursor("named") as named:  # with which Django streams
            await named.execute("SELECT name_last FROM person WHERE person_id = %s", (PATIENT,))
            assert await named.fetchall() == [("Tolvansson",)]
    fetched = [one for one in path.decisions() if one.kinds == ("fetch",) and one.phase != "parse"]
    assert (fetched[-1].action, fetched[-1].patients) == ("read", (f"person_id:{PATIENT}",))


async def test_what_is_released_is_on_disk_first(path):
    async with await connect(path) as connection:
        known = {record.decision_id for record in path.decisions()}
        await connection.execute(READ)
        fresh = [record for record in path.decisions() if record.decision_id not in known]
        assert [record.verdict for record in fresh] == ["allow"]
        assert fresh[0].hsa_id.startswith("SE")


async def test_a_warning_is_told_once_a_session_in_the_sessions_language(path):
    """NPÖ is the first choice for diagnoses: said before the rows, and not again."""
    for options, message in (
        (TREAT, "readonly-guard: NPÖ is the first choice (RG-N90)"),
        (
            f"{TREAT} -c readonly_guard.language=sv",
            "readonly-guard: NPÖ är förstahandsval för denna information (RG-N90)",
        ),
    ):
        asked = ["-c", "SELECT count(*) FROM diagnosis WHERE person_id = 900001"] * 3
        status, out, err = await psql(path, "-v", "VERBOSITY=verbose", *asked, options=options)
        assert (status, len(out.splitlines())) == (0, 3)
        assert err.count("RG-N90") == 1
        assert f"WARNING:  01000: {message}" in err
        assert "DETAIL:  Diagnoser" in err
    records = [entry.record for entry in read(path.journal) if isinstance(entry.record, DecisionRecord)]
    assert [record.warnings for record in records if "diagnosis" in record.relations] == [("RG-N90",)] * 6


async def test_a_warning_reaches_a_driver_and_the_protocol_goes_on(path):
    heard = []
    connection = await asyncpg.connect(path.dsn("alind"), server_settings={"readonly_guard.purpose": "TREAT"})
    connection.add_log_listener(lambda _, message: heard.append((message.sqlstate, message.message)))
    for _ in range(3):
        assert await connection.fetchval("SELECT count(*) FROM diagnosis WHERE person_id = $1", 900_001) >= 0
    await connection.close()
    await asyncio.sleep(0)
    assert heard == [("01000", "readonly-guard: NPÖ is the first choice (RG-N90)")]
