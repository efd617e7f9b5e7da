"""The records that the realistic load reads: the demo's synthetic database, its patients many times over.

The demo has two hundred people, whom a cache of answers would soon know all. So their rows are copied, with every key
moved up, until there are thousands: a statement of the load names a patient that has hardly been asked for before.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

from readonly_guard_cli.demo import generate, load

__all__ = ["COPIES", "load_records"]

COPIES: Final = 40
"""How often each patient is there again; with those of the demo's own, some six thousand people."""

_STEP: Final = 100_000_000
"""Between copies; all of the demo's keys are smaller. The scripts in ``scripts`` know it."""

_STAFF_ENDS: Final = 30_000
"""Where the demo's patients begin: staff are people, too, and are not copied."""

_KEYS: Final = frozenset({
    *("person_id", "person_alias_id", "encntr_id", "encntr_prsnl_reltn_id", "order_id", "clinical_event_id"),
    *("event_id", "parent_event_id", "ce_event_prsnl_id", "diagnosis_id", "allergy_id", "sch_appt_id"),
})  # fmt: skip
_TABLES: Final = ("person", "encounter", "orders", "clinical_event", "ce_blob", "diagnosis", "allergy", "sch_appt")


def load_records(conninfo: str, password: str) -> None:
    """Make the database's schema ``millennium``, the staff's roles and the guard's own, and the copies.

    Args:
        conninfo: a superuser's connection.
        password: of the roles.
    """
    dataset = generate()
    load(conninfo, dataset, password=password)
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # the copies refer to one another
        for table in _TABLES:
            names = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                " ORDER BY attnum",
                [f"millennium.{table}"],
            ).fetchall()
            values = [
                sql.SQL("{} + copy * {}").format(sql.Identifier(name), _STEP) if name in _KEYS else sql.Identifier(name)
                for (name,) in names
            ]
            is_patient = (
                sql.SQL("WHERE person_id >= {}").format(_STAFF_ENDS) if ("person_id",) in names else sql.SQL("")
            )
            connection.execute(
                sql.SQL(
                    "INSERT INTO {table} SELECT {values}"
                    " FROM {table}, generate_series(1::bigint, {copies}) AS copy {where}"
                ).format(
                    table=sql.Identifier("millennium", table),
                    values=sql.SQL(", ").join(values),
                    copies=COPIES,
                    where=is_patient,
                )
            )
