"""Arguments: which patient they name, where that is certain, and that they stay what was decided about."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace

import pytest
from asyncpg.pgproto.pgproto import UUID as ASYNCPGS_UUID

from readonly_guard.connection.arguments import Arguments, kept

ID = uuid.UUID("6f0e0f0a-0000-4000-8000-000000000001")
READ = "SELECT name_last FROM person WHERE person_id = $1"
READ_ANY = "SELECT name_last FROM person WHERE person_id = ANY($1)"


class Sly(int):
    def __int__(self):
        return 900_002

    __index__ = __int__


def texts(value, type_name, *, is_array=False, schema="pg_catalog", own=frozenset()):
    kinds = [SimpleNamespace(name=type_name, schema=schema)]
    return Arguments(kept((value,)), lambda: kinds, frozenset(own)).texts(1, is_array=is_array)


@pytest.mark.parametrize(
    ("value", "type_name", "expected"),
    [
        (7, "int8", ("7",)),
        (-7, "int4", ("-7",)),
        ("191212121212", "text", ("191212121212",)),
        ("x", "varchar", ("x",)),
        (Decimal("7.50"), "numeric", ("7.50",)),
        (Decimal("9E2"), "numeric", ("900",)),
        (7, "numeric", ("7",)),
        (ID, "uuid", (str(ID),)),
        (ASYNCPGS_UUID(str(ID)), "uuid", (str(ID),)),
        (None, "int8", ()),
        (datetime(2024, 11, 12, tzinfo=timezone(timedelta(hours=1))), "timestamptz", ("2024-11-11T23:00:00+00:00",)),
        (datetime(2024, 11, 12), "timestamp", ("2024-11-12T00:00:00",)),  # noqa: DTZ001  a clock on the wall
        (date(2024, 11, 12), "date", ("2024-11-12",)),
        # asyncpg goes by the clock of the machine, or cuts off the time
        (datetime(2024, 11, 12), "timestamptz", None),  # noqa: DTZ001
        (datetime(2024, 11, 12, tzinfo=UTC), "timestamp", None),
        (date(2024, 11, 12), "timestamptz", None),
        (datetime(2024, 11, 12, tzinfo=UTC), "date", None),
        ("2024-11-12", "date", None),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "timestamptz", None),
        # asyncpg makes a whole number of these, by a rule of its own or of the caller's
        (Sly(900_001), "int8", None),
        (7.9, "int8", None),
        (Decimal("7.9"), "int8", None),
        (True, "int8", None),
        ("7", "int8", None),
        (7, "text", None),
        (b"x", "bytea", None),
    ],
)
def test_a_value_is_told_where_there_is_no_doubt(value, type_name, expected) -> None:
    assert texts(value, type_name) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([7, 8, 7], ("7", "8", "7")),
        ((7, None), ("7",)),
        ({7}, ("7",)),
        ([[7], [8]], ("7", "8")),
        ([], ()),
        (None, ()),
        ([7, 8.5], None),
        ("7", None),
        (iter([7]), None),
    ],
)
def test_an_arrays_elements_are_told(value, expected) -> None:
    assert texts(value, "int8[]", is_array=True) == expected


def test_where_the_type_is_not_what_it_is_taken_for() -> None:
    assert texts(7, "int8", schema="public") is None
    assert texts(7, "int8", own={("pg_catalog", "int8")}) is None
    assert texts([7], "int8[]", is_array=True, own={("pg_catalog", "int8")}) is None
    assert texts(7, "int8", is_array=True) is None
    assert texts([7], "int8[]") is None
    assert Arguments((), list, frozenset()).texts(1, is_array=False) is None
    assert Arguments({"a": 1}, list, frozenset()).texts(1, is_array=False) is None
    assert "7" not in repr(Arguments((7,), list, frozenset()))


async def test_the_log_names_the_patients(connection, log) -> None:
    await connection.fetchval(READ, 900_001)
    prepared = await connection.prepare(READ_ANY)
    await prepared.fetch([900_001, 900_002])
    await connection.executemany(READ, [(900_003,), [900_004]])
    async with connection.transaction():
        cursor = await connection.cursor(READ, 900_005)
        await cursor.fetch(1)
        assert len([row async for row in connection.cursor(READ, 900_001)]) == 1
    await connection.execute(READ, Sly(900_001))
    executed = [
        record.patients for record in log.decisions if record.phase == "execute" and record.relations == ("person",)
    ]
    assert executed == [
        ("person_id:900001",),
        ("person_id:900001", "person_id:900002"),
        ("person_id:900003",),
        ("person_id:900004",),
        ("person_id:900005",),
        ("person_id:900001",),
        ("person_id:?",),
    ]


async def test_a_codec_of_ones_own_is_not_believed(connection, log) -> None:
    await connection.set_type_codec("int8", schema="pg_catalog", encoder=lambda _: "900002", decoder=int, format="text")
    await connection.fetchval(READ, 900_001)
    assert log.decisions[-1].patients == ("person_id:?",)


async def test_what_is_sent_is_what_was_decided_about(opened, overseen, log, until) -> None:
    connection = await opened(guard=overseen)
    await connection.prepare(READ_ANY)  # asyncpg looks up the type of arrays
    decide, may_go_on = overseen.decide, asyncio.Event()

    async def slowly(request):
        decision = await decide(request)
        if request.phase == "execute":
            await may_go_on.wait()
        return decision

    overseen.decide = slowly
    asked = [900_001]
    running = asyncio.create_task(connection.fetch(READ_ANY, asked))
    await until(lambda: log.decisions[-1].patients == ("person_id:900001",))
    asked[0] = 900_002
    may_go_on.set()
    assert [row[0] for row in await running] == ["Tolvansson"]
    assert log.decisions[-1].patients == ("person_id:900001",)


def test_the_name_of_a_type_is_told_where_it_is_postgresqls() -> None:
    kinds = [SimpleNamespace(name="timestamptz", schema="pg_catalog"), SimpleNamespace(name="timestamptz", schema="x")]
    arguments = Arguments((1, 2), lambda: kinds, frozenset())
    assert [arguments.type_name(number) for number in (0, 1, 2, 3)] == [None, "timestamptz", None, None]
    assert Arguments((1,), lambda: kinds, frozenset({("pg_catalog", "timestamptz")})).type_name(1) is None
