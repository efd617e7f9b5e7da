"""What clients really send: the client mix, captured from a server's log or read from this folder, by who sends it.

psql describes the synthetic database, pg_dump writes its schema down, asyncpg and psycopg look types up, SQLAlchemy
reflects every table. A chart's reads are those of `benchmarks/wire/scripts`; the reports, over many patients, those of
`benchmarks/reports`. Each text stands once, at its first sender: the second time it is nothing new.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import asyncpg
import psycopg
import sqlalchemy
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo
from psycopg.types.enum import EnumInfo
from psycopg.types.range import RangeInfo

from readonly_guard_cli.demo import DemoDatabase, EmbeddedServer, install

__all__ = ["captured_mix", "client_mix", "logging_server"]

_HERE: Final = Path(__file__).parent
_COMMANDS: Final = r"\d|\d+ person|\dt+|\di+|\df|\dv+|\du|\dn+|\dp|\l+|\dT+|\ds|\dx|\do".split("|")
_LOGGED: Final = re.compile(
    r"^\S+ LOG:  (?:statement|execute [^:]+): (.*?)(?=^\S+ (?:LOG|DETAIL|ERROR|STATEMENT|HINT):|\Z)",
    re.MULTILINE | re.DOTALL,
)
_SCHEMA: Final = "millennium"


def logging_server() -> EmbeddedServer:
    """A server that logs every statement."""
    return EmbeddedServer(
        settings={"log_statement": "all", "log_line_prefix": "%p ", "log_min_duration_statement": "-1"}
    )


def client_mix(server: EmbeddedServer, database: DemoDatabase) -> dict[str, list[str]]:
    """Distinct texts by who sends them.

    Args:
        server: a running :func:`logging_server`.
        database: the synthetic one in it.
    """
    found = {client: _captured(server, database, use) for client, use in _CLIENTS.items()}
    found["a chart"] = [_as_sent(path) for path in sorted((_HERE / "wire" / "scripts").glob("*.sql"))]
    found["reports"] = [path.read_text(encoding="utf-8").strip() for path in sorted((_HERE / "reports").glob("*.sql"))]
    seen: set[str] = set()
    for client, texts in found.items():
        found[client] = [text for text in dict.fromkeys(texts) if text not in seen]
        seen.update(texts)
    return found


def captured_mix() -> dict[str, list[str]]:
    """As :func:`client_mix`, of a server of its own."""
    with logging_server() as server:
        return client_mix(server, install(server))


def _captured(
    server: EmbeddedServer, database: DemoDatabase, use: Callable[[EmbeddedServer, DemoDatabase], None]
) -> list[str]:
    before = len(server.log())
    use(server, database)
    texts = (found.replace("\n\t", "\n").strip() for found in _LOGGED.findall(server.log()[before:]))
    return [text for text in texts if text]


def _as_sent(script: Path) -> str:
    """What a script of pgbench's sends in the simple protocol, about the first patient."""
    lines = script.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("\\")).replace(":patient", "30000")


def _psql(server: EmbeddedServer, database: DemoDatabase) -> None:
    for command in _COMMANDS:
        _run(server.psql, "-X", "-q", database.admin_dsn, "-c", command)


def _pg_dump(server: EmbeddedServer, database: DemoDatabase) -> None:
    _run(server.pg_dump, "--schema-only", database.admin_dsn)


def _run(program: Path, *arguments: str) -> None:
    subprocess.run([program, *arguments], capture_output=True, check=True)


def _asyncpg(_server: EmbeddedServer, database: DemoDatabase) -> None:
    async def introspect() -> None:
        connection = await asyncpg.connect(database.admin_dsn)
        await connection.fetch("SELECT relacl, reloptions FROM pg_class LIMIT 1")
        await connection.reset()
        await connection.close()

    asyncio.run(introspect())


def _psycopg(_server: EmbeddedServer, database: DemoDatabase) -> None:
    with psycopg.connect(database.admin_dsn) as connection:
        for kind in (TypeInfo, EnumInfo, RangeInfo, CompositeInfo):
            kind.fetch(connection, "person")


def _sqlalchemy(_server: EmbeddedServer, database: DemoDatabase) -> None:
    engine = sqlalchemy.create_engine(database.admin_dsn.replace("postgresql:", "postgresql+psycopg:", 1))
    inspector = sqlalchemy.inspect(engine)
    inspector.get_schema_names()
    inspector.get_view_names(_SCHEMA)
    for table in inspector.get_table_names(_SCHEMA):
        inspector.get_columns(table, _SCHEMA)
        inspector.get_foreign_keys(table, _SCHEMA)
        inspector.get_indexes(table, _SCHEMA)
    sqlalchemy.MetaData(schema=_SCHEMA).reflect(engine)
    engine.dispose()


_CLIENTS: Final[Mapping[str, Callable[[EmbeddedServer, DemoDatabase], None]]] = {
    "psql": _psql,
    "pg_dump": _pg_dump,
    "asyncpg": _asyncpg,
    "psycopg": _psycopg,
    "SQLAlchemy": _sqlalchemy,
}
