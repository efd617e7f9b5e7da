"""The check for ways around the guard finds what is planted, and finds nothing once the grants are as they should be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

_SCRIPTS = Path(__file__).parents[2] / "deploy" / "postgresql"


@pytest.fixture
def database(writable_millennium):
    """A database of the test's own; roles are the server's, so that those made here are taken away again."""
    made: list[str] = []
    with psycopg.connect(writable_millennium.admin_dsn, autocommit=True) as admin:

        def role(name: str, options: str = "LOGIN") -> None:
            admin.execute(f"CREATE ROLE {name} {options}")
            made.append(name)

        role.made = made
        yield writable_millennium, admin, role
        for name in reversed(made):
            admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def _run(database, script: str, **variables: str) -> list[tuple[str, str]]:
    psql = database.server.psql
    options = [f"--set={name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        [
            psql,
            "-X",
            "-A",
            "-t",
            "-F",
            "\t",
            "-v",
            "ON_ERROR_STOP=1",
            *options,
            "-f",
            _SCRIPTS / script,
            database.admin_dsn,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(line.split("\t")) for line in done.stdout.splitlines() if "\t" in line]


@pytest.fixture
def check(database):
    def ways_around() -> list[str]:
        return [what for what, _ in _run(database[0], "check.sql", guard="192.0.2.1", readers="readers_of_a_test")]

    return ways_around


def test_what_is_planted_is_found(database, check):
    _, admin, role = database
    role("sneak")
    role("mighty", "LOGIN CREATEROLE BYPASSRLS")
    admin.execute("GRANT INSERT, DELETE ON millennium.person TO sneak")
    admin.execute("GRANT CREATE ON SCHEMA millennium TO sneak")
    admin.execute("GRANT pg_write_server_files TO sneak")
    admin.execute("CREATE FUNCTION millennium.lever() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    found = "\n".join(check())
    for words in (
        "without passing the guard",  # the embedded server lets everybody in
        "role mighty is free of row security, allowed to make roles",
        "role sneak has the rights of pg_write_server_files",
        "role sneak may write in millennium.person (INSERT)",
        "role sneak may write in millennium.person (DELETE)",
        "role sneak may make objects in schema millennium",
        "role sneak may run millennium.lever(), which runs with the rights of postgres",
    ):
        assert words in found, words


def test_the_grants_leave_a_reader_nothing_but_reading(database, check):
    millennium, admin, role = database
    admin.execute("GRANT INSERT ON millennium.person TO PUBLIC")
    for _ in range(2):  # it may be run again
        _run(millennium, "grants.sql", schema="millennium", readers="readers_of_a_test")
    role.made.append("readers_of_a_test")
    role("reader_of_a_test", f"LOGIN PASSWORD '{millennium.password}' IN ROLE readers_of_a_test")
    assert not [what for what in check() if "reader_of_a_test" in what]
    with psycopg.connect(millennium.dsn("reader_of_a_test"), autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM millennium.person").fetchone()[0] > 0
        reader.execute("SET default_transaction_read_only = off")  # as somebody would who came around the guard
        for statement in (
            "UPDATE millennium.person SET name_last = 'x'",
            "DELETE FROM millennium.person",
            "CREATE TABLE public.mine (i int)",
            "CREATE TEMPORARY TABLE mine (i int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)
