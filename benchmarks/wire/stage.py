"""Everything started that takes part in a run: the server, PgBouncer, the guard in each of its variants."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.wire.certificates import Certificate, issue
from benchmarks.wire.database import DATABASE, READER, Database, database
from benchmarks.wire.guard import DECLARED, Variant, guard
from benchmarks.wire.options import Options
from benchmarks.wire.pgbouncer import pgbouncer
from benchmarks.wire.processes import LOOPBACK
from benchmarks.wire.routes import DIRECT, PGBOUNCER, Route, Site

__all__ = ["UNDER_CALLGRIND", "Stage", "set_stage"]

UNDER_CALLGRIND: Final = (
    *("valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no"),
    "--callgrind-out-file=callgrind.%p",
)
"""Put before a proxy's command; its dumps lie in the process's own folder."""


class Stage(NamedTuple):
    """What stands while it is measured.

    Attributes:
        server: the database.
        routes: the ways that are compared, in the order in which tables show them.
        environment: how libpq's programs log in as the reader; without a port, which is the way's.
        conninfo: the same as a connection string.
    """

    server: Database
    routes: list[Route]
    environment: Mapping[str, str]
    conninfo: str

    @property
    def pgbench(self) -> Path:
        """The program."""
        return self.server.binaries / "pgbench"


@contextlib.contextmanager
def set_stage(options: Options) -> Iterator[Stage]:
    """Start it all, and end it all.

    Raises:
        BenchmarkError: something is not installed or does not start.
    """
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rg-bench-", dir=options.directory)))
        home.chmod(0o755)  # PostgreSQL and PgBouncer may be another user's
        folders = _folders(home)
        certificate = issue(home)
        server = stack.enter_context(database(next(folders), scale=options.scale, certificate=certificate))
        routes = stack.enter_context(_routes(options, server, folders, certificate if options.tls else None))
        environment = {
            "PGHOST": LOOPBACK,
            "PGUSER": READER,
            "PGDATABASE": DATABASE,
            "PGPASSWORD": server.password,
            "PGOPTIONS": DECLARED,
            "PGSSLMODE": "require" if options.tls else "disable",
            "PGGSSENCMODE": "disable",
        }
        conninfo = (
            f"host={LOOPBACK} user={READER} dbname={DATABASE} password={server.password} options='{DECLARED}'"
            f" sslmode={environment['PGSSLMODE']} gssencmode=disable"
        )
        yield Stage(server, routes, environment, conninfo)


def _folders(home: Path) -> Iterator[Path]:
    for number in itertools.count():
        folder = home / str(number)
        folder.mkdir()
        yield folder


@contextlib.contextmanager
def _routes(
    options: Options, server: Database, folders: Iterator[Path], certificate: Certificate | None
) -> Iterator[list[Route]]:
    site = Site(
        server=server,
        upstream=str(server.socket_folder) if options.upstream == "socket" else LOOPBACK,
        certificate=certificate,
        under=UNDER_CALLGRIND if options.instructions else (),
    )
    with contextlib.ExitStack() as stack:
        routes = []
        if DIRECT not in options.without:
            routes.append(Route(DIRECT, server.port))
        if PGBOUNCER not in options.without:
            routes.append(stack.enter_context(pgbouncer(next(folders), site)))
        for durability, engine, workers in itertools.product(options.journal, options.engine, options.workers):
            variant = Variant(durability=durability, engine=engine, workers=workers, patients=options.patients)
            routes.append(stack.enter_context(guard(next(folders), variant, site)))
        yield routes
