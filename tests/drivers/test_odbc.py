"""psqlODBC, which spreadsheets and report tools use: its catalog functions, its ways to fetch and to prepare."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import pytest

pytestmark = pytest.mark.client("psqlODBC")
READ = "SELECT name_last FROM person WHERE person_id = ?"
WAYS = {
    "as it is": "",
    "declare and fetch": "UseDeclareFetch=1;Fetch=100",
    "parameters in the text": "UseServerSidePrepare=0",
    "savepoint for each statement": "Protocol=7.4-2",
    "read-only": "ReadOnly=1",
    "updatable cursors": "UpdatableCursors=1;UseDeclareFetch=1",
    "as a spreadsheet asks": "BoolsAsChar=1;TextAsLongVarchar=1;MaxVarcharSize=254;ShowOidColumn=1;RowVersioning=1;ByteaAsLongVarBinary=1",
}  # fmt: skip
CATALOG = [
    ("tables", {}),
    ("tables", {"schema": "millennium", "table": "per%", "tableType": "TABLE,VIEW"}),
    ("tables", {"catalog": "%", "schema": "", "table": ""}),  # SQL_ALL_CATALOGS
    ("tables", {"catalog": "", "schema": "%", "table": ""}),  # SQL_ALL_SCHEMAS
    ("columns", {}),
    ("columns", {"schema": "millennium", "table": "clinical_event"}),
    ("statistics", {"schema": "millennium", "table": "person"}),
    ("statistics", {"schema": "millennium", "table": "person", "unique": True, "quick": False}),
    ("primaryKeys", {"schema": "millennium", "table": "person"}),
    ("foreignKeys", {"schema": "millennium", "table": "person"}),
    ("foreignKeys", {"foreignSchema": "millennium", "foreignTable": "clinical_event"}),
    ("procedures", {}),
    ("procedureColumns", {"schema": "millennium"}),
    ("rowIdColumns", {"schema": "millennium", "table": "person"}),
    ("rowVerColumns", {"schema": "millennium", "table": "person"}),
    ("getTypeInfo", {}),
]


@pytest.fixture(scope="module")
def pyodbc(missing):
    try:
        import pyodbc  # noqa: PLC0415  without libodbc the import itself fails
    except ImportError as error:
        missing(f"pyodbc: {error}; apt-get install libodbc2, and pip install 'readonly-guard[drivers]'")
    pyodbc.pooling = False
    return pyodbc


@pytest.fixture
def connect(pyodbc, missing, monkeypatch, record_property):
    driver = next(Path("/usr/lib").glob("*/odbc/psqlodbcw.so"), None)
    if driver is None:
        missing("psqlODBC is not on this machine: apt-get install odbc-postgresql")

    def opened(gate, way=""):
        monkeypatch.setenv("PGOPTIONS", gate.options)  # psqlODBC stands on libpq
        where = f"Server={gate.host};Port={gate.port};Database={gate.name};UID={gate.user};PWD={gate.password}"
        connection = pyodbc.connect(f"Driver={driver};{where};{way}", autocommit=True, timeout=10)
        record_property("client version", int(connection.getinfo(pyodbc.SQL_DRIVER_VER).partition(".")[0]))
        return connection

    return opened


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def connection(connect, gate, request):
    opened = connect(gate, request.param)
    yield opened
    opened.close()


@pytest.mark.shows("reads")
def test_catalog_functions(connection, gate) -> None:
    with gate.without_denials():
        for function, arguments in CATALOG:
            getattr(connection.cursor(), function)(**arguments).fetchall()


@pytest.mark.shows("reads", "prepared")
def test_reads(connection, gate) -> None:
    with gate.without_denials():
        cursor = connection.cursor()
        for _ in range(5):
            assert cursor.execute(READ, 900_001).fetchval() == "Tolvansson"
        assert len(cursor.execute("SELECT * FROM clinical_event").fetchall()) == gate.events
        assert connection.cursor().execute("SELECT count(*) FROM person WHERE name_last LIKE ?", "T%").fetchval() > 0
        assert connection.cursor().execute("{call pg_catalog.version()}").fetchval()


@pytest.mark.shows("reads")
def test_transactions(connection, pyodbc, gate) -> None:
    with gate.without_denials():
        connection.autocommit = False
        for level in (
            pyodbc.SQL_TXN_READ_COMMITTED,
            pyodbc.SQL_TXN_REPEATABLE_READ,
            pyodbc.SQL_TXN_SERIALIZABLE,
        ):
            connection.set_attr(pyodbc.SQL_ATTR_TXN_ISOLATION, level)
            assert connection.execute(READ, 900_001).fetchval() == "Tolvansson"
            connection.commit()
        connection.autocommit = True


@pytest.mark.shows("denial")
def test_a_write_is_refused_and_the_session_goes_on(connection, pyodbc, request) -> None:
    is_refused_by_driver = "ReadOnly=1" in request.node.callspec.params["connection"]
    state, reason = ("HY000", "Connection is readonly") if is_refused_by_driver else ("25006", "RG-W05")
    for sql, parameters in (("DELETE FROM person", ()), ("DELETE FROM person WHERE person_id = ?", (900_001,))):
        with pytest.raises(pyodbc.Error, match=reason) as denied:
            connection.execute(sql, parameters)
        assert denied.value.args[0] == state
        assert connection.execute(READ, 900_001).fetchval() == "Tolvansson"


@pytest.mark.shows("denial")
def test_a_transaction_after_a_denial(connect, pyodbc, gate) -> None:
    connection = connect(gate)
    connection.autocommit = False
    with pytest.raises(pyodbc.Error, match="RG-W05"):
        connection.execute("DELETE FROM person")
    connection.rollback()
    assert connection.execute(READ, 900_001).fetchval() == "Tolvansson"
    connection.commit()
    connection.close()


@pytest.mark.shows("large")
def test_a_large_result(connection, gate) -> None:
    rows = connection.execute(gate.large).fetchall()
    assert (len(rows), rows[-1][0]) == (gate.large_rows, gate.large_rows)


@pytest.mark.shows("tls")
def test_tls(connect, pyodbc, tls_gate, monkeypatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", tls_gate.root)
    opened = connect(tls_gate, "SSLmode=verify-full")
    assert opened.execute(READ, 900_001).fetchval() == "Tolvansson"
    with pytest.raises(pyodbc.Error, match="RG-W05"):
        opened.execute("DELETE FROM person")
    opened.close()
    with pytest.raises(pyodbc.Error, match="does not match host name"):
        connect(tls_gate._replace(host="127.0.0.1"), "SSLmode=verify-full")


@pytest.mark.shows("cancel")
def test_cancelling(connection, pyodbc, gate) -> None:
    cursor = connection.cursor()
    timer = Timer(0.3, cursor.cancel)
    timer.start()
    with pytest.raises(pyodbc.Error, match="cancel"):
        cursor.execute(gate.endless)
    timer.join()
    assert connection.execute(READ, 900_001).fetchval() == "Tolvansson"
