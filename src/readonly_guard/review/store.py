"""The analytic store: the log's decisions as a table, in an embedded DuckDB file. Made anew from the log at any time.

What is imported was verified first, and verified again from there on: the head of each chain that was imported is kept,
and is an anchor of the next import. The store itself is a copy and proves nothing; proofs come from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import msgspec

from readonly_guard.audit import Anchor, Chain, Head, KeyRing, Verification, find_chains, verify_all
from readonly_guard.audit.chain import MAX_LINE_BYTES
from readonly_guard.audit.chains import CUSTODY
from readonly_guard.audit.segments import list_segments
from readonly_guard.errors import ConfigurationError
from readonly_guard.review.periods import Period

__all__ = ["NO_UNIT", "BrokenLog", "Event", "Store", "check_log"]

NO_UNIT: Final = "(utan enhet)"
"""The unit of events whose user the policy did not know."""

_COLUMNS: Final = """
    decision_id VARCHAR PRIMARY KEY, chain VARCHAR, seq BIGINT, time VARCHAR, session_id VARCHAR, subject VARCHAR,
    hsa_id VARCHAR, care_unit VARCHAR, purpose VARCHAR, case_reference VARCHAR, print_reason VARCHAR,
    justification VARCHAR, action VARCHAR, activity VARCHAR, phase VARCHAR, kinds VARCHAR[], relations VARCHAR[],
    patients VARCHAR[], information_sets VARCHAR[], verdict VARCHAR, codes VARCHAR[], warnings VARCHAR[],
    policy_revision VARCHAR, routine VARCHAR, database VARCHAR, client_address VARCHAR, application_name VARCHAR
"""
_SCHEMA: Final = f"""
    CREATE TABLE IF NOT EXISTS event ({_COLUMNS});
    CREATE TABLE IF NOT EXISTS completion (decision_id VARCHAR PRIMARY KEY, rows BIGINT, bytes BIGINT);
    CREATE TABLE IF NOT EXISTS chain (name VARCHAR PRIMARY KEY, seq BIGINT, hash VARCHAR);
    CREATE TABLE IF NOT EXISTS hour_head (chain VARCHAR, hour VARCHAR, seq BIGINT, hash VARCHAR,
        PRIMARY KEY (chain, hour));
"""
_LINE: Final = (
    "{seq: 'BIGINT', hash: 'VARCHAR', record: 'STRUCT(type VARCHAR, rows BIGINT, bytes BIGINT, "
    + _COLUMNS.replace(" PRIMARY KEY, chain VARCHAR, seq BIGINT", "").replace("\n", " ")
    + ")'}"
)
_TAKEN: Final = [
    column.split()[0] for column in _COLUMNS.split(",") if column.split()[0] not in {"decision_id", "chain", "seq"}
]
_FROM_LINE: Final = ", ".join(
    f"CASE record.care_unit WHEN '' THEN '{NO_UNIT}' ELSE record.care_unit END"
    if name == "care_unit"
    else f"record.{name}"
    for name in _TAKEN
)
# a parsed statement runs nothing; what runs it is decided by itself. Sessions and catalogs hold nothing of patients.
_REVIEWABLE: Final = "(action NOT IN ('session', 'catalog') AND (phase <> 'parse' OR len(codes) > 0))"

_THIRTY_DAYS_S: Final = 30 * 24 * 3600

# nothing is loaded from elsewhere, and no SQL reaches files by itself
_QUIET: Final[dict[str, Any]] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


class BrokenLog(ConfigurationError):  # noqa: N818  a state of the world, not a defect of the call
    """A chain of the log is not whole; the text says which and where."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is reviewed; the fields are those of `readonly_guard.domain.DecisionRecord`.

    ``chain`` and ``seq`` say where in the log it stands; ``rows`` is how many rows were given, None where unknown.
    """

    decision_id: str
    chain: str
    seq: int
    time: str
    session_id: str
    subject: str
    hsa_id: str
    care_unit: str
    purpose: str
    case_reference: str
    print_reason: str
    justification: str
    action: str
    activity: str
    phase: str
    kinds: tuple[str, ...]
    relations: tuple[str, ...]
    patients: tuple[str, ...]
    information_sets: tuple[str, ...]
    verdict: str
    codes: tuple[str, ...]
    warnings: tuple[str, ...]
    policy_revision: str
    routine: str
    database: str
    client_address: str
    application_name: str
    rows: int | None = None

    @property
    def is_denied_write(self) -> bool:
        """Whether it is a write that was refused."""
        return self.action == "write" and any(code.startswith(("RG-W", "RG-F02", "RG-F03")) for code in self.codes)


def check_log(
    journals: Iterable[str], *, public_keys: Sequence[str] = (), anchors: Sequence[Anchor] = ()
) -> dict[Path, list[Verification]]:
    """Verify every chain of these journals.

    Args:
        journals: the directories of the log; no two of their chains may have one name.
        public_keys: files of the keys that may have signed; those beside the log where none is given.
        anchors: heads that must be held.

    Raises:
        BrokenLog: a chain is not whole; the text says which, where and how.
        ConfigurationError: a journal cannot be read.
    """
    keys = KeyRing.load(Path(item) for item in public_keys) if public_keys else None
    found: dict[Path, list[Verification]] = {}
    names: dict[str, Path] = {}
    for journal in map(Path, journals):
        if not journal.exists():
            raise ConfigurationError(f"{journal}: the journal is not there; correct `journals` in review.toml")
        for chain in find_chains(journal):
            if chain.name != CUSTODY and names.setdefault(chain.name, journal) != journal:
                raise ConfigurationError(
                    f"{journal} and {names[chain.name]}: both have a chain {chain.name!r}; rename one's directory"
                )
        own = [item for item in anchors if item.chain in {chain.name for chain in find_chains(journal)}]
        found[journal] = verify_all(journal, anchors=own, public_keys=keys)
        for item in found[journal]:
            fault = item.first_fault
            if fault is not None:
                place = f"{fault.file}, line {fault.line}, record {fault.seq}: " if fault.file else ""
                raise BrokenLog(f"{journal}: the chain {item.chain!r} is broken: {place}{fault.what}")
    lost = sorted({item.chain for item in anchors} - names.keys())
    if lost:
        raise BrokenLog(f"the chain {lost[0]!r} was imported before, and is not there: it was removed or renamed")
    return found


class Store:
    """The store, open. Make one with :meth:`open`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, is_written: bool = False) -> Iterator[Self]:
        """Open the store for as long as the block takes; one process writes, others read when none does.

        Raises:
            ConfigurationError: it is not there (and not to be written), cannot be opened, or is being written.
        """
        if not is_written and not path.exists():
            raise ConfigurationError(f"{path}: nothing has been imported yet: readonly-guard review import")
        try:
            connection = duckdb.connect(str(path), read_only=not is_written, config=_QUIET)
        except duckdb.Error as error:
            what = str(error).partition("\n")[0]
            raise ConfigurationError(f"{path}: the store cannot be opened: {what}") from None
        try:
            if is_written:
                connection.execute(_SCHEMA)
            yield cls(connection)
        finally:
            connection.close()

    def heads(self) -> list[Anchor]:
        """The head of each chain as far as it was imported."""
        rows = self._connection.execute("SELECT name, seq, hash FROM chain ORDER BY name").fetchall()
        return [Anchor(chain=name, head=Head(seq=seq, hash=digest)) for name, seq, digest in rows]

    def take(self, journal: Path, verified: Verification) -> int:
        """Import what a verified chain holds beyond what was imported before.

        Returns:
            How many decisions that were.

        Raises:
            BrokenLog: the files no longer hold what was verified.
        """
        chain = next(item for item in find_chains(journal) if item.name == verified.chain)
        known = max(verified.removed, {item.chain: item.head.seq for item in self.heads()}.get(chain.name, 0))
        if verified.head.seq <= known:
            return 0
        run = self._connection.execute
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
            before = _one(run("SELECT count(*) FROM event").fetchone())[0]
            run(
                f"INSERT OR IGNORE INTO event (decision_id, chain, seq, {', '.join(_TAKEN)})"  # noqa: S608  our names
                f" SELECT record.decision_id, ?, seq, {_FROM_LINE} FROM line WHERE record.type = 'decision'",
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
            run("DROP TABLE line")
            run("COMMIT")
        except BaseException:
            run("ROLLBACK")
            raise
        return int(after - before)

    def period_heads(self, period: Period) -> tuple[str, ...]:
        """The last record of each chain before the month's end, as ``chain=seq:hash``."""
        rows = self._connection.execute(
            "SELECT chain, max(seq), arg_max(hash, seq) FROM hour_head WHERE hour < ? GROUP BY chain ORDER BY chain",
            [period.until[:13]],
        ).fetchall()
        return tuple(f"{chain}={seq}:{digest}" for chain, seq, digest in rows)

    def of_unit(self, unit: str, period: Period) -> list[Event]:
        """The reviewable events of a unit and a month, by time."""
        return self._events(
            f"care_unit = ? AND time >= ? AND time < ? AND {_REVIEWABLE}", [unit, period.since, period.until]
        )

    def units_with_events(self, period: Period) -> list[str]:
        """The units that had reviewable events in a month."""
        rows = self._connection.execute(
            f"SELECT DISTINCT care_unit FROM event WHERE time >= ? AND time < ? AND {_REVIEWABLE} ORDER BY 1",  # noqa: S608
            [period.since, period.until],
        ).fetchall()
        return [row[0] for row in rows]

    def named(self, decisions: Iterable[str]) -> dict[str, Event]:
        """Events by their decision ids; those that are not there are left out."""
        found = self._events("decision_id IN (SELECT unnest(?))", [list(decisions)])
        return {event.decision_id: event for event in found}

    def of_patient(self, patients: Sequence[str], since: str, until: str) -> list[Event]:
        """What was asked for of a patient, by any of these keys, by time."""
        return self._events(
            f"len(list_intersect(patients, ?)) > 0 AND time >= ? AND time < ? AND {_REVIEWABLE}",
            [list(patients), since, until],
        )

    def around(self, event: Event, *, minutes: int, limit: int) -> tuple[list[Event], list[Event]]:
        """What the same user did around an event, and what others asked for of the same patients within 30 days.

        Of the event's own unit only: its reviewer does not see other units.
        """
        named = [item for item in event.patients if not item.startswith("*") and not item.endswith(":?")]
        within = (
            f"{_REVIEWABLE} AND decision_id <> ? AND care_unit = ?"
            " AND abs(epoch(time::TIMESTAMP) - epoch(?::TIMESTAMP)) <= ?"
        )
        place = [event.decision_id, event.care_unit, event.time[:19]]
        order = f"ORDER BY time, seq LIMIT {limit}"
        near = self._events(f"{within} AND subject = ? {order}", [*place, minutes * 60, event.subject])
        same = f"{within} AND subject <> ? AND len(list_intersect(patients, ?)) > 0 {order}"
        return near, self._events(same, [*place, _THIRTY_DAYS_S, event.subject, named]) if named else []

    def _events(self, where: str, values: list[Any]) -> list[Event]:
        order = "" if "ORDER BY" in where else " ORDER BY time, chain, seq"
        found = self._connection.execute(
            f"SELECT event.*, completion.rows FROM event LEFT JOIN completion USING (decision_id) WHERE {where}{order}",  # noqa: S608
            values,
        )
        names = [column[0] for column in found.description or ()]
        return [msgspec.convert(dict(zip(names, row, strict=True)), Event) for row in found.fetchall()]


def _check_unchanged(chain: Chain, known: int, verified: Head, read: Head) -> None:
    if read != verified:
        raise BrokenLog(f"{chain.path}: {chain.name!r} changed behind record {known} during the import; import again")


def _one(row: Any) -> Any:
    if row is None:
        raise ConfigurationError("the store gave no answer; delete events.duckdb and import again")
    return row
