"""A worker that hangs or dies behind a real proxy: one statement is denied, everyone else goes on."""

from __future__ import annotations

import asyncio
import os
import signal

import psycopg
import pytest

from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Bounds
from readonly_guard_proxy.reading.pool import ReadingPool

READ = "SELECT name_last FROM person WHERE person_id = 900001"
NEW = "SELECT name_first FROM person WHERE person_id = 900001"


@pytest.fixture
async def pool(path):
    """One worker for the guard of the path."""
    rules = ReadingSettings(search_path=("millennium", "public"))
    async with ReadingPool(rules, Bounds(), workers=1, deadline_s=30.0) as pool:
        path.guard.read_with(pool)
        yield pool


async def connect(path):
    options = "-c readonly_guard.purpose=TREAT"
    return await psycopg.AsyncConnection.connect(path.dsn(), options=options, autocommit=True)


async def test_while_a_text_hangs_sessions_with_known_texts_go_on(path, pool):
    async with await connect(path) as patient, await connect(path) as other:
        assert await (await other.execute(f"{READ} AND 0 < 1")).fetchall() == [("Tolvansson",)]
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        hung = asyncio.create_task(patient.execute(NEW))
        await asyncio.sleep(0.1)
        for number in range(100):
            async with asyncio.timeout(10):
                rows = await (await other.execute(f"{READ} AND {number} < 100")).fetchall()
                assert rows == [("Tolvansson",)]
        assert not hung.done()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(psycopg.errors.StatementTooComplex, match="RG-T04") as caught:
            await hung
        assert "ended" in caught.value.diag.message_detail
        # the same session, the same text
        assert len(await (await patient.execute(NEW)).fetchall()) == 1
    denied = [record for record in path.decisions() if record.verdict != "allow"]
    assert [record.codes for record in denied] == [("RG-T04",)]


async def test_a_text_that_hangs_for_good_is_denied_at_the_deadline(path):
    async with (
        ReadingPool(ReadingSettings(search_path=("millennium", "public")), Bounds(), workers=1, deadline_s=0.5) as pool,
        await connect(path) as connection,
    ):
        path.guard.read_with(pool)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(psycopg.errors.StatementTooComplex, match="RG-T04"):
            await connection.execute(NEW)
        async with asyncio.timeout(10):
            while pid in pool.pids or not pool.pids:  # noqa: ASYNC110  a process sets no event
                await asyncio.sleep(0.01)
        assert len(await (await connection.execute(NEW)).fetchall()) == 1
