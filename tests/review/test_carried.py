"""The log from PostgreSQL, as the plugin carried it there: brought back whole, or what is wrong with it is said."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import threading

import asyncpg
import pytest

from readonly_guard import ConfigurationError, Guard
from readonly_guard.audit import Feed, KeyRing, SigningKey, record_custody, verify_all
from readonly_guard.audit.chains import PATIENTS
from readonly_guard.domain import IdentificationRecord
from readonly_guard.hooks import Hooks
from readonly_guard.review import BrokenLog, Desk, Store, carried
from readonly_guard.settings import JournalSettings, PolicySettings, Settings, UpstreamSettings
from readonly_guard_plugins.audit_postgres import migrate

from .conftest import MANAGER, MONTH, UNIT

_numbers = itertools.count(1)


class Carried:
    """A review whose log is in a database, and the journal that was carried there."""

    def __init__(self, directory, postgres, name):
        self.directory = directory
        self.postgres = postgres
        self.name = name

    def carry(self):
        """What the journal has and the database has not."""
        hooks = Hooks()
        section = {
            "host": "127.0.0.1", "port": self.postgres.port, "database": self.name, "user": f"writer_{self.name}",
            "password": str(self.directory / "password"),
        }  # fmt: skip
        hooks.load(["audit_postgres"], {"audit_postgres": section}, self.directory)
        ((found, sink),) = hooks.sinks()
        return asyncio.run(Feed(self.directory / "journal", found, sink).drain())

    def write(self, count=1):
        with self.guard() as guard:
            for number in range(count):
                guard.check(f"SELECT * FROM person WHERE person_id = {number}", subject="alind", purpose="TREAT")
        self.carry()

    def guard(self):
        """One that signs, as the log has been signed before."""
        journal = JournalSettings(
            path=str(self.directory / "journal"), durability="buffered", signing_key=str(self.directory / "journal.key")
        )
        upstream, policy = (
            UpstreamSettings(host="nowhere.invalid"),
            PolicySettings(data=(str(self.directory / "roster.json"),)),
        )
        return Guard.from_settings(Settings(upstream=upstream, journal=journal, policy=policy))

    def run(self, *statements):
        """As the owner of the tables, who may do anything."""

        async def work():
            connection = await asyncpg.connect(self.postgres.dsn(self.name))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(work())

    @property
    def desk(self):
        return Desk.open(self.directory)


@pytest.fixture
def log(written, tmp_path, postgres) -> Carried:
    directory = shutil.copytree(written, tmp_path / "review")
    name = f"carried_{next(_numbers)}"
    made = Carried(directory, postgres, name)

    async def prepare():
        admin = await asyncpg.connect(postgres.admin_dsn)
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.close()
        owner = await asyncpg.connect(postgres.dsn(name))
        await migrate(owner)
        for role in ("reader", "writer"):
            await owner.execute(f"CREATE ROLE {role}_{name} LOGIN PASSWORD 'of-{name}'")
            await owner.execute(f"GRANT readonly_guard_log_{role} TO {role}_{name}")
        await owner.close()

    asyncio.run(prepare())
    (directory / "password").write_text(f"of-{name}")
    made.carry()
    SigningKey.load(directory / "journal.key").publish(directory)
    (key,) = directory.glob("*.pub")
    dsn = postgres.dsn(name, user=f"reader_{name}", password=f"of-{name}")
    plan = (directory / "review.toml").read_text()
    plan = plan.replace('journals = ["journal"]', f'public_keys = ["{key.name}"]')
    (directory / "review.toml").write_text(f"{plan}\n[databases.audit]\ndsn = '{dsn}'\n")
    return made


def test_the_copy_is_the_journal_byte_for_byte_and_imports_the_same(log, written):
    imported = log.desk.log.bring_in()
    copy = log.directory / "carried" / "audit"
    ((chain,),) = [[item for item in copy.iterdir() if item.is_dir()]]
    whole = b"".join(path.read_bytes() for path in sorted(chain.glob("journal-*.jsonl")))
    assert whole == b"".join(path.read_bytes() for path in sorted((written / "journal").glob("journal-*.jsonl")))
    (log.directory / "events.duckdb").rename(log.directory / "of-database")
    plan = (log.directory / "review.toml").read_text()
    (log.directory / "review.toml").write_text(f'journals = ["journal"]\n{plan.partition("[databases")[0]}')
    again = log.desk.log.bring_in()
    assert (again.decisions, again.chains[0].head) == (imported.decisions, imported.chains[0].head)
    with Store.open(log.directory / "of-database") as one, Store.open(log.desk.log.store_path) as other:
        assert one.of_unit(UNIT, MONTH) == other.of_unit(UNIT, MONTH)
        assert one.period_heads(MONTH) == other.period_heads(MONTH)


def test_an_import_goes_on_where_the_last_one_ended(log, monkeypatch):
    monkeypatch.setattr(carried, "_SEGMENT_BYTES", 1)  # each signed head ends a segment
    log.desk.log.bring_in()
    log.write(2)
    assert log.desk.log.bring_in().decisions == 2
    assert log.desk.log.bring_in().decisions == 0
    log.write(1)
    desk = log.desk
    assert desk.log.bring_in().decisions == 1
    copy = log.directory / "carried" / "audit" / "journal"
    assert len(list(copy.glob("journal-*.jsonl"))) > 2
    keys = KeyRing.load(log.directory.glob("*.pub"))
    assert [found.ok for found in verify_all(copy.parent, public_keys=keys)] == [True]


def test_other_chains_come_as_well(log):
    found = IdentificationRecord(
        time="2026-10-30T08:00:00.000000Z", patient="person_id:7", identifiers=("191212121212",), source="test"
    )
    key = SigningKey.load(log.directory / "journal.key")
    record_custody(log.directory / "journal" / PATIENTS, found, signing_key=key)
    log.carry()
    desk = log.desk
    desk.log.bring_in()
    assert desk.log.keys_of_patient(["191212121212"]) == ["191212121212", "person_id:7"]


_ROW = "(SELECT min(seq) FROM readonly_guard_log.entry WHERE type = 'decision' AND seq > 100)"
_TWICE = (
    "INSERT INTO readonly_guard_log.entry SELECT chain, seq, hash, time + interval '1 day', type, decision_id,"
    " session_id, subject, hsa_id, care_unit, purpose, activity, verdict, codes, patients, record, canonical"
    f" FROM readonly_guard_log.entry WHERE seq = {_ROW}"
)


@pytest.mark.parametrize(
    ("statements", "what"),
    [
        ([f"UPDATE readonly_guard_log.entry SET canonical = replace(canonical, 'TREAT', 'XREAT') WHERE seq = {_ROW}"],
         "record [0-9]+ was changed: its hash"),
        ([f"UPDATE readonly_guard_log.entry SET canonical = canonical || ' ' WHERE seq = {_ROW}"],
         "record [0-9]+ was changed: its hash"),
        ([f"UPDATE readonly_guard_log.entry SET hash = repeat('0', 64) WHERE seq = {_ROW}"],
         "record [0-9]+ was changed: its hash"),
        ([f"UPDATE readonly_guard_log.entry SET subject = 'enyman' WHERE seq = {_ROW}"],
         "record [0-9]+ was changed: its columns"),
        ([f"UPDATE readonly_guard_log.entry SET patients = '{{}}' WHERE seq = {_ROW}"],
         "record [0-9]+ was changed: its columns"),
        ([f"UPDATE readonly_guard_log.entry SET time = time + interval '1 second' WHERE seq = {_ROW}"],
         "record [0-9]+ was changed: its columns"),
        ([f"UPDATE readonly_guard_log.entry SET record = record || '{{\"statement\": \"\"}}' WHERE seq = {_ROW}"],
         "record [0-9]+ was changed: its columns"),
        ([f"UPDATE readonly_guard_log.entry SET record = record || '{{\"time\": \"when\"}}' WHERE seq = {_ROW}"],
         "holds no record: it was changed"),
        ([f"DELETE FROM readonly_guard_log.entry WHERE seq = {_ROW}"],
         "record [0-9]+ stands where record [0-9]+ belongs: records are missing"),
        (["DELETE FROM readonly_guard_log.entry WHERE seq = (SELECT max(seq) FROM readonly_guard_log.entry)"],
         "ends with record [0-9]+, but [0-9]+ were carried: its end was cut off"),
        (["DELETE FROM readonly_guard_log.entry WHERE seq < 3"], "begins with record 3: those before it are missing"),
        ([_TWICE], "was inserted or repeated|its columns are not what its record says"),
        (["UPDATE readonly_guard_log.chain SET chain = '../../elsewhere'"], "which no journal can have"),
        (["UPDATE readonly_guard_log.chain SET chain = 'other'"], "records of a chain 'journal' that nobody carried"),
    ],
)  # fmt: skip
def test_what_was_done_to_a_row_is_said_and_nothing_imported(log, statements, what):
    log.run(*statements)
    with pytest.raises(BrokenLog, match=what):
        log.desk.log.bring_in()
    assert not (log.directory / "events.duckdb").exists()
    assert not (log.directory / "carried" / "audit").exists()


def test_a_row_that_is_rewritten_after_the_import_forbids_to_sign_and_mended_it_does_not(log):
    desk = log.desk
    desk.log.bring_in()
    log.run("CREATE TABLE kept AS TABLE readonly_guard_log.entry",
            f"UPDATE readonly_guard_log.entry SET canonical = replace(canonical, 'TREAT', 'X') WHERE seq = {_ROW}")  # fmt: skip
    with pytest.raises(BrokenLog, match="was changed"):
        desk.sign(MANAGER, MONTH, UNIT)
    with pytest.raises(BrokenLog, match="was changed"):
        desk.log.glance()
    log.run("UPDATE readonly_guard_log.entry AS e SET canonical = k.canonical FROM kept AS k WHERE e.seq = k.seq")
    assert desk.log.glance().is_current


def test_a_chain_that_was_cut_off_with_its_head_is_found_by_what_was_imported(log):
    desk = log.desk
    desk.log.bring_in()
    cut = "(SELECT max(seq) - 1 FROM readonly_guard_log.chain)"
    log.run(
        f"DELETE FROM readonly_guard_log.entry WHERE seq > {cut}",
        "UPDATE readonly_guard_log.chain AS c SET seq = e.seq, hash = e.hash FROM"
        " (SELECT seq, hash FROM readonly_guard_log.entry ORDER BY seq DESC LIMIT 1) AS e",
    )
    for _ in range(2):  # with the copy, and when that is gone
        with pytest.raises(BrokenLog, match="held record"):
            desk.log.bring_in()


def test_a_log_that_somebody_else_signed_is_not_believed(log, tmp_path):
    SigningKey.generate(tmp_path / "other.key")
    (key,) = log.directory.glob("*.pub")
    key.write_bytes(SigningKey.load(tmp_path / "other.key").public_text())
    with pytest.raises(BrokenLog, match="which is not among the keys"):
        log.desk.log.bring_in()


def test_a_copy_that_was_broken_off_is_taken_up_again(log):
    log.desk.log.bring_in()
    (segment,) = (log.directory / "carried" / "audit" / "journal").glob("journal-*.jsonl")
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-20])
    assert log.desk.log.bring_in().decisions == 0
    assert segment.read_bytes() == whole


def test_two_imports_at_once_do_not_spoil_the_copy(log):
    failures = []

    def check():
        try:
            log.desk.log.verify()
        except Exception as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=check) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("127.0.0.1", "localhost", "databases.audit: the log cannot be read: ConnectionRefusedError"),
        ("of-carried", "wrong", "databases.audit: the log cannot be read: SQLSTATE 28P01"),
        ("/carried", "/nowhere", "databases.audit: the log cannot be read: SQLSTATE 3D000"),
    ],
)
def test_a_database_that_cannot_be_read_is_named_without_its_password(log, old, new, what):
    path = log.directory / "review.toml"
    head, mark, database = path.read_text().partition("[databases")
    database = database.replace(old, new)
    if new == "localhost":
        database = database.replace(str(log.postgres.port), "1")
    path.write_text(f"{head}{mark}{database}")
    with pytest.raises(ConfigurationError, match=what) as caught:
        log.desk.log.bring_in()
    assert f"of-{log.name}" not in str(caught.value)


def test_tables_of_an_earlier_version_and_rows_that_it_carried_are_named(log):
    log.run("UPDATE readonly_guard_log.entry SET canonical = NULL WHERE seq = 5")
    with pytest.raises(ConfigurationError, match="record 5 was carried without .* carry the log again"):
        log.desk.log.bring_in()
    log.run("ALTER TABLE readonly_guard_log.entry DROP COLUMN canonical")
    with pytest.raises(ConfigurationError, match="SQLSTATE 42703.*tables up to date"):
        log.desk.log.bring_in()


def test_a_database_without_a_record_is_named(log):
    log.run("TRUNCATE readonly_guard_log.entry, readonly_guard_log.chain")
    with pytest.raises(ConfigurationError, match=r"databases\.audit: holds no record yet"):
        log.desk.log.bring_in()


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ("[databases.audit]\ndsn = 'postgresql://r@db.example/audit'", "dsn: another machine's log is read with sslmode"),
        ("[databases.audit]\ndsn = 'postgresql://r@db.example/a?sslmode=require'", "sslmode=verify-full only"),
        ("[databases.audit]\ndsn = 'postgresql://r@127.0.0.1/a?host=db.example'", "sslmode=verify-full only"),
        ("[databases.audit]\ndsn = 'host=localhost'", "is written postgresql://role@host/database"),
        ("[databases.audit]\ndsn = 'postgresql://[/a'", "is written postgresql://role@host/database"),
        ("[databases.'a/b']\ndsn = 'postgresql://r@localhost/a'", "a name is letters, digits"),
        ("[databases.audit]\n", "missing required field `dsn`"),
    ],
)  # fmt: skip
def test_a_plan_that_names_a_database_wrongly_is_refused(log, section, what):
    path = log.directory / "review.toml"
    path.write_text(f"{path.read_text().partition('[databases')[0]}{section}\n")
    with pytest.raises(ConfigurationError, match=what):
        log.desk.log.bring_in()


def test_a_database_needs_keys_and_a_plan_a_log(log):
    path = log.directory / "review.toml"
    plan = path.read_text()
    (key,) = log.directory.glob("*.pub")
    path.write_text(plan.replace(f'public_keys = ["{key.name}"]', ""))
    with pytest.raises(ConfigurationError, match="public_keys: name them"):
        log.desk.log.bring_in()
    path.write_text(plan.partition("[databases")[0])
    with pytest.raises(ConfigurationError, match=r"name at least one directory of a log, or a \[databases.NAME\]"):
        log.desk.log.bring_in()


def test_what_postgresql_cannot_hold_comes_back_all_the_same(log):
    with log.guard() as guard:
        guard.check("SELECT 1", subject='a\0b\\u0000\\\0"', purpose="TREAT")
    log.carry()
    desk = log.desk
    desk.log.bring_in()
    log.run("UPDATE readonly_guard_log.entry SET record = record || '{\"subject\": \"b\"}', subject = 'b'"
            " WHERE type = 'decision' AND seq > (SELECT max(seq) - 4 FROM readonly_guard_log.entry)")  # fmt: skip
    with pytest.raises(BrokenLog, match="its columns"):
        desk.log.bring_in()
