"""Loading into a real server, and checksums that notice every change and nothing else."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest
from psycopg import sql

from readonly_guard_cli.demo import PERSONAS, STAFF, DemoDatabase, EmbeddedServer, changed, install, load
from readonly_guard_cli.demo.tables import AUDIT_COLUMNS, COLUMNS

NURSE = PERSONAS["nurse"]


@pytest.fixture(scope="module")
def scratch(postgres: EmbeddedServer) -> DemoDatabase:
    """A database that several tests write in, each comparing only with what it found."""
    return install(postgres, "scratch")


def rows(dsn: str, query: str) -> list[tuple]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def run(dsn: str, query: str | sql.Composed) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(query)


def test_every_generated_row_is_in_the_database(millennium: DemoDatabase) -> None:
    found = millennium.checksums()
    for table, expected in millennium.dataset.tables.items():
        assert found[f"millennium.{table}"].rows == len(expected)


def test_what_is_read_back_is_what_was_generated(millennium: DemoDatabase) -> None:
    for table, columns in COLUMNS.items():
        names = ", ".join((*columns, *AUDIT_COLUMNS))
        assert sorted(rows(millennium.admin_dsn, f"SELECT {names} FROM {table}"), key=str) == sorted(
            millennium.dataset.tables[table], key=str
        )


def test_schema_and_generator_agree_on_tables_and_columns(millennium: DemoDatabase) -> None:
    declared: dict[str, list[str]] = {}
    query = """
        SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables
            USING (table_schema, table_name)
        WHERE table_schema = 'millennium' AND table_type = 'BASE TABLE' ORDER BY table_name, ordinal_position
    """
    for table, column in rows(millennium.admin_dsn, query):
        declared.setdefault(table, []).append(column)
    assert declared.pop("visit_log")
    assert declared == {table: [*columns, *AUDIT_COLUMNS] for table, columns in COLUMNS.items()}


def test_every_table_is_explained_and_every_foreign_key_is_enforced_or_kept(millennium: DemoDatabase) -> None:
    dsn = millennium.admin_dsn
    unexplained = "SELECT relname FROM pg_class WHERE relnamespace = 'millennium'::regnamespace AND relkind IN ('r', 'v', 'S') AND obj_description(oid, 'pg_class') IS NULL"
    assert rows(dsn, unexplained) == []
    assert (
        rows(dsn, "SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT (convalidated AND conenforced)") == []
    )
    for table in ("ce_blob", "ce_event_prsnl"):
        orphans = f"SELECT event_id FROM {table} WHERE event_id NOT IN (SELECT event_id FROM clinical_event)"
        assert rows(dsn, orphans) == []
    assert (
        rows(dsn, "SELECT 1 FROM orders o JOIN clinical_event c USING (order_id) WHERE o.encntr_id <> c.encntr_id")
        == []
    )
    assert (
        rows(dsn, "SELECT 1 FROM encounter e JOIN clinical_event c USING (encntr_id) WHERE e.person_id <> c.person_id")
        == []
    )


def test_every_employee_logs_in_and_finds_tables_without_a_schema(millennium: DemoDatabase) -> None:
    for employee in STAFF:
        query = "SELECT session_user, name_full_formatted FROM prsnl WHERE username = session_user"
        assert rows(millennium.dsn(employee.username), query) == [
            (employee.username, f"{employee.name_last}, {employee.name_first}")
        ]


def test_an_employee_needs_the_password(millennium: DemoDatabase) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(millennium.server.dsn(millennium.name, user=NURSE, password="guessed"))


def test_employees_are_no_superusers_and_own_nothing(millennium: DemoDatabase) -> None:
    dsn = millennium.admin_dsn
    privileged = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
    assert rows(dsn, privileged) == [("postgres",)]
    owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'millennium'::regnamespace"
    assert rows(dsn, owners) == [("millennium_owner",)]


def test_no_grant_stops_an_employee_from_writing(writable_millennium: DemoDatabase) -> None:
    """The premise of the whole demo: without a guard, all five kinds of write get through."""
    before = writable_millennium.checksums()
    with psycopg.connect(writable_millennium.dsn(NURSE)) as connection:
        connection.execute("UPDATE clinical_event SET result_val = '1' WHERE clinical_event_id = 900051")
        connection.execute("DELETE FROM allergy")
        connection.execute("UPDATE ce_event_prsnl SET action_dt_tm = now()")
        connection.execute("INSERT INTO visit_log (person_id) VALUES (1)")
        connection.execute("TRUNCATE ce_blob")
    assert set(changed(before, writable_millennium.checksums())) >= {
        "millennium.allergy",
        "millennium.ce_blob",
        "millennium.ce_event_prsnl",
        "millennium.clinical_event",
        "millennium.loggnummer_seq",
        "millennium.visit_log",
    }


@pytest.mark.parametrize(
    "trap",
    [
        "SELECT log_visit(900001)",
        "SELECT patient_summary(900001)",
        "SELECT * FROM visited_person",
        "SELECT 1 FROM person WHERE person_id === '900001'",
    ],
)
def test_the_traps_look_like_reading_and_write(scratch: DemoDatabase, trap: str) -> None:
    before = scratch.checksums()
    run(scratch.dsn(NURSE), trap)
    after = scratch.checksums()
    assert changed(before, after) == ("millennium.loggnummer_seq", "millennium.visit_log")
    assert after["millennium.visit_log"].rows > before["millennium.visit_log"].rows


def test_reading_changes_no_checksum(millennium: DemoDatabase) -> None:
    before = millennium.checksums()
    for table in (*COLUMNS, "journal_overview"):
        run(millennium.dsn(NURSE), f"SELECT * FROM {table}")
    run(millennium.dsn(NURSE), "SELECT last_value FROM pg_sequences")
    run(millennium.admin_dsn, "VACUUM ANALYZE millennium.person")
    assert changed(before, millennium.checksums()) == ()


def test_a_change_in_any_table_changes_its_checksum_and_no_other(writable_millennium: DemoDatabase) -> None:
    before = writable_millennium.checksums()
    for table, columns in COLUMNS.items():
        one_row = "UPDATE {0} SET updt_cnt = updt_cnt + 1 WHERE {1} = (SELECT max({1}) FROM {0})"
        run(
            writable_millennium.admin_dsn,
            sql.SQL(one_row).format(sql.Identifier(table), sql.Identifier(columns[0])),
        )
        after = writable_millennium.checksums()
        assert changed(before, after) == (f"millennium.{table}",)
        before = after


def test_a_row_less_and_a_row_more_are_noticed_and_undoing_them_too(writable_millennium: DemoDatabase) -> None:
    before = writable_millennium.checksums()
    run(
        writable_millennium.admin_dsn,
        "CREATE TEMP TABLE kept AS TABLE allergy; DELETE FROM allergy WHERE allergy_id = (SELECT max(allergy_id) FROM allergy)",
    )
    less = writable_millennium.checksums()
    assert "millennium.allergy" in changed(before, less)
    assert less["millennium.allergy"].rows == before["millennium.allergy"].rows - 1


def test_a_sequence_is_noticed_even_when_the_transaction_is_rolled_back(writable_millennium: DemoDatabase) -> None:
    dsn = writable_millennium.dsn(NURSE)
    for _ in range(2):  # the first use of a fresh sequence leaves last_value as it was
        before = writable_millennium.checksums()
        run(dsn, "BEGIN; SELECT nextval('loggnummer_seq'); ROLLBACK")
        assert changed(before, writable_millennium.checksums()) == ("millennium.loggnummer_seq",)


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("SELECT lo_from_bytea(0, 'x')", "pg_catalog.pg_largeobject"),
        ("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "pg_catalog.pg_proc"),
        ("CREATE OR REPLACE VIEW journal_overview AS SELECT encntr_id, person_id, ''::text AS name_full_formatted, ''::text AS org_name, reg_dt_tm, 0::bigint AS events FROM encounter", "pg_catalog.pg_rewrite"),
        ("GRANT SELECT ON person TO PUBLIC", "pg_catalog.pg_class"),
        ("ALTER TABLE person ALTER COLUMN skyddad_ind SET DEFAULT 1", "pg_catalog.pg_attrdef"),
        ("COMMENT ON TABLE person IS 'changed'", "pg_catalog.pg_description"),
        ("CREATE TABLE public.new (x int)", "public.new"),
        ("CREATE MATERIALIZED VIEW public.kept AS TABLE person", "public.kept"),
        ("DROP TABLE sch_appt", "millennium.sch_appt"),
        ("CREATE SCHEMA other CREATE TABLE t (x int)", "other.t"),
    ],
)  # fmt: skip
def test_a_changed_definition_is_noticed(scratch: DemoDatabase, statement: str, where: str) -> None:
    before = scratch.checksums()
    run(scratch.admin_dsn, statement)
    assert where in changed(before, scratch.checksums())


def test_changed_roles_are_noticed(scratch: DemoDatabase) -> None:
    before = scratch.checksums()
    run(
        scratch.admin_dsn,
        f"CREATE ROLE intruder SUPERUSER; GRANT writers TO intruder; ALTER ROLE {NURSE} SET work_mem = '1MB'",
    )
    try:
        assert set(changed(before, scratch.checksums())) >= {
            "pg_catalog.pg_auth_members",
            "pg_catalog.pg_authid",
            "pg_catalog.pg_db_role_setting",
        }
    finally:
        run(scratch.admin_dsn, f"DROP ROLE intruder; ALTER ROLE {NURSE} RESET work_mem")
    assert changed(before, scratch.checksums()) == ()


def test_checksums_do_not_depend_on_the_sessions_settings(scratch: DemoDatabase) -> None:
    before = scratch.checksums()
    name = sql.Identifier(scratch.name)
    for setting in ("timezone = 'Asia/Tokyo'", "datestyle = 'German'", "bytea_output = 'escape'"):
        run(scratch.admin_dsn, sql.SQL("ALTER DATABASE {} SET ").format(name) + sql.SQL(setting))
    assert changed(before, scratch.checksums()) == ("pg_catalog.pg_db_role_setting",)


def test_two_databases_of_one_dataset_have_the_same_tables(
    millennium: DemoDatabase, writable_millennium: DemoDatabase
) -> None:
    differing = changed(millennium.checksums(), writable_millennium.checksums())
    assert not [name for name in differing if name.startswith("millennium.")]


def test_a_second_database_on_a_server_leaves_the_roles_as_they_are(
    postgres: EmbeddedServer, millennium: DemoDatabase
) -> None:
    before = millennium.checksums()
    other = install(postgres, "one_more")
    differing = changed(before, millennium.checksums())
    assert differing == ("pg_catalog.pg_db_role_setting",)  # its search_path
    for database in (millennium, other):
        assert rows(database.dsn(NURSE), "SELECT count(*) FROM prsnl") == [(40,)]


def test_loading_twice_into_one_database_fails_and_leaves_it_as_it_was(writable_millennium: DemoDatabase) -> None:
    before = writable_millennium.checksums()
    with pytest.raises(psycopg.errors.DuplicateSchema):
        load(writable_millennium.admin_dsn, writable_millennium.dataset, password=writable_millennium.password)
    assert changed(before, writable_millennium.checksums()) == ()


def test_the_password_itself_never_reaches_the_server() -> None:
    with EmbeddedServer(settings={"log_statement": "all"}) as server:
        database = install(server)
        assert "SCRAM-SHA-256$4096:" in server.log()
        assert database.password not in server.log()


async def test_asyncpg_reads_the_same_connection_strings(millennium: DemoDatabase) -> None:
    for dsn in (millennium.admin_dsn, millennium.dsn(NURSE), millennium.dsn(NURSE, over="socket")):
        connection = await asyncpg.connect(dsn)
        try:
            assert await connection.fetchval("SELECT count(*) FROM prsnl") == 40
        finally:
            await connection.close()
