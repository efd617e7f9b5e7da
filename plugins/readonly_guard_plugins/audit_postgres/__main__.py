"""Make or update the tables of the log: ``python -m readonly_guard_plugins.audit_postgres HOST DATABASE OWNER``.

The password comes from where libpq's would: ``PGPASSWORD``, or the file that ``PGPASSFILE`` names.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import asyncpg

from readonly_guard_plugins.audit_postgres.schema import migrate


async def _migrate(host: str, port: int, database: str, owner: str) -> int:
    try:
        connection = await asyncpg.connect(host=host, port=port, database=database, user=owner)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.stderr.write(f"error: {host}:{port}/{database} as {owner}: {error}\n")
        return 2
    try:
        done = await migrate(connection)
    except asyncpg.PostgresError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    finally:
        await connection.close()
    sys.stdout.write("".join(f"{name}\n" for name in done) or "up to date\n")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m readonly_guard_plugins.audit_postgres", description=__doc__)
    parser.add_argument("host", help="of the server, or the directory of its unix socket")
    parser.add_argument("database")
    parser.add_argument("owner", help="a role that may create a schema and roles")
    parser.add_argument("--port", type=int, default=5432)
    chosen = parser.parse_args()
    sys.exit(asyncio.run(_migrate(chosen.host, chosen.port, chosen.database, chosen.owner)))
