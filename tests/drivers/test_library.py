"""SQLAlchemy on guarded connections: a whole mapper with the guard inside, without a proxy."""

from __future__ import annotations

import pytest

from readonly_guard import Guard, WriteDenied, connect
from readonly_guard.audit import read, verify
from readonly_guard.domain import DecisionRecord
from readonly_guard_cli.demo import write_policy_data

PATIENT = 900_001


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
async def engine(driver, millennium, journal, tmp_path):
    """An engine whose every connection is guarded."""
    driver("greenlet")  # which SQLAlchemy's part for asyncio stands on, and SQLAlchemy alone does not bring along
    asyncio_part = driver("sqlalchemy.ext.asyncio")
    guard = Guard.open(journal=journal, data=[write_policy_data(tmp_path / "roster.json")], durability="buffered")

    async def guarded():
        return await connect(millennium.dsn("alind"), guard=guard, purpose="TREAT")

    made = asyncio_part.create_async_engine("postgresql+asyncpg://", async_creator=guarded)
    yield made
    await made.dispose()
    await guard.aclose()
    assert verify(journal).ok


async def test_reads_are_recorded_with_their_patient(engine, driver, journal) -> None:
    sql = driver("sqlalchemy").text
    async with engine.connect() as connection:
        result = await connection.execute(sql("SELECT name_last FROM person WHERE person_id = :id"), {"id": PATIENT})
        assert result.scalar_one() == "Tolvansson"
        streamed = await connection.stream(sql("SELECT clinical_event_id FROM clinical_event"))
        assert len([row async for row in streamed]) > 100
    records = [entry.record for entry in read(journal) if isinstance(entry.record, DecisionRecord)]
    assert ("person_id:900001",) in [record.patients for record in records if record.phase == "execute"]
    assert {record.verdict for record in records} == {"allow"}


async def test_reflection(engine, driver) -> None:
    inspect = driver("sqlalchemy").inspect
    async with engine.connect() as connection:
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("person", schema="millennium"))
    assert "name_last" in {column["name"] for column in columns}


async def test_a_write_is_denied_with_the_guards_exception_as_its_cause(engine, driver) -> None:
    alchemy = driver("sqlalchemy")
    with pytest.raises(alchemy.exc.DBAPIError, match="RG-W05") as caught:
        async with engine.begin() as connection:
            await connection.execute(alchemy.text("DELETE FROM person"))
    assert isinstance(caught.value.orig.__cause__, WriteDenied)
    async with engine.connect() as connection:
        assert (await connection.execute(alchemy.text("SELECT 1"))).scalar_one() == 1
