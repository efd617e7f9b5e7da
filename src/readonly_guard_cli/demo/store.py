"""The synthetic database in a real one: loading it, and proving afterwards that nothing there has changed.

Everything that speaks SQL to the demo's server is here. The rows come from `readonly_guard_cli.demo.millennium`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from importlib import resources
from typing import Final, Literal, NamedTuple

from readonly_guard.errors import ConfigurationError
from readonly_guard_cli.demo.millennium import generate
from readonly_guard_cli.demo.server import EmbeddedServer
from readonly_guard_cli.demo.tables import Dataset

try:
    import psycopg
    from psycopg import sql
except ImportError as error:
    raise ConfigurationError("the demo needs a PostgreSQL driver: pip install 'readonly-guard[demo]'") from error

__all__ = ["Checksum", "DemoDatabase", "changed", "checksums", "install", "load"]

_SCHEMA: Final = "millennium"
_GROUPS: Final = ("readers", "writers")
_SCRAM_ITERATIONS: Final = 4096  # PostgreSQL's default, scram_iterations

# Rows are digested as text, so what text depends on is pinned first.
_PINNED: Final = """
    SET LOCAL search_path = pg_catalog;
    SET LOCAL timezone = 'UTC';
    SET LOCAL datestyle = 'ISO';
    SET LOCAL intervalstyle = 'postgres';
    SET LOCAL bytea_output = 'hex';
    SET LOCAL extra_float_digits = 1;
    SET LOCAL row_security = off;
"""

# Tables and materialised views outside the system's schemas, sequences, every catalog of this database (functions,
# views, triggers, grants, large objects are rows there), and of the shared ones those that say who may do what.
# Statistics are left out: ANALYZE changes no information.
_RELATIONS: Final = """
    SELECT n.nspname, c.relname, c.relkind::text
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence <> 't'
      AND CASE n.nspname
            WHEN 'pg_catalog' THEN c.relname NOT LIKE 'pg\\_statistic%'
                AND (NOT c.relisshared OR c.relname IN ('pg_authid', 'pg_auth_members', 'pg_db_role_setting'))
            WHEN 'information_schema' THEN false
            ELSE n.nspname <> 'pg_toast'
          END
    ORDER BY 1, 2
"""
_ROWS: Final = """
    SELECT count(*), coalesce(
        encode(sha256(convert_to(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), 'UTF8')), 'hex'), '')
    FROM (SELECT {line} AS line FROM {relation} AS t) AS lines
"""
_GUARD: Final = "readonly_guard"
_WHOLE_ROW: Final = sql.SQL("t::text")
# last_value without is_called would not tell a fresh sequence from one that was used once
_SEQUENCE_ROW: Final = sql.SQL("format('%s %s', t.last_value, t.is_called)")
# what VACUUM and ANALYZE keep in pg_class is no information either
_CLASS_ROW: Final = sql.SQL(
    "(to_jsonb(t)"
    " - ARRAY['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid'])::text"
)


class Checksum(NamedTuple):
    """How many rows a relation has and the SHA-256 of them all, in hexadecimal; empty when there are none."""

    rows: int
    digest: str


class DemoDatabase(NamedTuple):
    """The loaded database: where it is and who may log in.

    Attributes:
        server: the running server.
        name: name of the database.
        dataset: what was loaded.
        password: of every employee's role.
    """

    server: EmbeddedServer
    name: str
    dataset: Dataset
    password: str

    @property
    def admin_dsn(self) -> str:
        """The superuser's connection string for this database, over the unix socket."""
        return self.server.dsn(self.name, over="socket")

    def dsn(self, username: str, *, over: Literal["tcp", "socket"] = "tcp", port: int | None = None) -> str:
        """An employee's connection string; with ``port``, for a guard that listens there."""
        return self.server.dsn(self.name, user=username, password=self.password, over=over, port=port)

    @property
    def guard_dsn(self) -> str:
        """The guard's own connection string: a role that may connect, and so read the catalogs, and nothing else."""
        return self.dsn(_GUARD)

    def checksums(self) -> dict[str, Checksum]:
        """See :func:`checksums`."""
        return checksums(self.admin_dsn)


def install(server: EmbeddedServer, name: str = _SCHEMA, dataset: Dataset | None = None) -> DemoDatabase:
    """Create a database on a running server and load the demo into it.

    Args:
        server: where.
        name: of the database; one that does not exist.
        dataset: what to load; the demo's own unless given.
    """
    database = DemoDatabase(server, name, dataset or generate(), server.login_password)
    with psycopg.connect(server.admin_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    load(database.admin_dsn, database.dataset, password=database.password)
    return database


def load(dsn: str, dataset: Dataset, *, password: str) -> None:
    """Make schema, rows and roles in an empty database, all in one transaction.

    Roles belong to the cluster: those that exist are kept as they are, with the password they have.

    Args:
        dsn: a superuser's connection to the database.
        dataset: what to load.
        password: of every employee's role made here; printable ASCII. The server is sent its SCRAM verifier only.
    """
    schema = resources.files(__package__).joinpath("millennium.sql").read_text(encoding="utf-8")
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(schema.encode())
        for table, rows in dataset.tables.items():
            with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(_SCHEMA, table))) as copy:
                for row in rows:
                    copy.write_row(row)
        _make_roles(cursor, [employee.username for employee in dataset.staff], password)
        cursor.execute("ANALYZE")  # the demo's server has no autovacuum that would


def checksums(dsn: str) -> dict[str, Checksum]:
    """A digest of everything in a database that a statement could change, by qualified name.

    Covered are the rows of every table, the state of every sequence, the definitions (every system catalog) with the
    large objects, and the cluster's roles and their memberships. Two calls agree when nothing changed between them, and
    the tables of two databases loaded from the same dataset agree as well; catalogs do not, they hold object ids.

    Args:
        dsn: a superuser's connection to the database.
    """
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one snapshot for all
        connection.read_only = True
        cursor.execute(_PINNED)
        found = {}
        for namespace, name, kind in cursor.execute(_RELATIONS).fetchall():
            line = _SEQUENCE_ROW if kind == "S" else _CLASS_ROW if name == "pg_class" else _WHOLE_ROW
            query = sql.SQL(_ROWS).format(line=line, relation=sql.Identifier(namespace, name))
            found[f"{namespace}.{name}"] = Checksum(*_one(cursor.execute(query)))
        return found


def changed(before: dict[str, Checksum], after: dict[str, Checksum]) -> tuple[str, ...]:
    """The names whose checksums differ, new and missing ones included."""
    return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))


def _one(cursor: psycopg.Cursor[tuple[int, str]]) -> tuple[int, str]:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101  an aggregate always gives one row
    return row


def _make_roles(cursor: psycopg.Cursor, usernames: list[str], password: str) -> None:
    verifier = _scram_verifier(password)
    known = {name for (name,) in cursor.execute("SELECT rolname FROM pg_roles").fetchall()}
    for username in (*usernames, _GUARD):
        if username not in known:
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(username), verifier))
    members = sql.SQL(", ").join(map(sql.Identifier, usernames))
    groups = sql.SQL(", ").join(map(sql.Identifier, _GROUPS))
    cursor.execute(sql.SQL("GRANT {} TO {}").format(groups, members))


def _scram_verifier(password: str) -> str:
    """What PostgreSQL stores for a password (RFC 5803, in PostgreSQL's ``pg_authid.rolpassword`` form).

    Made here once for all roles: the server would spend its iterations on each, and would see the password.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return "SCRAM-SHA-256${}:{}${}:{}".format(_SCRAM_ITERATIONS, *encoded)
