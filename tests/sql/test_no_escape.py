"""What the readings let through is run on a real server, unguarded and as its superuser: nothing may change.

Statements are mutated and spliced from the corpus and from fragments that attack the tokenizers. The oracle is the
server: a digest of every table, sequence, catalog and large object before and after, its files, what a listener hears,
the locks a session holds, and the settings that hold the guard up.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import psycopg
import pytest

from readonly_guard.sql import Analyzer
from readonly_guard.sql.analysis import FAILED
from readonly_guard_cli.demo import changed

CORPUS = Path(__file__).parents[1] / "corpus"
SEED = int(os.environ.get("READONLY_GUARD_FUZZ_SEED", "20241112"))
TEXTS = int(os.environ.get("READONLY_GUARD_FUZZ_TEXTS", "12000"))

SEEDS = [
    chunk.partition("\n")[2].rstrip("\n")
    for path in sorted(CORPUS.glob("*.sql"))
    for chunk in path.read_text(encoding="utf-8").split("-- expect: ")[1:]
]
FRAGMENTS = [
    "; DELETE FROM visit_log", "; SELECT setval('loggnummer_seq', 7)", "/*", "*/", "/*/*", "--", "--\n", "\n", "'", '"', "$$",
    "$a$", "$å$", "E'", "U&'", "\\'", "''", "\\", ";", "(", ")", "$1", "$1,'$'", "#--", "|/*", "::", ".", ",", "\u00a0", "\u2028",
    "\f", "\r", "INTO x", "FOR UPDATE", "WITH x AS (DELETE FROM visit_log RETURNING 1)", "nextval('loggnummer_seq')",
    "lo_create(0)", "pg_advisory_lock(1)", "OPERATOR(pg_catalog.+)", "UNION ALL", "SELECT", "TABLE visit_log", "EXPLAIN ANALYZE",
    "COPY (", ") TO STDOUT", "PREPARE p AS", "DECLARE c CURSOR FOR", "log_visit(1)", "millennium.log_visit(1)",
    "set_config('transaction_read_only', 'off', false)", "INSERT INTO visit_log DEFAULT VALUES", "AS", "FROM", "1", "NULL",
]  # fmt: skip
PINNED = """
    SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
    WHERE name IN ('standard_conforming_strings', 'role', 'session_authorization', 'session_replication_role')
"""

# a lock that outlives a statement outside a transaction is held by the session
LOCKS = """
    SELECT locktype, mode FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype IN ('advisory', 'relation') AND mode <> 'AccessShareLock'
"""
IDLE = psycopg.pq.TransactionStatus.IDLE


def mutations(count):
    chance = random.Random(SEED)
    for _ in range(count):
        text = chance.choice(SEEDS)
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(text))
            match chance.randint(0, 4):
                case 0:
                    text = text[:at] + chance.choice(FRAGMENTS) + text[at:]
                case 1:
                    text = text[:at] + text[at + chance.randint(1, 4) :]
                case 2:
                    other = chance.choice(SEEDS)
                    cut = chance.randint(0, len(other))
                    text = text[:at] + other[cut:]
                case 3:
                    text = text + chance.choice([" ", ";", "\n", " UNION ALL "]) + chance.choice(SEEDS)
                case _:
                    words = text.split(" ")
                    words.insert(chance.randint(0, len(words)), chance.choice(FRAGMENTS))
                    text = " ".join(words)
        yield text


@pytest.mark.slow
def test_nothing_that_is_read_as_a_read_changes_the_database(writable_millennium):
    database = writable_millennium
    analyzer = Analyzer()
    texts = list(mutations(TEXTS))
    analyses = {text: analyzer.analyse(text) for text in texts}
    assert not [text for text, one in analyses.items() if any(FAILED in reason.what for reason in one.reasons)]
    allowed = [text for text, one in analyses.items() if one.is_read]
    assert len(allowed) > TEXTS // 100, "the generator makes hardly anything that is let through: it tests nothing"
    before, files = database.checksums(), listing(database)
    listener = psycopg.connect(database.admin_dsn, autocommit=True)
    for channel in ("channel", "news", "a", "x", "c", "p"):
        listener.execute(f"LISTEN {channel}")
    ran = 0
    for start in range(0, len(allowed), 200):
        with psycopg.connect(database.admin_dsn, autocommit=True, prepare_threshold=None) as connection:
            pinned = connection.execute(PINNED).fetchone()
            for text in allowed[start : start + 200]:
                # back to read-write: a READ ONLY left behind would hide what the next text does
                _runs(connection, "ROLLBACK; RESET ALL; SET statement_timeout = '2s'")
                ran += _runs(connection, text)
                if connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
                    connection.execute("SET statement_timeout = 0")  # on a busy machine the oracle may take its time
                    assert connection.execute(PINNED).fetchone() == pinned, text
                locks = connection.execute(LOCKS).fetchall() if connection.info.transaction_status == IDLE else []
                assert locks == [], text
    assert ran > len(allowed) // 4, "hardly anything that is let through runs: the oracle sees nothing"
    assert changed(before, database.checksums()) == ()
    assert listing(database) == files
    assert list(listener.notifies(timeout=0.2)) == []
    listener.close()


def listing(database):
    """The server's files, without those that come and go with its own housekeeping and every reader's sorts."""
    quiet = (
        "base",
        "global",
        "pg_wal",
        "pg_stat",
        "pg_stat_tmp",
        "pg_subtrans",
        "pg_xact",
        "pg_multixact",
        "pg_notify",
    )
    data = database.server.socket_dir / "data"
    files = [file.relative_to(data) for file in data.rglob("*") if file.is_file()]
    return sorted(str(file) for file in files if file.parts[0] not in quiet)


def _runs(connection, text):
    """Run a whole text in the simple protocol, reading COPY data to its end; whether nothing in it failed."""
    low, ran = connection.pgconn, True
    low.send_query(text.encode())
    while (result := low.get_result()) is not None:
        ran = ran and result.status != psycopg.pq.ExecStatus.FATAL_ERROR
        if result.status == psycopg.pq.ExecStatus.COPY_OUT:
            while low.get_copy_data(0)[0] >= 0:
                pass
    return ran
