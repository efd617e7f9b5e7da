"""A value that a client sends is nowhere but on the wire: not in the log, its exports and sinks, not in operational logs,
metrics, process titles, nor in what an error tells. But for the value of a patient key: that is whom it is about.
"""

import asyncio
import contextlib
import http.server
import json
import socket
import threading
from pathlib import Path

import asyncpg
import psycopg
import pytest

from readonly_guard.audit.export import FORMATS

CANARY = "kanariefågel4711"
PATIENT = 900001
NOISY = """
CREATE FUNCTION millennium.noisy(note text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'about %', note;
    RAISE EXCEPTION 'cannot do with %', note USING DETAIL = note, HINT = note;
END $$
"""


@pytest.fixture
def collector():
    """An HTTP endpoint of this machine, and the bodies that were posted to it."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], bodies
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def broken_plugin(tmp_path):
    """A plugin, installed beside, that fails with the statement in the text of its error."""
    place = tmp_path / "installed"
    (place / "spilling-1.dist-info").mkdir(parents=True)
    (place / "spilling-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: spilling\nVersion: 1\n")
    (place / "spilling-1.dist-info" / "entry_points.txt").write_text("[readonly_guard]\nspilling = spilling:Spilling\n")
    (place / "spilling.py").write_text(
        "from readonly_guard.hooks import hookimpl\n"
        "class Spilling:\n"
        "    @hookimpl\n"
        "    def review_statement(self, analysis, request):\n"
        f"        if 'sch_appt' in str(request.resources): raise ValueError('{CANARY}')\n"
    )
    return place


async def send_it_every_way(dsn):
    """Every place of the protocol where a value can stand; the errors that came back."""
    told, notices = [], []
    connection = await asyncpg.connect(dsn, server_settings={"readonly_guard.purpose": "TREAT"})
    connection.add_log_listener(lambda _connection, message: notices.append(str(message)))

    async def run(sql, *values):
        try:
            await (connection.fetch(sql, *values) if values else connection.execute(sql))
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            told.append(f"{error} {getattr(error, 'detail', '')} {getattr(error, 'hint', '')}")
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK")

    try:
        for sql in (
            f"SELECT '{CANARY}', $${CANARY}$$, E'{CANARY}', U&'{CANARY}' -- {CANARY}",
            f"SELECT /* {CANARY} */ name_last FROM millennium.person WHERE person_id = {PATIENT} AND name_last = '{CANARY}'",
            f"SELECT millennium.noisy('{CANARY}')",  # a notice, and then an error with DETAIL and HINT
            f"SELECT '{CANARY}'::int",  # the server's own error repeats the value
            f"SELECT date '{CANARY}'",
            f"SELECT '{{\"a\": {CANARY}}}'::json",  # … in DETAIL and CONTEXT
            f"UPDATE millennium.person SET name_last = '{CANARY}' WHERE person_id = {PATIENT}",
            f"INSERT INTO millennium.person (name_last) VALUES ('{CANARY}')",
            f"SELECT FROM WHERE '{CANARY}'",
            f"SELECT '{CANARY}",
            f"SELECT * FROM millennium.person FOR UPDATE -- {CANARY}",
            f"SELECT pg_read_file('{CANARY}')",
            f"SELECT set_config('work_mem', '{CANARY}', false)",
            f"SET TimeZone = '{CANARY}'",
            f"SET readonly_guard.language = '{CANARY}'",
            f"DECLARE c CURSOR FOR SELECT '{CANARY}'",
            f"PREPARE p AS SELECT '{CANARY}'::text",
            "EXECUTE p",
            "PREPARE q (text) AS SELECT $1",
            f"EXECUTE q ('{CANARY}')",
            f"COPY (SELECT '{CANARY}') TO '/tmp/{CANARY}'",
            f"DO $$ BEGIN RAISE NOTICE '{CANARY}'; END $$",
            f"SELECT 1 FROM millennium.sch_appt WHERE person_id = {PATIENT} AND '{CANARY}' = '{CANARY}'",  # the plugin fails
            "ROLLBACK",
        ):
            await run(sql)
        await run("SELECT $1::text, $2::bytea", CANARY, CANARY.encode())
        await run(
            "SELECT name_last FROM millennium.person WHERE person_id = $1 AND name_last = ANY ($2::text[])",
            PATIENT,
            [CANARY],
        )
        await run("SELECT $1::text::int", CANARY)
        await run("DELETE FROM millennium.person WHERE name_last = $1", CANARY)
    finally:
        await connection.close()
    return told, notices


def printed_and_failed(dsn):
    """COPY to the client, text and binary values of psycopg, and an error in the middle of a pipeline."""
    options = "-c readonly_guard.purpose=TREAT -c readonly_guard.print_reason=MEDICAL_NEED"
    with psycopg.connect(dsn, options=options, autocommit=True) as connection:
        with (
            contextlib.suppress(psycopg.Error),
            connection.cursor().copy(f"COPY (SELECT '{CANARY}'::text) TO STDOUT") as copy,
        ):
            list(copy)
        for form in ("%b", "%t"):
            with contextlib.suppress(psycopg.Error):
                connection.execute(f"SELECT {form}::text", (CANARY,))
        with contextlib.suppress(psycopg.Error), connection.pipeline():
            connection.execute("SELECT %s::text::date", (CANARY,))
            connection.execute("SELECT %s", (CANARY,))


def process_tree(pid):
    children = [
        int(item) for task in Path(f"/proc/{pid}/task").iterdir() for item in (task / "children").read_text().split()
    ]
    return [pid, *(item for child in children for item in process_tree(child))]


@pytest.mark.slow
def test_no_value_is_anywhere_but_on_the_wire(
    writable_millennium, guard_toml, start_proxy, program, collector, broken_plugin, tmp_path
):
    millennium = writable_millennium
    with psycopg.connect(millennium.admin_dsn, autocommit=True) as admin:
        admin.execute(NOISY)
    port, bodies = collector
    config = guard_toml(
        upstream=f'host = "127.0.0.1"\nport = {millennium.server.port}',
        catalog=f'dsn = "{millennium.guard_dsn}"',
        admin='socket = "admin.sock"',
        logging='level = "debug"',
        plugins='load = ["webhook", "spilling"]',
        **{"plugin.webhook": f'url = "http://127.0.0.1:{port}/"'},
    )
    proxy = start_proxy(config, PYTHONPATH=str(broken_plugin))
    told, notices = asyncio.run(send_it_every_way(millennium.dsn("alind", port=proxy.port)))
    printed_and_failed(millennium.dsn("alind", port=proxy.port))
    titles = "".join(
        (Path(f"/proc/{pid}") / name).read_bytes().decode(errors="replace")
        for pid in process_tree(proxy.process.pid)
        for name in ("cmdline", "comm", "environ")
    )
    status = program("status", "--config", config, "--json").out
    metrics = scraped(tmp_path / "admin.sock")
    assert proxy.stop() == 0

    environment = {"PYTHONPATH": str(broken_plugin)}
    assert program("audit", "forward", "--once", "--config", config, env=environment).status == 0
    places = {"titles": titles, "status": status, "metrics": metrics, "operational log": proxy.said()}
    places["journal"] = "".join(item.read_text() for item in (tmp_path / "journal").rglob("*.jsonl"))
    places["sink"] = b"".join(bodies).decode()
    shown = program("audit", "show", "--last", "1000", tmp_path / "journal")
    places["audit show"] = shown.out + shown.err
    for name in FORMATS:
        ended = program(
            "audit", "export", tmp_path / "journal", "--format", name, "--output", tmp_path / f"out.{name}",
            "--system-id", "SE1-1", "--care-provider-id", "SE1-2", "--care-unit", "Medicinavdelning 1=SE1-3",
        )  # fmt: skip
        assert ended.status == 0, ended.err
        places[name] = (tmp_path / f"out.{name}").read_text() + (tmp_path / f"out.{name}.manifest.json").read_text()
    assert len(bodies) > 0
    assert "readonly_guard_decisions_total" in metrics
    assert places["journal"].count('"type":"decision"') > 30
    assert {
        name for name, text in places.items() if CANARY in text or CANARY.encode("unicode_escape").decode() in text
    } == set()
    for text in (json.dumps(CANARY)[1:-1], CANARY[:8], CANARY.encode().hex()):
        assert {name for name, place in places.items() if text in place} == set(), text
    ours = [text for text in told if "RG-" in text]
    assert len(ours) > 5
    assert [text for text in ours if CANARY in text] == [], "no message of the guard repeats a value"
    assert any(CANARY in text for text in told), "the server's own errors reach the client as they are"
    assert "RG-SYS-003" in "".join(ours)
    assert any(CANARY in notice for notice in notices), "so do its notices"


def scraped(socket_path):
    """The metrics, over the admin socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_path))
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        data = b""
        while part := connection.recv(65536):
            data += part
    return data.decode()
