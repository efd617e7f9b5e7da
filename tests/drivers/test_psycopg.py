"""psycopg 3: sync and async, text and binary, pipelines, server-side cursors, two-phase and cancelling."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo
from psycopg.types.multirange import MultirangeInfo
from psycopg.types.range import RangeInfo

pytestmark = pytest.mark.client("psycopg 3")
READ = "SELECT name_last FROM person WHERE person_id = %s"
PATIENT = [("Tolvansson",)]


@pytest.fixture
def connection(gate):
    with psycopg.connect(gate.dsn, options=gate.options, autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("prepare", [None, True, False])
@pytest.mark.shows("reads", "prepared")
def test_reads(connection, gate, binary, prepare) -> None:
    with gate.without_denials():
        for _ in range(10):  # from the fifth on it prepares by itself
            assert connection.execute(READ, [900_001], binary=binary, prepare=prepare).fetchall() == PATIENT
        events = connection.execute("SELECT * FROM clinical_event", binary=binary).fetchall()
        assert len(events) == gate.events
        streamed = connection.cursor().stream("SELECT * FROM clinical_event", binary=binary)
        assert sum(1 for _ in streamed) == gate.events
        assert connection.cursor().executemany("SELECT %s::int", [(1,), (2,)], returning=True) is None


@pytest.mark.shows("reads")
def test_the_other_cursors(connection, gate) -> None:
    with gate.without_denials():
        client = psycopg.ClientCursor(connection)
        assert client.execute(READ, [900_001]).fetchall() == PATIENT  # literals in the text
        raw = psycopg.RawCursor(connection)
        assert raw.execute(READ.replace("%s", "$1"), [900_001]).fetchall() == PATIENT
        many = connection.execute("SELECT 1; SELECT 2")
        assert many.fetchall() == [(1,)]
        assert many.nextset()


@pytest.mark.shows("reads")
def test_type_information(connection, gate) -> None:
    with gate.without_denials():
        assert TypeInfo.fetch(connection, "text").array_oid
        assert RangeInfo.fetch(connection, "int4range").subtype_oid
        assert MultirangeInfo.fetch(connection, "int4multirange").range_oid
        assert CompositeInfo.fetch(connection, "millennium.person").field_names
        assert TypeInfo.fetch(connection, "hstore") is None


@pytest.mark.shows("reads")
def test_server_side_cursors(gate) -> None:
    with gate.without_denials(), psycopg.connect(gate.dsn, options=gate.options) as opened:
        with opened.cursor(name="events", scrollable=True) as cursor:
            cursor.execute("SELECT clinical_event_id FROM clinical_event ORDER BY 1")
            cursor.itersize = 500
            assert sum(1 for _ in cursor) == gate.events
            cursor.scroll(0, mode="absolute")
            assert len(cursor.fetchmany(3)) == 3
        with opened.cursor(name="held", withhold=True) as cursor:
            cursor.execute(READ, [900_001])
            opened.commit()
            assert cursor.fetchall() == PATIENT


@pytest.mark.parametrize("level", [None, *psycopg.IsolationLevel])
@pytest.mark.parametrize("options", [{}, {"read_only": True}, {"read_only": True, "deferrable": True}], ids=str)
@pytest.mark.shows("reads")
def test_transactions(gate, level, options) -> None:
    with gate.without_denials(), psycopg.connect(gate.dsn, options=gate.options) as opened:
        opened.isolation_level = level
        for name, value in options.items():
            setattr(opened, name, value)
        with opened.transaction():
            assert opened.execute(READ, [900_001]).fetchall() == PATIENT
            with opened.transaction(), opened.transaction(savepoint_name="inner"):
                assert opened.execute("SELECT 1").fetchone() == (1,)
        opened.rollback()


@pytest.mark.shows("reads", "denial")
def test_pipelines(connection, gate) -> None:
    with gate.without_denials(), connection.pipeline() as pipeline:
        cursors = [connection.execute(READ, [900_001], prepare=True) for _ in range(50)]
        pipeline.sync()
        assert [cursor.fetchall() for cursor in cursors] == [PATIENT] * 50
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05"), connection.pipeline():
        connection.execute(READ, [900_001])
        connection.execute("DELETE FROM person")
        connection.execute(READ, [900_001])
    assert connection.execute(READ, [900_001]).fetchall() == PATIENT


@pytest.mark.shows("denial")
def test_a_write_is_refused_and_the_session_goes_on(connection) -> None:
    for sql, parameters in (("DELETE FROM person", None), ("DELETE FROM person WHERE person_id = %s", [1])):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05") as denied:
            connection.execute(sql, parameters)
        assert denied.value.sqlstate == "25006"
        assert denied.value.diag.message_hint
        assert connection.execute(READ, [900_001]).fetchall() == PATIENT
    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W04"),
        connection.cursor().copy("COPY visit_log FROM STDIN") as copy,
    ):
        copy.write_row((1, 1))
    assert connection.execute(READ, [900_001]).fetchall() == PATIENT


@pytest.mark.shows("denial")
def test_a_transaction_after_a_denial(gate) -> None:
    with psycopg.connect(gate.dsn, options=gate.options) as opened:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05"), opened.transaction():
            opened.execute("DELETE FROM person")
        with opened.transaction():
            assert opened.execute(READ, [900_001]).fetchall() == PATIENT


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.shows("large")
def test_a_large_result(connection, gate, binary) -> None:
    rows = connection.execute(gate.large, binary=binary).fetchall()
    assert (len(rows), len(rows[-1][1])) == (gate.large_rows, 400)
    assert sum(1 for _ in connection.cursor().stream(gate.large, binary=binary)) == gate.large_rows


@pytest.mark.shows("tls")
def test_tls(tls_gate) -> None:
    with psycopg.connect(tls_gate.dsn, options=tls_gate.options, autocommit=True, **tls_gate.verifying) as opened:
        assert opened.execute(READ, [900_001]).fetchall() == PATIENT
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05"):
            opened.execute("DELETE FROM person")
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(tls_gate.dsn, **tls_gate.verifying | {"host": "127.0.0.1"})


@pytest.mark.shows("reads")
def test_copying_out(connection, gate) -> None:
    with gate.without_denials():
        connection.execute("SET readonly_guard.print_reason = 'MEDICAL_NEED'")
        for form in ("", " WITH (FORMAT csv, HEADER)", " (FORMAT BINARY)"):
            with connection.cursor().copy(f"COPY clinical_event TO STDOUT{form}") as copy:
                assert sum(1 for _ in copy) > 0
        with connection.cursor().copy(f"COPY ({READ}) TO STDOUT", [900_001]) as copy:
            assert list(copy.rows()) == [("Tolvansson",)]


@pytest.mark.shows("cancel")
def test_cancelling(connection, gate) -> None:
    timer = threading.Timer(0.3, connection.cancel_safe)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(gate.endless)
    timer.join()
    assert connection.execute(READ, [900_001]).fetchall() == PATIENT


@pytest.mark.shows("reads")
def test_listening(connection, gate) -> None:
    with gate.without_denials():
        connection.execute("LISTEN news")
        assert list(connection.notifies(timeout=0.05)) == []
        connection.execute("UNLISTEN *")


@pytest.mark.shows("reads")
async def test_asynchronously(gate) -> None:
    with gate.without_denials():
        async with await psycopg.AsyncConnection.connect(gate.dsn, options=gate.options) as opened:
            cursor = await opened.execute(READ, [900_001])
            assert await cursor.fetchall() == PATIENT
            async with opened.cursor(name="events") as named:
                await named.execute("SELECT * FROM clinical_event")
                assert len([row async for row in named]) == gate.events
            async with opened.pipeline():
                cursors = [await opened.execute(READ, [900_001]) for _ in range(20)]
                assert [await one.fetchall() for one in cursors] == [PATIENT] * 20
