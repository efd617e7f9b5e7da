"""How a verified chain gets into the store.

Of the guards' chains: decisions, how they ended, and the head at every hour's end. Of the chain `patients`: whose a
patient key is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from readonly_guard.audit import Chain, Head, Verification, find_chains
from readonly_guard.audit.chain import MAX_LINE_BYTES
from readonly_guard.audit.segments import list_segments
from readonly_guard.errors import ConfigurationError
from readonly_guard.review.event import COLUMNS, NO_UNIT, RECORD
from readonly_guard.review.wholeness import BrokenLog

__all__ = ["SCHEMA", "TABLES", "take", "take_identifications"]

SCHEMA: Final = f"""
    CREATE TABLE IF NOT EXISTS event ({", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())},
        PRIMARY KEY (decision_id));
    CREATE TABLE IF NOT EXISTS completion (decision_id VARCHAR PRIMARY KEY, rows BIGINT, bytes BIGINT);
    CREATE TABLE IF NOT EXISTS chain (name VARCHAR PRIMARY KEY, seq BIGINT, hash VARCHAR);
    CREATE TABLE IF NOT EXISTS hour_head (chain VARCHAR, hour VARCHAR, seq BIGINT, hash VARCHAR,
        PRIMARY KEY (chain, hour));
    CREATE TABLE IF NOT EXISTS identification (journal VARCHAR, seq BIGINT, time VARCHAR, patient VARCHAR,
        identifiers VARCHAR[], source VARCHAR, PRIMARY KEY (journal, seq));
"""
"""The store's tables."""

TABLES: Final = ("event", "completion", "chain", "hour_head", "identification")

_STRUCT: Final = {
    "type": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT",
    "patient": "VARCHAR", "identifiers": "VARCHAR[]", "source": "VARCHAR", **RECORD,
}  # fmt: skip
_LINE: Final = (
    f"{{seq: 'BIGINT', hash: 'VARCHAR', record: 'STRUCT({', '.join(f'{n} {kind}' for n, kind in _STRUCT.items())})'}}"
)
_FROM_LINE: Final = ", ".join(
    f"CASE record.care_unit WHEN '' THEN '{NO_UNIT}' ELSE record.care_unit END"
    if name == "care_unit"
    else f"coalesce(record.{name}, [])"  # lists that older records have not
    if kind.endswith("[]")
    else f"record.{name}"
    for name, kind in RECORD.items()
)


def take(connection: duckdb.DuckDBPyConnection, journal: Path, verified: Verification, known: int) -> int:
    """Import what a verified chain holds beyond what was imported before.

    Args:
        connection: the store, open for writing.
        journal: the directory of the chain's journal.
        verified: what was found of the chain, just before.
        known: up to which record it has been imported.

    Returns:
        How many decisions that were.

    Raises:
        BrokenLog: the files no longer hold what was verified.
    """
    known = max(verified.removed, known)
    if verified.head.seq <= known:
        return 0
    run = connection.execute
    with _lines(connection, journal, verified, known) as chain:
        before = _one(run("SELECT count(*) FROM event").fetchone())[0]
        run(
            f"INSERT OR IGNORE INTO event ({', '.join(RECORD)}, chain, seq)"  # noqa: S608  our names
            f" SELECT {_FROM_LINE}, ?, seq FROM line WHERE record.type = 'decision'",
            [chain.name],
        )
        after = _one(run("SELECT count(*) FROM event").fetchone())[0]
        run(
            "INSERT OR REPLACE INTO completion SELECT record.decision_id, record.rows, record.bytes FROM line"
            " WHERE record.type = 'completion' QUALIFY row_number() OVER (PARTITION BY record.decision_id"
            " ORDER BY seq DESC) = 1"
        )
        run(
            "INSERT OR REPLACE INTO hour_head SELECT ?, record.time[1:13] AS hour, max(seq), arg_max(hash, seq)"
            " FROM line GROUP BY hour",
            [chain.name],
        )
        run("INSERT OR REPLACE INTO chain VALUES (?, ?, ?)", [chain.name, verified.head.seq, verified.head.hash])
    return int(after - before)


def take_identifications(connection: duckdb.DuckDBPyConnection, journal: Path, verified: Verification) -> None:
    """Import whose keys are whose, of a verified chain `patients`: all of it each time, for several journals have one.

    Raises:
        BrokenLog: as :func:`take`.
    """
    with _lines(connection, journal, verified, verified.removed):
        connection.execute("DELETE FROM identification WHERE journal = ?", [str(journal)])
        connection.execute(
            "INSERT INTO identification SELECT ?, seq, record.time, record.patient, record.identifiers, record.source"
            " FROM line WHERE record.type = 'identification'",
            [str(journal)],
        )


@contextmanager
def _lines(connection: duckdb.DuckDBPyConnection, journal: Path, verified: Verification, known: int) -> Iterator[Chain]:
    """A transaction in which the table ``line`` holds what a verified chain has behind a record."""
    chain = next(item for item in find_chains(journal) if item.name == verified.chain)
    run = connection.execute
    segments = list_segments(chain.path)
    wanted = [
        str(segment.path)
        for segment, after in zip(segments, [*segments[1:], None], strict=True)
        if after is None or after.first > known + 1
    ]
    run("BEGIN")
    try:
        run(
            f"CREATE OR REPLACE TEMP TABLE line AS SELECT seq, hash, record FROM read_json(?,"  # noqa: S608
            f" format = 'newline_delimited', columns = {_LINE}, maximum_object_size = {MAX_LINE_BYTES},"
            " compression = 'uncompressed', ignore_errors = true) WHERE seq > ? AND seq <= ?",
            [wanted, known, verified.head.seq],
        )
        read, last = _one(run("SELECT count(*), arg_max(hash, seq) FROM line").fetchone())
        _check_unchanged(chain, known, verified.head, Head(seq=known + read, hash=last or ""))
        yield chain
        run("DROP TABLE line")
        run("COMMIT")
    except BaseException:
        run("ROLLBACK")
        raise


def _check_unchanged(chain: Chain, known: int, verified: Head, read: Head) -> None:
    if read != verified:
        raise BrokenLog(f"{chain.path}: {chain.name!r} changed behind record {known} during the import; import again")


def _one(row: Any) -> Any:
    if row is None:
        raise ConfigurationError("the store gave no answer; delete events.duckdb and import again")
    return row
