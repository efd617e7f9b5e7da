"""Against a real PostgreSQL 18, as a role that may add records and nothing else."""

import itertools
import os
import subprocess
import sys

import asyncpg
import msgspec
import pytest

from readonly_guard.audit.chain import content, envelope
from readonly_guard.audit.sealing import seal
from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.audit_postgres import migrate
from readonly_guard_plugins.continuity import Diverged

_numbers = itertools.count(1)


class Database:
    def __init__(self, server, name):
        self.server = server
        self.name = name

    async def connect(self, **login):
        return await asyncpg.connect(self.server.dsn(self.name, **login))

    async def fetch(self, query, *arguments):
        connection = await self.connect()
        try:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    async def heads(self):
        return sorted(await self.fetch("SELECT chain, seq, hash FROM readonly_guard_log.entry"))


@pytest.fixture
async def database(postgres, tmp_path):
    """A database with the tables, and a login that was granted the writer's role."""
    name = f"log_{next(_numbers)}"
    admin = await asyncpg.connect(postgres.admin_dsn)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    database = Database(postgres, name)
    owner = await database.connect()
    assert await migrate(owner) == ["0001_log.sql", "0002_canonical.sql"]
    await owner.execute(f"CREATE ROLE guard_{name} LOGIN PASSWORD 'of-{name}'")
    await owner.execute(f"GRANT readonly_guard_log_writer TO guard_{name}")
    await owner.close()
    (tmp_path / "password").write_text(f"of-{name}\n")
    return database


@pytest.fixture
def carry(feed, database):
    def make(**changes):
        return feed("audit_postgres", **{
            "host": "127.0.0.1", "port": database.server.port, "database": database.name,
            "user": f"guard_{database.name}", "password": "password", **changes,
        })  # fmt: skip

    return make


async def test_everything_is_there_once_in_partitions_by_month(log, carry, database):
    log.write(30)
    log.write(4, chain="worker-1")
    await carry().drain()
    log.write(3)
    await carry().drain()

    assert await database.heads() == log.heads
    partitions = await database.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhrelid::regclass::text ~ 'entry_2026_0[123]$' ORDER BY 1"
    )
    assert [name for (name,) in partitions] == [f"readonly_guard_log.entry_2026_0{month}" for month in (1, 2, 3)]
    (row,) = await database.fetch(
        "SELECT subject, patients, codes, record ->> 'statement', type FROM readonly_guard_log.entry WHERE decision_id = $1 AND type = 'decision'",
        f"00000000-0000-4000-8000-{7:012d}",
    )
    assert row == ("åsa.öberg", ["person_id:7"], [], "SELECT name FROM person WHERE person_id = ?", "decision")


async def test_the_text_that_the_hash_was_made_of_is_kept_also_of_records_with_fewer_fields(log, carry, database):
    log.write(2)
    (segment,) = log.path.glob("*.jsonl")
    head, last = segment.read_bytes().splitlines(keepends=True)[:2]
    before = envelope(head)
    old = bytes(before.record).replace(b',"information_sets":[]', b"")  # as one that knew no information sets wrote it
    assert old != bytes(before.record)
    first = seal(1, before.prev, old)
    second = seal(2, first.hash, bytes(envelope(last).record))
    segment.write_bytes(first.data + second.data)
    await carry().drain()

    assert await database.fetch("SELECT seq, hash, canonical FROM readonly_guard_log.entry ORDER BY seq") == [
        (line.seq, line.hash, content(line.data).decode()) for line in (first, second)
    ]


async def test_a_lost_cursor_repeats_nothing(log, carry, database):
    log.write(10)
    await carry().drain()
    (log.path / "cursors" / "audit_postgres.json").unlink()
    log.write(2)
    await carry().drain()

    assert await database.heads() == log.heads


async def test_two_feeds_at_once_repeat_nothing(log, carry, database):
    log.write(20)
    one, other = carry(), carry()
    await one._round(is_final=True)
    await other.drain()
    log.write(5)
    await one.drain()

    assert await database.heads() == log.heads


async def test_a_server_that_was_away_gets_all_of_it_afterwards(log, carry, database):
    log.write(5)
    with pytest.raises(OSError, match="Connect call failed|refused"):
        await carry(port=1).drain()
    log.write(5)
    await carry().drain()

    assert await database.heads() == log.heads


async def test_another_chain_of_the_same_name_is_refused(log, carry, database):
    log.write(3)
    await carry().drain()
    before = await database.heads()
    for item in [*log.path.glob("*.jsonl"), log.path / "cursors" / "audit_postgres.json"]:
        item.unlink()
    log.write(5)

    with pytest.raises(Diverged, match=r"record 7 in the database is another one.*names of their own"):
        await carry().drain()
    assert await database.heads() == before


async def test_a_gap_is_refused(log, carry, database):
    log.write(100)
    feed = carry()
    feed._batch = 10
    await feed._round(is_final=True)
    await feed._sink.close()
    cursor = log.path / "cursors" / "audit_postgres.json"
    positions = msgspec.json.decode(cursor.read_bytes())
    cursor.unlink()
    segments = sorted(log.path.glob("*.jsonl"))
    assert positions["journal"]["seq"] == 10
    assert len(segments) > 2
    segments[0].unlink()

    with pytest.raises(Diverged, match="the database ends with record 10, and record"):
        await carry().drain()


async def test_text_that_postgresql_cannot_hold_is_stored_without_it(log, carry, database):
    log.write(1, subject="a\0b", statement="x\\u0000\0", patients=("person_id:\0",))
    await carry().drain()

    (row,) = await database.fetch(
        "SELECT subject, patients, record ->> 'statement' FROM readonly_guard_log.entry WHERE type = 'decision'"
    )
    assert row == ("a\ufffdb", ["person_id:\ufffd"], "x\\u0000\ufffd")


async def test_the_writer_may_add_and_nothing_else(log, carry, database):
    log.write(2)
    await carry().drain()
    writer = await database.connect(user=f"guard_{database.name}", password=f"of-{database.name}")
    for statement in (
        "SELECT * FROM readonly_guard_log.entry",
        "UPDATE readonly_guard_log.entry SET subject = ''",
        "DELETE FROM readonly_guard_log.entry",
        "TRUNCATE readonly_guard_log.entry",
        "DELETE FROM readonly_guard_log.chain",
        "SELECT * FROM readonly_guard_log.entry_2026_02",
        "DROP TABLE readonly_guard_log.entry_2026_02",
        "CREATE TABLE readonly_guard_log.mine ()",
        "INSERT INTO readonly_guard_log.migration VALUES (9, '')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(statement)
    await writer.close()


async def test_the_reader_may_read_and_nothing_else(log, carry, database):
    log.write(2)
    await carry().drain()
    owner = await database.connect()
    await owner.execute("SET ROLE readonly_guard_log_reader")
    assert await owner.fetchval("SELECT count(*) FROM readonly_guard_log.entry WHERE patients @> '{person_id:1}'") == 1
    for statement in ("DELETE FROM readonly_guard_log.entry", "SELECT readonly_guard_log.ensure_month(now())"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)
    await owner.close()


async def test_migrating_again_does_nothing(database):
    owner = await database.connect()
    assert await migrate(owner) == []
    await owner.close()


def test_the_tables_are_made_from_the_command_line(postgres):
    name = f"log_{next(_numbers)}"
    dsn = postgres.admin_dsn
    subprocess.run([postgres.psql, dsn, "-qc", f"CREATE DATABASE {name}"], check=True)
    command = [
        sys.executable,
        "-m",
        "readonly_guard_plugins.audit_postgres",
        "127.0.0.1",
        name,
        "postgres",
        "--port",
        str(postgres.port),
    ]
    env = {**os.environ, "PGPASSWORD": postgres._password}
    first = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert (first.returncode, first.stdout, first.stderr) == (0, "0001_log.sql\n0002_canonical.sql\n", "")
    again = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert (again.returncode, again.stdout) == (0, "up to date\n")
    wrong = subprocess.run(command, capture_output=True, text=True, env={**env, "PGPASSWORD": "no"}, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"error: 127.0.0.1:{postgres.port}/{name} as postgres: ")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"host": "db.example.org", "tls": "disable"}, "not sent to another machine in the clear"),
        ({"host": "db.example.org", "ca": "nowhere"}, r"\[plugin.audit_postgres\] ca: .*nowhere"),
        ({"tls": "maybe"}, r"\[plugin.audit_postgres\]: tls: Invalid enum value"),
    ],
)
def test_settings_that_are_wrong_are_named(feed, changes, what):
    with pytest.raises(ConfigurationError, match=what):
        feed("audit_postgres", **{"host": "127.0.0.1", "database": "d", "user": "u", **changes})


async def test_a_password_file_that_is_not_there_is_named(log, carry):
    log.write(1)
    with pytest.raises(ConfigurationError, match=r"\[plugin.audit_postgres\] password: .*nowhere"):
        await carry(password="nowhere").drain()
