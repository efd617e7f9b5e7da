"""PgBouncer in session mode: the distribution's package, with SCRAM on both sides as the guard has it."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.wire.database import DATABASE, READER, service_user
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.processes import LOOPBACK, free_port, running, wait_for_port
from benchmarks.wire.routes import PGBOUNCER, Route, Site

__all__ = ["pgbouncer", "pgbouncer_version"]

_PROGRAM: Final = "/usr/sbin/pgbouncer"
_INI: Final = """\
[databases]
{database} = host={host} port={upstream} dbname={database}

[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = session
default_pool_size = 1200
max_client_conn = 2000
server_tls_sslmode = disable
ignore_startup_parameters = extra_float_digits, options
"""
_TLS: Final = """\
client_tls_sslmode = require
client_tls_cert_file = {certificate.chain}
client_tls_key_file = {certificate.key}
"""


@contextlib.contextmanager
def pgbouncer(folder: Path, site: Site) -> Iterator[Route]:
    """Start it in a folder of its own.

    Args:
        folder: an empty one.
        site: between what.
    """
    server, certificate = site.server, site.certificate
    user = service_user()
    if user is not None:
        shutil.chown(folder, user)
    if certificate is not None and user is not None:
        certificate = certificate.owned_by(user, folder)
    users, ini, port = folder / "users.txt", folder / "pgbouncer.ini", free_port()
    # the server's own verifier: with the password itself PgBouncer would derive keys anew for each login (4,096 rounds)
    verifier = server.run_sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{READER}'").strip()
    users.write_text(f'"{READER}" "{verifier}"\n', encoding="utf-8")
    text = _INI.format(
        database=DATABASE, host=site.upstream, upstream=server.port, address=LOOPBACK, port=port, users=users
    )
    ini.write_text(text + (_TLS.format(certificate=certificate) if certificate else ""), encoding="utf-8")
    log = folder / "pgbouncer.log"
    with running(
        "PgBouncer (apt-get install pgbouncer)", [*site.under, _PROGRAM, "-q", ini], log, user=user
    ) as process:
        wait_for_port("PgBouncer", process, log, port)
        yield Route(PGBOUNCER, port, process.pid)


def pgbouncer_version() -> str:
    """Of the program.

    Raises:
        BenchmarkError: it is not installed.
    """
    try:
        said = subprocess.run([_PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise BenchmarkError("PgBouncer is not installed: apt-get install pgbouncer") from error
    found = re.search(r"PgBouncer (\S+)", said)
    return found[1] if found else said.strip()
