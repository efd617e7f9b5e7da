"""psycopg2: the simple protocol only, with the parameters written into the text."""

from __future__ import annotations

import io
import threading

import pytest

pytestmark = pytest.mark.client("psycopg2")
READ = "SELECT name_last FROM person WHERE person_id = %s"


@pytest.fixture(scope="module")
def psycopg2(driver):
    driver("psycopg2.extras")
    return driver("psycopg2")


@pytest.fixture
def connection(psycopg2, gate):
    opened = psycopg2.connect(gate.dsn, options=gate.options)
    opened.autocommit = True
    yield opened
    opened.close()


def ask(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


@pytest.mark.shows("reads", "prepared")
def test_reads(connection, psycopg2, gate) -> None:
    with gate.without_denials():
        assert ask(connection, READ, [900_001]) == [("Tolvansson",)]
        assert len(ask(connection, "SELECT * FROM clinical_event")) == gate.events
        ask(connection, "PREPARE one (bigint) AS SELECT name_last FROM person WHERE person_id = $1; SELECT 1")
        for _ in range(3):
            assert ask(connection, "EXECUTE one (%s)", [900_001]) == [("Tolvansson",)]
        connection.set_client_encoding("UTF8")
        psycopg2.extras.register_default_jsonb(connection)
        psycopg2.extras.register_composite("millennium.person", connection)
        assert psycopg2.extras.HstoreAdapter.get_oids(connection)
        psycopg2.extras.execute_batch(connection.cursor(), "SELECT %s", [(1,), (2,)])
        assert connection.get_dsn_parameters()["user"] == gate.user
        connection.reset()


@pytest.mark.shows("reads")
def test_transactions(connection, psycopg2, gate) -> None:
    with gate.without_denials():
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "DEFAULT"):
            connection.set_session(isolation_level=level, readonly=True, deferrable=False, autocommit=False)
            assert ask(connection, READ, [900_001]) == [("Tolvansson",)]
            connection.commit()
        with connection.cursor(name="events") as cursor:
            cursor.execute("SELECT * FROM clinical_event")
            assert sum(1 for _ in cursor) == gate.events
        connection.rollback()


@pytest.mark.shows("reads")
def test_session_characteristics(connection, gate) -> None:
    """With autocommit on, set_session speaks SQL: SET default_transaction_isolation, _read_only, _deferrable."""
    with gate.without_denials():
        connection.set_session(isolation_level="SERIALIZABLE", readonly=True, deferrable=True)
        assert ask(connection, READ, [900_001]) == [("Tolvansson",)]


@pytest.mark.shows("denial")
def test_a_write_is_refused_and_the_session_goes_on(connection, psycopg2) -> None:
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction, match="RG-W05") as denied:
        ask(connection, "DELETE FROM person WHERE person_id = %s", [1])
    assert denied.value.pgcode == "25006"
    assert ask(connection, READ, [900_001]) == [("Tolvansson",)]
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction, match="RG-W04"), connection.cursor() as cursor:
        cursor.copy_from(io.StringIO("1\t1\n"), "visit_log")
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction, match="RG-W04"), connection.cursor() as cursor:
        psycopg2.extras.execute_values(cursor, "INSERT INTO visit_log (person_id) VALUES %s", [(1,)])
    assert ask(connection, READ, [900_001]) == [("Tolvansson",)]


@pytest.mark.shows("denial")
def test_a_transaction_after_a_denial(connection, psycopg2) -> None:
    connection.autocommit = False
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction, match="RG-W05"):
        ask(connection, "DELETE FROM person")
    connection.rollback()
    assert ask(connection, READ, [900_001]) == [("Tolvansson",)]
    connection.commit()


@pytest.mark.shows("large")
def test_a_large_result(connection, gate) -> None:
    rows = ask(connection, gate.large)
    assert (len(rows), len(rows[-1][1])) == (gate.large_rows, 400)


@pytest.mark.shows("tls")
def test_tls(psycopg2, tls_gate) -> None:
    opened = psycopg2.connect(tls_gate.dsn, options=tls_gate.options, **tls_gate.verifying)
    opened.autocommit = True
    assert ask(opened, READ, [900_001]) == [("Tolvansson",)]
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction, match="RG-W05"):
        ask(opened, "DELETE FROM person")
    opened.close()
    with pytest.raises(psycopg2.OperationalError, match="does not match host name"):
        psycopg2.connect(tls_gate.dsn, **tls_gate.verifying | {"host": "127.0.0.1"})


@pytest.mark.shows("reads")
def test_copying_out(connection, gate) -> None:
    out = io.StringIO()
    with gate.without_denials(), connection.cursor() as cursor:
        cursor.execute("SET readonly_guard.print_reason = 'MEDICAL_NEED'")
        cursor.copy_to(out, "clinical_event")
        cursor.copy_expert("COPY (SELECT 1) TO STDOUT WITH CSV", out)
    assert out.getvalue().count("\n") == gate.events + 1


@pytest.mark.shows("cancel")
def test_cancelling(connection, psycopg2, gate) -> None:
    timer = threading.Timer(0.3, connection.cancel)
    timer.start()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        ask(connection, gate.endless)
    timer.join()
    assert ask(connection, READ, [900_001]) == [("Tolvansson",)]
