"""How a verified chain gets into the store.

Of the guards' chains: decisions, how they ended, and the head at every hour's end. Of the chain `patients`: whose a
patient key is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from readonly_guard.audit import Chain, Head, Verification, find_chains
from readonly_guard.audit.sealing import MAX_LINE_BYTES
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

_PORTION_BYTES: Final = 256 * 1024 * 1024  # of the log; some five times as much memory

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
    chain = next(item for item in find_chains(journal) if item.name == verified.chain)
    before = _one(run("SELECT count(*) FROM event").fetchone())[0]
    for portion in _portions(chain, known, verified.head.seq):
        with _lines(connection, chain, portion, verified.head) as last:
            run(
                f"INSERT OR IGNORE INTO event ({', '.join(RECORD)}, chain, seq)"  # noqa: S608  our names
                f" SELECT {_FROM_LINE}, ?, seq FROM line WHERE record.type = 'decision'",
                [chain.name],
            )
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
            run("INSERT OR REPLACE INTO chain VALUES (?, ?, ?)", [chain.name, last.seq, last.hash])
    after = _one(run("SELECT count(*) FROM event").fetchone())[0]
    return int(after - before)


def take_identifications(connection: duckdb.DuckDBPyConnection, journal: Path, verified: Verification) -> None:
    """Import whose keys are whose, of a verified chain `patients`: all of it each time, for several journals have one.

    Raises:
        BrokenLog: as :func:`take`.
    """
    chain = next(item for item in find_chains(journal) if item.name == verified.chain)
    files = [str(segment.path) for segment in list_segments(chain.path)]
    with _lines(connection, chain, _Portion(files, verified.removed, verified.head.seq), verified.head):
        connection.execute("DELETE FROM identification WHERE journal = ?", [str(journal)])
        connection.execute(
            "INSERT INTO identification SELECT ?, seq, record.time, record.patient, record.identifiers, record.source"
            " FROM line WHERE record.type = 'identification'",
            [str(journal)],
        )


class _Portion(NamedTuple):
    """Segments, and which of their records are meant: those behind one, up to another."""

    files: list[str]
    known: int
    until: int


def _portions(chain: Chain, known: int, until: int) -> Iterator[_Portion]:
    """What is still to be read, in portions that fit into memory."""
    segments = list_segments(chain.path)
    ends = [after.first - 1 for after in segments[1:]] + [until]
    files: list[str] = []
    size = 0
    for segment, last in zip(segments, ends, strict=True):
        end = min(last, until)
        if end <= known:
            continue
        files.append(str(segment.path))
        size += segment.path.stat().st_size
        if size >= _PORTION_BYTES or end == until:
            yield _Portion(files, known, end)
            known, files, size = end, [], 0


@contextmanager
def _lines(connection: duckdb.DuckDBPyConnection, chain: Chain, portion: _Portion, verified: Head) -> Iterator[Head]:
    """A transaction in which the table ``line`` holds a portion; its last record is told."""
    run = connection.execute
    run("BEGIN")
    try:
        run(
            f"CREATE OR REPLACE TEMP TABLE line AS SELECT seq, hash, record FROM read_json(?,"  # noqa: S608
            f" format = 'newline_delimited', columns = {_LINE}, maximum_object_size = {MAX_LINE_BYTES},"
            " compression = 'uncompressed', ignore_errors = true) WHERE seq > ? AND seq <= ?",
            list(portion),
        )
        count, last = _one(run("SELECT count(*), arg_max(hash, seq) FROM line").fetchone())
        read = Head(seq=portion.known + count, hash=last or "")
        _check_unchanged(chain, portion, verified, read)
        yield read
        run("DROP TABLE line")
        run("COMMIT")
    except BaseException:
        run("ROLLBACK")
        raise


def _check_unchanged(chain: Chain, portion: _Portion, verified: Head, read: Head) -> None:
    if read.seq != portion.until or (read.seq == verified.seq and read != verified):
        raise BrokenLog(
            f"{chain.path}: {chain.name!r} changed behind record {portion.known} during the import; import again"
        )


def _one(row: Any) -> Any:
    if row is None:
        raise ConfigurationError("the store gave no answer; delete events.duckdb and import again")
    return row
