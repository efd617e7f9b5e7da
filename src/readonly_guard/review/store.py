"""The analytic store: the log's decisions as a table, in an embedded DuckDB file. Made anew from the log at any time.

What is imported was verified first, and verified again from there on: the head of each chain that was imported is kept,
and is an anchor of the next import. The store itself is a copy and proves nothing; proofs come from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import msgspec

from readonly_guard.audit import Anchor, Head, Identities, Verification
from readonly_guard.audit.chains import PATIENTS
from readonly_guard.domain import IdentificationRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339
from readonly_guard.review.event import COLUMNS, Event
from readonly_guard.review.intake import SCHEMA, TABLES, take, take_identifications
from readonly_guard.review.periods import Period

__all__ = ["Store", "StoreBusy"]

# a parsed statement runs nothing; what runs it is decided by itself. Sessions and catalogs hold nothing of patients.
_REVIEWABLE: Final = "(action NOT IN ('session', 'catalog') AND (phase <> 'parse' OR len(codes) > 0))"

_THIRTY_DAYS: Final = timedelta(days=30)

# nothing is loaded from elsewhere, and no SQL reaches files by itself
_QUIET: Final[dict[str, Any]] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


_SELECTED: Final = ", ".join(f"event.{name}" for name in COLUMNS)
_LAYOUT: Final = sha256(SCHEMA.encode()).hexdigest()


class StoreBusy(ConfigurationError):  # noqa: N818  a state of the world, not a defect of the call
    """Somebody else has the store open in a way that does not go together with this one."""


class Store:
    """The store, open. Make one with :meth:`open`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._identities: Identities | None = None

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, is_written: bool = False) -> Iterator[Self]:
        """Open the store for as long as the block takes; one process writes, others read when none does.

        Raises:
            StoreBusy: it is being written, or is to be written and being read.
            ConfigurationError: it is not there (and not to be written), or cannot be opened.
        """
        if not is_written and not path.exists():
            raise ConfigurationError(f"{path}: nothing has been imported yet: readonly-guard review import")
        try:
            connection = duckdb.connect(str(path), read_only=not is_written, config=_QUIET)
        except duckdb.Error as error:
            what = str(error).partition("\n")[0]
            if "lock" in what or "different configuration" in what:  # by another process, or by this one
                raise StoreBusy(f"{path}: the store is being written; try again when that is done") from None
            raise ConfigurationError(f"{path}: the store cannot be opened: {what}") from None
        try:
            if is_written:
                _lay_out(connection)
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
        if verified.chain == PATIENTS:
            take_identifications(self._connection, journal, verified)
            self._identities = None
            return 0
        known = {item.chain: item.head.seq for item in self.heads()}.get(verified.chain, 0)
        return take(self._connection, journal, verified, known)

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
        """What was asked for of a patient, by time.

        Args:
            patients: identifiers or keys; every other key of the same patient is found by them.
            since: from this moment on.
            until: before this one.
        """
        return self._events(
            f"len(list_intersect(patients, ?)) > 0 AND time >= ? AND time < ? AND {_REVIEWABLE}",
            [sorted(self.keys_of(patients)), since, until],
        )

    def imported_until(self) -> str:
        """When the last decision was made that has been imported, RFC 3339; empty where there is none."""
        (found,) = self._run("SELECT max(time) FROM event", []).fetchone() or (None,)
        return found or ""

    def around(self, event: Event, *, minutes: int, limit: int) -> tuple[list[Event], list[Event]]:
        """What the same user did around an event, and what others asked for of the same patients within 30 days.

        Of the event's own unit only: its reviewer does not see other units.
        """
        certain = [item for item in event.patients if not item.startswith("*") and not item.endswith(":?")]
        named = sorted(self.keys_of(certain))
        within = f"{_REVIEWABLE} AND decision_id <> ? AND care_unit = ? AND time >= ? AND time <= ?"
        order = f"ORDER BY time, seq LIMIT {limit}"
        near = self._events(
            f"{within} AND subject = ? {order}",
            [event.decision_id, event.care_unit, *_near(event.time, timedelta(minutes=minutes)), event.subject],
        )
        if not named:
            return near, []
        same = self._events(
            f"{within} AND subject <> ? AND len(list_intersect(patients, ?)) > 0 {order}",
            [event.decision_id, event.care_unit, *_near(event.time, _THIRTY_DAYS), event.subject, named],
        )
        return near, same

    def keys_of(self, patients: Iterable[str]) -> frozenset[str]:
        """These patients' names, keys or identifiers, with all keys that the log knows of the same people."""
        names = frozenset(patients)
        known = self._known()
        identifiers = names.union(*(known.of(name) for name in names))
        return names.union(*(known.keys_of(identifier) for identifier in identifiers))

    def _known(self) -> Identities:
        if self._identities is None:
            rows = self._run(
                "SELECT time, patient, identifiers, source FROM identification ORDER BY time, journal, seq", []
            ).fetchall()
            self._identities = Identities(
                IdentificationRecord(time=time, patient=patient, identifiers=tuple(identifiers), source=source)
                for time, patient, identifiers, source in rows
            )
        return self._identities

    def _events(self, where: str, values: list[Any]) -> list[Event]:
        order = "" if "ORDER BY" in where else " ORDER BY time, chain, seq"
        known = self._known()  # first: a connection holds one result
        found = self._run(
            f"SELECT {_SELECTED}, completion.rows FROM event LEFT JOIN completion USING (decision_id)"  # noqa: S608
            f" WHERE {where}{order}",
            values,
        )
        names = [column[0] for column in found.description or ()]
        events = (dict(zip(names, row, strict=True)) for row in found.fetchall())
        return [msgspec.convert(event | {"identified": known.shown(event["patients"])}, Event) for event in events]

    def _run(self, query: str, values: list[Any]) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(query, values)
        except (duckdb.BinderException, duckdb.CatalogException):
            raise ConfigurationError(
                "events.duckdb was made by another version; it is made anew by: readonly-guard review import"
            ) from None


def _near(time: str, span: timedelta) -> tuple[str, str]:
    moment = datetime.fromisoformat(time)
    return rfc3339(moment - span), rfc3339(moment + span)


def _lay_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables; those of another version are dropped, and everything is imported anew."""
    connection.execute("CREATE TABLE IF NOT EXISTS layout (digest VARCHAR)")
    if connection.execute("SELECT digest FROM layout").fetchall() != [(_LAYOUT,)]:
        for table in TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute("DELETE FROM layout")
        connection.execute("INSERT INTO layout VALUES (?)", [_LAYOUT])
    connection.execute(SCHEMA)
