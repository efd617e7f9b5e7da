"""psqlODBC, which spreadsheets and report tools use: its catalog functions, its ways to fetch and to prepare."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import pytest

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


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def connection(pyodbc, missing, gate, monkeypatch, request):
    driver = next(Path("/usr/lib").glob("*/odbc/psqlodbcw.so"), None)
    if driver is None:
        missing("psqlODBC is not on this machine: apt-get install odbc-postgresql")
    monkeypatch.setenv("PGOPTIONS", gate.options)  # psqlODBC stands on libpq
    where = f"Server={gate.host};Port={gate.port};Database={gate.name};UID={gate.user};PWD={gate.password}"
    opened = pyodbc.connect(f"Driver={driver};{where};{request.param}", autocommit=True, timeout=10)
    yield opened
    opened.close()


def test_catalog_functions(connection, gate) -> None:
    with gate.without_denials():
        for function, arguments in CATALOG:
            getattr(connection.cursor(), function)(**arguments).fetchall()


def test_reads(connection, gate) -> None:
    with gate.without_denials():
        cursor = connection.cursor()
        for _ in range(5):
            assert cursor.execute(READ, 900_001).fetchval() == "Tolvansson"
        assert len(cursor.execute("SELECT * FROM clinical_event").fetchall()) == gate.events
        assert connection.cursor().execute("SELECT count(*) FROM person WHERE name_last LIKE ?", "T%").fetchval() > 0
        assert connection.cursor().execute("{call pg_catalog.version()}").fetchval()


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


def test_a_write_is_refused_and_the_session_goes_on(connection, pyodbc, request) -> None:
    is_refused_by_driver = "ReadOnly=1" in request.node.callspec.params["connection"]
    state, reason = ("HY000", "Connection is readonly") if is_refused_by_driver else ("25006", "RG-W05")
    for sql, parameters in (("DELETE FROM person", ()), ("DELETE FROM person WHERE person_id = ?", (900_001,))):
        with pytest.raises(pyodbc.Error, match=reason) as denied:
            connection.execute(sql, parameters)
        assert denied.value.args[0] == state
        assert connection.execute(READ, 900_001).fetchval() == "Tolvansson"


def test_cancelling(connection, pyodbc, gate) -> None:
    cursor = connection.cursor()
    timer = Timer(0.3, cursor.cancel)
    timer.start()
    with pytest.raises(pyodbc.Error, match="cancel"):
        cursor.execute(gate.endless)
    timer.join()
    assert connection.execute(READ, 900_001).fetchval() == "Tolvansson"
