"""Information added in read mode, found in a real database; and everything that can be in the way of finding it."""

from __future__ import annotations

import msgspec
import psycopg
import pytest

from readonly_guard import ConfigurationError
from readonly_guard.audit import read, verify
from readonly_guard.domain import LateWritesRecord
from readonly_guard.review import Desk, late_total, look_for_late_writes
from readonly_guard.review.plan import LateWritesPlan

from .conftest import SUPERIOR


def _looking(desk, dsn, **changes):
    desk.plan = msgspec.structs.replace(desk.plan, late_writes=LateWritesPlan(dsn=dsn, **changes))
    return desk


def test_what_the_database_says_was_changed_is_found_and_kept(desk, millennium):
    record = look_for_late_writes(_looking(desk, millennium.admin_dsn), SUPERIOR)
    counts = dict(item.rsplit("=", 1) for item in record.tables)
    with psycopg.connect(millennium.admin_dsn) as connection:
        for table, number in counts.items():
            (found,) = connection.execute(
                f"SELECT count(*) FROM {table} WHERE greatest(create_dt_tm, updt_dt_tm) >= '2024-11-20T23:00Z'"
            ).fetchone()
            assert int(number) == found, table
    assert late_total(record) == sum(map(int, counts.values())) > 0
    planted = [row for row in record.rows if row.key == "clinical_event_id=900051"]  # changed 2 December in read mode
    assert [(row.table, row.changed[:10]) for row in planted] == [("millennium.clinical_event", "2024-12-02")]
    assert (record.database, record.since) == (millennium.name, "2024-11-20T23:00:00.000000Z")
    kept = [entry.record for entry in read(desk.ledger.path) if isinstance(entry.record, LateWritesRecord)]
    assert kept[-1] == record == desk.ledger.history().late[-1]
    assert verify(desk.ledger.path).ok


def test_the_latest_rows_are_named_and_all_are_counted(desk, millennium):
    record = look_for_late_writes(_looking(desk, millennium.admin_dsn, keep=2), SUPERIOR)
    assert len(record.rows) == 2 < late_total(record)
    latest = [max(row.created, row.changed) for row in record.rows]
    assert latest == sorted(latest, reverse=True)


def test_odd_names_times_without_zone_and_closed_tables(desk, writable_millennium):
    with psycopg.connect(writable_millennium.admin_dsn) as connection:
        connection.execute("""
            CREATE SCHEMA "odd '""x";
            CREATE TABLE "odd '""x"."a=b ""c" ("k'1" int, "k""2" text, updt_dt_tm timestamp, PRIMARY KEY ("k""2", "k'1"));
            INSERT INTO "odd '""x"."a=b ""c" VALUES (1, 'x', '2024-11-20 23:59:59'), (2, 'y', '2024-11-21 00:00:00');
            CREATE TABLE "odd '""x".timeless (id int);
            CREATE TABLE "odd '""x".closed (id int, updt_dt_tm timestamptz);
            GRANT USAGE ON SCHEMA "odd '""x" TO alind;
            GRANT SELECT ON "odd '""x"."a=b ""c" TO alind;
        """)
    dsn = writable_millennium.dsn("alind")
    record = look_for_late_writes(_looking(desk, dsn, schemas=("odd '\"x",)), SUPERIOR)
    assert record.tables == ('odd \'"x.a=b "c=1',)
    assert [row.key for row in record.rows] == ["k\"2=y, k'1=2"]
    assert late_total(record) == 1
    assert record.unchecked == (
        "odd '\"x.closed: cannot be read, SQLSTATE 42501",
        "odd '\"x.timeless: has neither create_dt_tm nor updt_dt_tm",
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"schemas": ("nowhere",)}, "no table in nowhere"),
        ({"dsn": "postgresql://nobody:hemligt@127.0.0.1:1/x"}, "cannot be read: ConnectionRefusedError"),
        ({"dsn": "no dsn at all"}, "cannot be read: "),
    ],
)
def test_what_cannot_be_read_is_said_without_the_password_and_nothing_is_kept(desk, millennium, changes, what):
    before = len(desk.ledger.history().late)
    with pytest.raises(ConfigurationError, match=what) as error:
        look_for_late_writes(_looking(desk, changes.pop("dsn", millennium.admin_dsn), **changes), SUPERIOR)
    assert "hemligt" not in str(error.value)
    assert len(desk.ledger.history().late) == before


def test_a_plan_without_a_database_says_so(desk):
    with pytest.raises(ConfigurationError, match="no \\[late_writes\\]"):
        look_for_late_writes(desk, SUPERIOR)


def test_the_plan_is_read_from_the_file(directory):
    with (directory / "review.toml").open("a") as file:
        file.write("\n[late_writes]\ndsn = 'postgresql://x'\nsince = 2024-11-21\n")
    plan = Desk.open(directory).plan.late_writes
    assert plan is not None
    assert (plan.schemas, plan.since.isoformat()) == (("millennium",), "2024-11-21")
