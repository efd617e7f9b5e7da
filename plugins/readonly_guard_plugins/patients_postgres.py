"""`patients_postgres`: whose the database's patient keys are, looked up in a PostgreSQL with queries of one's own.

A query for each key column, of the values in ``$1``, an array; its two columns are the value and an identifier of the
patient (personnummer, samordningsnummer, reservnummer), the one to be shown first::

    [plugin.patients_postgres.queries]
    person_id = "SELECT person_id, alias FROM person_alias WHERE person_id = ANY ($1) ORDER BY beg_effective_dt_tm DESC"

The array has the type that the query gives it. A value that this type cannot hold (a text where the column is a number:
it is the client's own word) is nobody's and is not asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard_plugins.postgres import PostgresPlace, PostgresSettings

__all__ = ["PatientsPostgres"]


class _Settings(PostgresSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    queries: dict[str, str] = msgspec.field(default_factory=dict)
    """By column, as decisions name it."""


def _whole(bits: int) -> Callable[[str], int]:
    def convert(value: str) -> int:
        number = int(value)
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError(value)
        return number

    return convert


_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "int2[]": _whole(16),
    "int4[]": _whole(32),
    "int8[]": _whole(64),
    "numeric[]": Decimal,
    "uuid[]": UUID,
    "text[]": str,
    "varchar[]": str,
}
"""How a value becomes an element of the query's array, by PostgreSQL's names of the types."""

_TEXTS: Final = frozenset({"text[]", "varchar[]"})


class PatientsPostgres:
    """Looks patients up."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        if not settings.queries:
            raise ConfigurationError("[plugin.patients_postgres] queries: name one, for example person_id = 'SELECT …'")
        self._queries = settings.queries
        self._place = PostgresPlace(
            settings, "patients_postgres", "audit forward: patients", default_transaction_read_only="on"
        )
        self._connection: Any = None

    @hookimpl
    def patient_register(self) -> PatientsPostgres:
        """Itself."""
        return self

    async def identify(self, patients: Sequence[str]) -> dict[str, list[str]]:
        """The identifiers of those whose column has a query.

        Raises:
            ConfigurationError: a query does not take an array, or does not answer with two columns.
            asyncpg.PostgresError: the database refused.
            OSError: there is no connection.
        """
        by_column: dict[str, list[str]] = {}
        for patient in patients:
            column, _, value = patient.partition(":")
            if column in self._queries:
                by_column.setdefault(column, []).append(value)
        found: dict[str, list[str]] = {}
        for column, values in by_column.items():
            for value, identifier in await self._ask(column, values):
                found.setdefault(f"{column}:{value}", []).append(identifier)
        return found

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()  # nothing is under way that the server would have to finish

    async def _ask(self, column: str, values: Sequence[str]) -> list[tuple[str, str]]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._place.connect()
        statement = await self._connection.prepare(self._queries[column])
        where = f"[plugin.patients_postgres.queries] {column}"
        kinds = [parameter.name for parameter in statement.get_parameters()]
        if len(kinds) != 1 or kinds[0] not in _TYPES:
            raise ConfigurationError(f"{where}: it takes one parameter, an array ({', '.join(sorted(_TYPES))})")
        if len(statement.get_attributes()) != len(("value", "identifier")):
            raise ConfigurationError(f"{where}: it answers with two columns, the value and an identifier")
        asked: dict[Any, list[str]] = {}
        for value in values:
            with suppress(ValueError, InvalidOperation):
                if value.isascii() or kinds[0] in _TEXTS:  # Python reads digits of every script, PostgreSQL its own
                    asked.setdefault(_TYPES[kinds[0]](value), []).append(value)
        rows = await statement.fetch(list(asked)) if asked else []
        if any(row[0] not in asked for row in rows):
            raise ConfigurationError(f"{where}: its first column is not one of the values that it was asked about")
        return [(value, str(row[1])) for row in rows if row[1] is not None for value in asked[row[0]]]
