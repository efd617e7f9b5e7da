"""Every trap really writes when nobody guards it, and is denied; every look-alike runs, writes nothing and is allowed."""

from __future__ import annotations

import psycopg
import pytest

from readonly_guard.domain import SearchPath, split_identifiers
from readonly_guard.sql import Analyzer


def analyse(trapped, item, sql):
    path = SearchPath(user="reader", paths=(tuple(split_identifiers(item.path) or ()),))
    return Analyzer(resolver=trapped.resolver).analyse(sql, path)


def skip_where_there_is_none(trapped, item):
    if not item.is_for(trapped.major):
        pytest.skip("not for this PostgreSQL")


def signs_of_writing(trapped, connection):
    """What a transaction has done that a read does not: rows, sequences, locks, large objects, files."""
    file = trapped.data / "canary-file"
    signs = connection.execute(
        """
        SELECT (SELECT count(*) FROM canary.written), (SELECT last_value::text || is_called FROM canary.counter),
               (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
               (SELECT count(*) FROM pg_largeobject_metadata)
        """
    ).fetchone()
    return (*signs, file.exists())


def run_unguarded(trapped, item, sql):
    """Run a statement as nobody guards it; whether it left a sign of writing. Everything is undone."""
    file = trapped.data / "canary-file"
    file.unlink(missing_ok=True)
    with trapped.connect() as connection:
        connection.execute(f"SET search_path = {item.path}")
        before = signs_of_writing(trapped, connection)
        with connection.cursor() as cursor:
            if sql.startswith("COPY"):
                with cursor.copy(sql) as copy:
                    list(copy)
            else:
                cursor.execute(sql)
        after = signs_of_writing(trapped, connection)
        connection.rollback()
    with psycopg.connect(trapped.dsn) as connection:
        connection.execute("SELECT setval('canary.counter', 1, false)")
    file.unlink(missing_ok=True)
    return before != after


def test_a_trap_writes_unguarded_and_is_denied(trapped, trap):
    item, sql = trap
    skip_where_there_is_none(trapped, item)
    assert run_unguarded(trapped, item, sql), "it does not write: it is no trap"
    analysis = analyse(trapped, item, sql)
    assert not analysis.is_read
    assert all(reason.code.startswith("RG-F") for reason in analysis.reasons), analysis.reasons


def test_a_lookalike_only_reads_and_is_allowed(trapped, lookalike):
    item, sql = lookalike
    skip_where_there_is_none(trapped, item)
    analysis = analyse(trapped, item, sql)
    assert analysis.is_read, [(reason.code, reason.what) for reason in analysis.reasons]
    assert not run_unguarded(trapped, item, sql)
