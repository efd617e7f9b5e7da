"""The server behind every way: the distribution's PostgreSQL, with pgbench's tables and a record system's.

Not the wheel that the demo runs on: that one has no TLS, and PgBouncer is the distribution's as well.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.wire.certificates import Certificate
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.processes import LOOPBACK, free_port, running, wait_until
from benchmarks.wire.records import load_records

__all__ = ["DATABASE", "GUARD", "LARGE_TABLE", "READER", "Database", "database", "find_binaries", "service_user"]

DATABASE: Final = "bench"
LARGE_TABLE: Final = "bench_large"
"""Empty at first. All of it is one patient's: to print more than one at a time is forbidden."""

READER: Final = "alind"
"""Of the demo's staff."""
GUARD: Final = "readonly_guard"
"""The role by which it asks for the catalog."""
_RULES: Final = "local all postgres trust\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
_SETTINGS: Final = {
    # Nothing in it is worth a disk flush, and no flush of its own may stand in the way of the journal's.
    "fsync": "off",
    "autovacuum": "off",
    "shared_buffers": "256MB",
    "max_connections": "1300",
    "listen_addresses": LOOPBACK,
    "password_encryption": "scram-sha-256",
}


class Database(NamedTuple):
    """A running server.

    Attributes:
        binaries: where psql and pgbench are.
        port: on loopback, and part of the socket's name.
        socket_folder: of its unix socket.
        password: of the reader and of the guard's own role.
    """

    binaries: Path
    port: int
    socket_folder: Path
    password: str

    def run_sql(self, text: str, database: str = DATABASE) -> str:
        """As the superuser; what psql prints."""
        return _checked(
            [self.binaries / "psql", "-qXAt", "-v", "ON_ERROR_STOP=1", *self.as_superuser(database), "-c", text]
        )

    def as_superuser(self, database: str = DATABASE) -> list[str]:
        """The arguments by which PostgreSQL's programs log in."""
        return ["-h", str(self.socket_folder), "-p", str(self.port), "-U", "postgres", "-d", database]

    @property
    def version(self) -> str:
        """Of the server."""
        return self.run_sql("SHOW server_version", "postgres").strip()


def service_user() -> str | None:
    """Whom servers run as: PostgreSQL and PgBouncer refuse to run as root, anybody else runs them as themselves."""
    return "postgres" if os.geteuid() == 0 else None


def find_binaries() -> Path:
    """Where the newest PostgreSQL of the system is.

    Raises:
        BenchmarkError: there is none.
    """
    named = os.environ.get("PG_BINDIR")
    found = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in reversed(found):
        if (folder / "initdb").exists() and (folder / "pgbench").exists():
            return folder
    raise BenchmarkError(
        "no PostgreSQL server here: apt-get install postgresql (or set PG_BINDIR to the directory of initdb)"
    )


@contextlib.contextmanager
def database(folder: Path, *, scale: int, certificate: Certificate) -> Iterator[Database]:
    """Start a server, make pgbench's tables and the records in it.

    Args:
        folder: an empty one, with a path short enough for a socket.
        scale: pgbench's; 100,000 accounts each.
        certificate: for clients that ask for TLS.
    """
    binaries, user = find_binaries(), service_user()
    if user is not None:
        shutil.chown(folder, user)
        certificate = certificate.owned_by(user, folder)
    data = folder / "data"
    _checked([binaries / "initdb", "-D", data, "-U", "postgres", "--locale=C", "--encoding=UTF8", "--no-sync"], user)
    (data / "pg_hba.conf").write_text(_RULES, encoding="utf-8")
    settings = {
        **_SETTINGS,
        "unix_socket_directories": str(folder),
        "ssl": "on",
        "ssl_cert_file": str(certificate.chain),
        "ssl_key_file": str(certificate.key),
    }
    port = free_port()
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = folder / "postgresql.log"
    command: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(port), *options]
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for sessions
    with running("PostgreSQL", command, log, user=user, ends_with=signal.SIGINT) as process:
        is_ready: list[str | Path] = [binaries / "pg_isready", "-q", "-h", folder, "-p", str(port)]
        wait_until("PostgreSQL", process, log, lambda: subprocess.run(is_ready, check=False).returncode == 0)
        made = Database(binaries, port, folder, secrets.token_urlsafe(12))
        _fill(made, scale)
        yield made


def _fill(made: Database, scale: int) -> None:
    made.run_sql(f"CREATE DATABASE {DATABASE}", "postgres")
    _checked([made.binaries / "pgbench", "-i", "-q", "-s", str(scale), *made.as_superuser()[:-2], DATABASE])
    load_records(f"host={made.socket_folder} port={made.port} user=postgres dbname={DATABASE}", made.password)
    made.run_sql(
        f"CREATE UNLOGGED TABLE public.{LARGE_TABLE} (id integer, person_id bigint, filler text);"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER};"
        "ANALYZE"
    )


def _checked(command: list[str | Path], user: str | None = None) -> str:
    done = subprocess.run(
        command, user=user, capture_output=True, text=True, cwd="/", check=False, extra_groups=() if user else None
    )
    if done.returncode:
        raise BenchmarkError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
    return done.stdout
