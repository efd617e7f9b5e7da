"""`patients_postgres` over the synthetic database: from its keys to personnummer and reservnummer."""

import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from readonly_guard.audit import Identities, KeyRing, read_all, sink_positions, verify_all
from readonly_guard.domain import IdentificationRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.patients_postgres import PatientsPostgres

QUERIES = {
    "person_id": "SELECT person_id, alias FROM millennium.person_alias WHERE person_id = ANY ($1)"
    " ORDER BY person_id, beg_effective_dt_tm DESC",
    "encntr_id": "SELECT encntr_id, alias FROM millennium.encounter JOIN millennium.person_alias USING (person_id)"
    " WHERE encntr_id = ANY ($1)",
    "alias": "SELECT a, a FROM unnest($1::text[]) AS a",
}


@pytest.fixture
def section(millennium, tmp_path):
    (tmp_path / "password").write_text(f"{millennium.password}\n", encoding="utf-8")
    return {"host": "127.0.0.1", "port": millennium.server.port, "database": millennium.name, "user": "alind",
            "password": "password", "queries": QUERIES}  # fmt: skip


@pytest.fixture
async def register(section, tmp_path):
    made = []

    def make(**changes):
        settings = {**section, "password": tmp_path / "password", **changes}
        made.append(PatientsPostgres(PatientsPostgres.Settings(**settings)))
        return made[-1]

    yield make
    for item in made:
        await item.close()


@pytest.fixture
async def people(section, millennium):
    """Some persons with an encounter: person_id, encntr_id, and their identifiers, the newest first."""
    connection = await asyncpg.connect(
        host="127.0.0.1", port=section["port"], database=section["database"], user="alind", password=millennium.password
    )
    try:
        rows = await connection.fetch(
            "SELECT person_id, min(encntr_id) AS encntr_id, array_agg(DISTINCT alias) AS aliases"
            " FROM millennium.encounter JOIN millennium.person_alias USING (person_id) GROUP BY 1 ORDER BY 1"
        )
    finally:
        await connection.close()
    assert len(rows) > 5
    return rows


async def test_keys_of_several_columns_become_identifiers(register, people):
    first, second = people[0], people[1]
    found = await register().identify([
        f"person_id:{first['person_id']}", f"encntr_id:{second['encntr_id']}", "alias:191212121212", "order_id:1",
    ])  # fmt: skip

    assert sorted(found[f"person_id:{first['person_id']}"]) == sorted(first["aliases"])
    assert sorted(found[f"encntr_id:{second['encntr_id']}"]) == sorted(second["aliases"])
    assert found["alias:191212121212"] == ["191212121212"]
    assert "order_id:1" not in found


async def test_both_spellings_of_a_value_are_found(register, people):
    person = people[0]["person_id"]
    found = await register().identify([f"person_id: 00{person}", f"person_id:{person}"])

    assert found[f"person_id: 00{person}"] == found[f"person_id:{person}"] != []


@pytest.mark.parametrize("value", ["7; DROP TABLE person", "\u0667", "1e99", "99999999999999999999", "-", "'", "NaN"])
async def test_what_a_client_writes_can_neither_break_nor_become_a_query(register, people, value):
    found = await register().identify([f"person_id:{value}", f"person_id:{people[0]['person_id']}"])

    assert list(found) == [f"person_id:{people[0]['person_id']}"]


async def test_the_session_cannot_write(register):
    writing = "WITH gone AS (DELETE FROM millennium.person_alias WHERE person_id = ANY ($1) RETURNING *) SELECT 1, alias FROM gone"
    with pytest.raises((asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientPrivilegeError)):
        await register(queries={"person_id": writing}).identify(["person_id:1"])


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT 1, '2'", "takes one parameter, an array"),
        ("SELECT person_id, alias FROM millennium.person_alias WHERE person_id = $1", "takes one parameter, an array"),
        ("SELECT alias FROM millennium.person_alias WHERE person_id = ANY ($1)", "two columns"),
        ("SELECT person_id::text, alias FROM millennium.person_alias WHERE person_id = ANY ($1)", "first column"),
        ("SELECT person_id + 1, alias FROM millennium.person_alias WHERE person_id = ANY ($1)", "first column"),
    ],
)
async def test_a_query_of_another_form_is_named(register, people, query, what):
    with pytest.raises(ConfigurationError, match=rf"patients_postgres.queries\] person_id: .*{what}"):
        await register(queries={"person_id": query}).identify([f"person_id:{people[0]['person_id']}"])


async def test_a_server_that_hangs_is_not_waited_for(register):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = register(port=listener.getsockname()[1], timeout_s=0.2)
        with pytest.raises(TimeoutError):
            await silent.identify(["person_id:1"])
    slow = register(queries={"person_id": "SELECT 1::bigint, pg_sleep(60)::text WHERE 1 = ANY ($1)"}, timeout_s=0.5)
    with pytest.raises(TimeoutError):
        await slow.identify(["person_id:1"])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"queries": {}}, "name one"),
        ({"host": "db.example.org", "tls": "disable"}, "in the clear"),
        ({"password": Path("nowhere")}, "password: nowhere"),
    ],
)
async def test_settings_that_are_wrong_are_named(register, changes, what):
    with pytest.raises(ConfigurationError, match=what):
        await register(**changes).identify(["person_id:1"])


def forward(config, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "readonly_guard_cli", "audit", "forward", "--once", "--config", config],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def config(section, log, tmp_path):
    """A guard.toml whose log is looked up in the database."""

    def write(**changes):
        keys = {**section, **changes}
        queries = keys.pop("queries")
        lines = [f"{name} = {value!r}" for name, value in keys.items()]
        lines += ["[plugin.patients_postgres.queries]", *(f'{name} = """{query}"""' for name, query in queries.items())]
        path = tmp_path / "guard.toml"
        path.write_text(
            "\n".join([
                "[upstream]", "host = '127.0.0.1'",
                "[journal]", f"path = '{log.path}'", "signing_key = 'signing.key'",
                "[plugins]", "load = ['patients_postgres']", "[plugin.patients_postgres]", *lines,
            ]),
            encoding="utf-8",
        )  # fmt: skip
        return path

    return write


def test_the_log_gets_to_know_its_patients_and_proves_it(log, config, people, tmp_path):
    person, other = people[0], people[1]
    log.write(2, patients=(f"person_id:{person['person_id']}", "person_id:999999999", "alias:?", "alias:$1", "*:3"))
    log.write(1, chain="worker-1", patients=(f"encntr_id:{other['encntr_id']}",))
    path = config()
    assert "patients:" in forward(path)
    first = [entry.record for entry in read_all(log.path) if isinstance(entry.record, IdentificationRecord)]
    log.write(1, patients=(f"person_id:{person['person_id']}",))
    forward(path)

    known = Identities.of_journal(log.path)
    assert set(known.of(f"person_id:{person['person_id']}")) == set(person["aliases"])
    assert set(known.of(f"encntr_id:{other['encntr_id']}")) == set(other["aliases"])
    assert known.shown(["person_id:999999999"]) == ("person_id:999999999",)
    assert {record.patient for record in first} == {
        f"person_id:{person['person_id']}", "person_id:999999999", f"encntr_id:{other['encntr_id']}",
    }  # fmt: skip
    now = [entry.record for entry in read_all(log.path) if isinstance(entry.record, IdentificationRecord)]
    assert now == first, "what is known is not asked about and recorded again"
    keys = KeyRing.load([next(log.path.glob("*.pub"))])
    assert {found.chain: found.ok for found in verify_all(log.path, public_keys=keys)} == {
        "journal": True, "patients": True, "worker-1": True,
    }  # fmt: skip
    assert {(item.sink, item.behind) for item in sink_positions(log.path) if item.chain == "journal"} == {
        ("patients", 0)
    }


def test_the_log_is_shown_and_exported_by_identifier(log, config, people, tmp_path):
    person, other = people[0], people[1]
    log.write(1, patients=(f"person_id:{person['person_id']}",))
    log.write(1, patients=(f"encntr_id:{person['encntr_id']}", "person_id:999999999"), chain="worker-1")
    log.write(1, patients=(f"person_id:{other['person_id']}",))
    forward(config())
    number = Identities.of_journal(log.path).of(f"person_id:{person['person_id']}")[0]

    def audit(*arguments):
        command = [sys.executable, "-m", "readonly_guard_cli", "audit", *arguments, "--patient", number, log.path]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    lines = [line for line in audit("tail").splitlines() if "Läsa" in line]
    assert len(lines) == 2
    assert all(number in line for line in lines)
    assert "person_id:999999999" in lines[1] or "person_id:999999999" in lines[0]
    out = tmp_path / "out.csv"
    audit("export", "--format", "csv", "--output", out)
    assert out.read_text(encoding="utf-8-sig").count(number) == 2


def test_a_database_that_is_away_is_asked_again(log, config, people):
    person = people[0]
    log.write(1, patients=(f"person_id:{person['person_id']}",))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        away = config(port=listener.getsockname()[1], timeout_s=0.5)
        assert "patients: TimeoutError" in forward(away, status=1)
    assert Identities.of_journal(log.path).of(f"person_id:{person['person_id']}") == ()
    forward(config())

    assert set(Identities.of_journal(log.path).of(f"person_id:{person['person_id']}")) == set(person["aliases"])
