"""What was allowed once is asked again at every Execute: purpose, time and policies may have changed since Parse."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import asyncpg
import psycopg
import pytest

from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard_cli.demo import write_policy_data

READ = "SELECT name_last FROM person WHERE person_id = $1"
PATIENT = 900_001


@pytest.fixture
async def connection(path):
    made = await asyncpg.connect(path.dsn(), ssl=False, server_settings={"readonly_guard.purpose": "TREAT"})
    yield made
    await made.close()


@pytest.fixture
def engine(tmp_path):
    """Policies in which something is otherwise about Anna Lind."""

    def made(**changes) -> EmbeddedEngine:
        file = write_policy_data(tmp_path / "changed.json")
        data = json.loads(file.read_text(encoding="utf-8"))
        data["roster"]["users"]["alind"].update(changes)
        file.write_text(json.dumps(data), encoding="utf-8")
        return EmbeddedEngine(load_policies(None, [str(file)]))

    return made


def last(path, phase: str):
    return [record for record in path.decisions() if record.phase == phase][-1]


async def test_when_the_purpose_has_changed(path, connection) -> None:
    statement = await connection.prepare(READ)
    assert await statement.fetchval(PATIENT) == "Tolvansson"
    await connection.execute("SET readonly_guard.purpose = 'HMARKT'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-P"):
        await statement.fetchval(PATIENT)
    assert last(path, "execute").purpose == "HMARKT"
    await connection.execute("RESET readonly_guard.purpose")
    assert await statement.fetchval(PATIENT) == "Tolvansson"
    assert last(path, "execute").purpose == "TREAT"


async def test_when_the_purpose_changes_half_way_through_a_portal(connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-P"):
        async with connection.transaction():
            cursor = await connection.cursor("SELECT event_id FROM clinical_event WHERE person_id = $1", PATIENT)
            assert len(await cursor.fetch(2)) == 2
            await connection.execute("SET readonly_guard.purpose = 'HMARKT'")
            await cursor.fetch(2)


async def test_when_time_has_passed_what_the_answer_holds_for(path, connection, engine) -> None:
    """The grant ends with the day; the answer to the same question was remembered until then, and not longer."""
    path.guard.replace_policies(engine(revoked_at="2025-03-04"))
    statement = await connection.prepare(READ)
    for _ in range(2):
        assert await statement.fetchval(PATIENT) == "Tolvansson"
    path.clock.now = datetime(2025, 3, 3, 22, 59, 59, tzinfo=UTC)  # 23.59.59 in Sweden
    assert await statement.fetchval(PATIENT) == "Tolvansson"
    path.clock.now = datetime(2025, 3, 3, 23, 0, tzinfo=UTC)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-R01"):
        await statement.fetchval(PATIENT)


async def test_when_the_policies_were_replaced(path, connection, engine) -> None:
    statement = await connection.prepare(READ)
    assert await statement.fetchval(PATIENT) == "Tolvansson"
    before = last(path, "execute").policy_revision
    good, revoked = engine(), engine(revoked_at="2025-01-01")
    path.guard.replace_policies(revoked)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-R01"):
        await statement.fetchval(PATIENT)
    assert last(path, "execute").policy_revision == revoked.revision != before
    path.guard.replace_policies(good)
    assert await statement.fetchval(PATIENT) == "Tolvansson"


async def test_statements_prepared_in_sql_too(path, engine) -> None:
    async with await psycopg.AsyncConnection.connect(
        path.dsn(), options="-c readonly_guard.purpose=TREAT", autocommit=True
    ) as connection:
        await connection.execute(f"PREPARE look AS SELECT name_last FROM person WHERE person_id = {PATIENT}")
        assert await (await connection.execute("EXECUTE look")).fetchall() == [("Tolvansson",)]
        path.guard.replace_policies(engine(revoked_at="2025-01-01"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-R01"):
            await connection.execute("EXECUTE look")
