"""One program, run with asyncpg through the proxy and with a guarded connection: same results, same errors, same log."""

from __future__ import annotations

import io
import re

import asyncpg
import pytest

from readonly_guard import Guard, connect
from readonly_guard.audit import read
from readonly_guard.domain import CompletionRecord, DecisionRecord
from readonly_guard.settings import ReadingSettings

PATIENT = 900_001
READ = "SELECT name_last FROM person WHERE person_id = $1"
OWN_NAMES = re.compile(r"__asyncpg_([a-z]+)_[0-9a-f]+__")


async def said(awaitable):
    """What comes of it, in words that can be compared."""
    try:
        return await awaitable
    except asyncpg.PostgresError as error:
        message = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", str(error))
        return (error.sqlstate, message, error.position)


async def program(connection):
    """Everything that asyncpg can ask for, in one session."""
    yield await said(connection.fetchval(READ, PATIENT))
    yield await said(connection.fetchrow("SELECT p FROM person p WHERE person_id = 900001"))
    yield await said(
        connection.fetch("SELECT name_last FROM person WHERE person_id = ANY($1) ORDER BY 1", [1, PATIENT])
    )
    yield await said(connection.execute("SELECT 1; SELECT count(*) FROM person"))
    yield await said(connection.fetchval("SELECT 'YES'::information_schema.yes_or_no"))
    yield await said(connection.executemany(READ, [(PATIENT,), (2,), (3,)]))
    prepared = await connection.prepare(READ)
    yield [await said(prepared.fetchval(patient)) for patient in (PATIENT, 2, PATIENT)]
    yield type(await prepared.explain(PATIENT)), len(await prepared.explain(PATIENT, analyze=True))
    for text in (
        "DELETE FROM person",
        "SELECT nextval('loggnummer_seq')",
        "SELEC",
        "SET role = postgres",
        "SELECT 1/0",
    ):
        yield await said(connection.execute(text))
        yield await said(connection.fetch(text))
        yield await said(connection.prepare(text)) if "/" not in text else None
    await connection.execute("SET readonly_guard.purpose = 'HSTAT'")
    yield await said(prepared.fetchval(PATIENT))
    await connection.execute("RESET ALL")
    yield await said(prepared.fetchval(PATIENT))
    async with connection.transaction(isolation="repeatable_read"):
        yield len([row async for row in connection.cursor("SELECT clinical_event_id FROM clinical_event", prefetch=99)])
        async with connection.transaction():
            cursor = await connection.cursor("SELECT person_id FROM person WHERE person_id = $1", PATIENT)
            yield await cursor.fetch(1), await cursor.forward(7)
    await connection.execute("SET readonly_guard.print_reason = 'MEDICAL_NEED'")
    out = io.BytesIO()
    yield await said(connection.copy_from_query(READ, PATIENT, output=out, format="csv")), out.getvalue()
    yield await said(connection.copy_from_table("person", output=out))
    await connection.add_listener("news", print)
    await connection.remove_listener("news", print)
    await connection.execute(f"PREPARE mine (int8) AS {READ}")
    yield await said(connection.execute("EXECUTE mine (900001)"))
    await connection.execute("DEALLOCATE mine; PREPARE mine AS SELECT 1")
    yield await said(connection.execute("EXECUTE mine"))
    async with connection.transaction():
        await connection.execute("DECLARE c CURSOR FOR SELECT person_id FROM person WHERE person_id = 900001")
        await connection.execute("DECLARE h CURSOR WITH HOLD FOR SELECT person_id FROM person WHERE person_id = 2")
        yield await said(connection.execute("FETCH 1 FROM c"))
        yield await said(connection.fetch("FETCH 1 FROM h"))
    yield await said(connection.execute("FETCH 1 FROM h"))
    yield await said(connection.execute("FETCH 1 FROM c"))
    await connection.reset()
    yield await said(connection.fetchval("SHOW readonly_guard.purpose"))
    yield await said(connection.copy_to_table("visit_log", source=io.BytesIO(b"1\n")))


def logged(journal):
    """The decisions of a session and how they ended, but for what is counted or timed."""
    records = [entry.record for entry in read(journal)]
    ends = {record.decision_id: record for record in records if isinstance(record, CompletionRecord)}
    for record in records:
        if isinstance(record, DecisionRecord):
            end = ends.get(record.decision_id)
            statement = OWN_NAMES.sub(r"__asyncpg_\1__", record.statement)
            yield (
                (record.phase, statement, record.verdict, record.codes, record.action, record.patients, record.purpose),
                None if end is None else end.sqlstate,
            )


@pytest.fixture
async def own_guard(path, tmp_path):
    opened = Guard.open(
        journal=tmp_path / "own",
        data=[tmp_path / "roster.json"],
        reading=ReadingSettings(search_path=("millennium", "public")),
        clock=path.clock,
    )
    yield opened
    await opened.aclose()


async def test_the_library_says_and_logs_what_the_proxy_does(path, own_guard, tmp_path) -> None:
    settings = {"readonly_guard.purpose": "TREAT"}
    through_proxy = await asyncpg.connect(path.dsn(), server_settings=settings)
    expected = [result async for result in program(through_proxy)]
    await through_proxy.close()
    guarded = await connect(path.database.dsn("alind"), guard=own_guard, server_settings=settings)
    assert [result async for result in program(guarded)] == expected
    await guarded.close()
    await path.guard.aclose()
    await own_guard.aclose()
    theirs, ours = list(logged(path.journal)), list(logged(tmp_path / "own"))
    assert len(theirs) > 80
    assert [decision for decision, _ in ours] == [decision for decision, _ in theirs]
    assert [end for _, end in ours] == [end for _, end in theirs]
