"""The window of creation through the whole path: real clients, the real database, and rows planted at its edges."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psycopg
import pytest

from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard_cli.demo import write_policy_data

SHIPPED = Path(__file__).parents[2] / "policies" / "demands" / "data.json"
SINCE, UNTIL = datetime(2024, 11, 11, 23, tzinfo=UTC), datetime(2024, 11, 20, 23, tzinfo=UTC)
EARLIER = datetime(2024, 11, 1, tzinfo=UTC)
PATIENT = 900_001
READ = "SELECT create_dt_tm FROM clinical_event WHERE person_id = 900001"
BOUND = "SELECT create_dt_tm FROM clinical_event WHERE person_id = $1 AND create_dt_tm >= $2 AND create_dt_tm < $3"


@pytest.fixture
def demanding(path, tmp_path):
    """Policies that let nothing be read of which it is not known when it was created."""
    demands = json.loads(SHIPPED.read_text(encoding="utf-8")) | {"scope_window": "always"}
    changed = tmp_path / "demands.json"
    changed.write_text(json.dumps({"demands": demands}), encoding="utf-8")
    data = [str(write_policy_data(tmp_path / "data.json")), str(changed)]
    path.guard.replace_policies(EmbeddedEngine(load_policies(None, data)))
    return path


async def connect(path):
    options = "-c readonly_guard.purpose=TREAT"
    return await psycopg.AsyncConnection.connect(path.dsn(), options=options, autocommit=True)


async def test_a_text_is_held_to_the_window(demanding):
    async with await connect(demanding) as connection:
        inside = f"{READ} AND create_dt_tm >= '2024-11-12 00:00+01' AND create_dt_tm < '2024-11-21 00:00+01'"
        rows = await (await connection.execute(inside)).fetchall()
        assert rows
        assert all(SINCE <= moment < UNTIL for (moment,) in rows)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-S02"):
            await connection.execute(READ)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-S01"):
            await connection.execute(inside.replace("11-12 00:00+01", "11-11 23:59+01"))
        # a session's TimeZone may say what it likes of the letter Z
        await connection.execute("SET TimeZone = '<Z>10'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-S02"):
            await connection.execute(inside.replace("00:00+01", "00:00Z"))
        assert await (await connection.execute(inside)).fetchall() == rows
    allowed = next(record for record in demanding.decisions() if record.created_from)
    assert (allowed.created_from, allowed.created_before) == (
        "2024-11-11T23:00:00.000000Z",
        "2024-11-20T23:00:00.000000Z",
    )
    assert "2024" not in allowed.statement


@pytest.mark.parametrize("binary", [True, False])
async def test_psycopg_binds_the_window(demanding, binary):
    text = BOUND.replace("$1", "%s").replace("$2", "%s").replace("$3", "%s")
    async with await connect(demanding) as connection:
        cursor = connection.cursor(binary=binary)
        for since, until in [(SINCE, UNTIL)] * 7:  # from the fifth on it is prepared
            rows = await (await cursor.execute(text, (PATIENT, since, until))).fetchall()
            assert rows
        for since, until in [(EARLIER, UNTIL), (SINCE, datetime(2024, 11, 20, 23, 0, 0, 1, UTC))]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-S01"):
                await cursor.execute(text, (PATIENT, since, until))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-S02"):
            await cursor.execute(text, (PATIENT, datetime(2024, 11, 12), UNTIL))  # noqa: DTZ001  what the session takes it for


async def test_asyncpg_binds_the_window(demanding):
    connection = await asyncpg.connect(demanding.dsn(), ssl=False, server_settings={"readonly_guard.purpose": "TREAT"})
    statement = await connection.prepare(BOUND)
    assert await statement.fetch(PATIENT, SINCE, UNTIL)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="RG-S01"):
        await statement.fetch(PATIENT, EARLIER, UNTIL)
    assert await statement.fetch(PATIENT, SINCE, UNTIL)
    await connection.close()
    executed = [record for record in demanding.decisions() if record.phase == "execute" and record.patients]
    assert [record.verdict for record in executed] == ["allow", "deny", "allow"]


async def test_a_cursor_reads_what_its_query_may(demanding):
    async with await connect(demanding) as connection:
        await connection.execute("BEGIN")
        await connection.execute(
            f"DECLARE c CURSOR FOR {READ} AND create_dt_tm >= '2024-11-12 00:00+01' AND create_dt_tm < '2024-11-21 00:00+01'"
        )
        assert await (await connection.execute("FETCH 2 FROM c")).fetchall()
    assert next(record for record in demanding.decisions() if record.kinds == ("fetch",)).created_from
