"""The tables: numbered migrations, each run once, in a transaction, by the owner of the schema."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

__all__ = ["SCHEMA", "migrate"]

SCHEMA: Final = "readonly_guard_log"

_FIRST: Final = """
CREATE SCHEMA IF NOT EXISTS readonly_guard_log;
CREATE TABLE IF NOT EXISTS readonly_guard_log.migration (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


async def migrate(connection: Any) -> list[str]:
    """Bring the schema up to date; nothing to do where it is.

    Args:
        connection: asyncpg's, of a role that may create a schema and roles.

    Returns:
        The migrations that were run, by name.
    """
    done: list[str] = []
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('readonly_guard_log', 0))")
        await connection.execute(_FIRST)
        known = {row[0] for row in await connection.fetch("SELECT number FROM readonly_guard_log.migration")}
        for script in sorted(files(__package__).joinpath("migrations").iterdir(), key=lambda item: item.name):
            number = int(script.name.partition("_")[0])
            if number in known:
                continue
            await connection.execute(script.read_text(encoding="utf-8"))
            await connection.execute(
                "INSERT INTO readonly_guard_log.migration (number, name) VALUES ($1, $2)",
                number,
                script.name,
            )
            done.append(script.name)
    return done
