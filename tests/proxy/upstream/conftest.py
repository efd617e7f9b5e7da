"""A PostgreSQL of the system's, with TLS: the server in the wheel was built without."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trustme
from loopback import free_port

_HOW = "no PostgreSQL server with TLS: apt-get install postgresql (or set PG_BINDIR to the directory of initdb)"
_RULES = """\
local    all all                       trust
hostssl  all certified  127.0.0.0/8    cert
hostssl  all scram      127.0.0.0/8    scram-sha-256
hostssl  all md5        127.0.0.0/8    md5
hostssl  all clear      127.0.0.0/8    password
hostssl  all postgres   127.0.0.0/8    trust
"""
_ROLES = """\
set password_encryption = 'scram-sha-256';
create role scram login password 'p'; create role clear login password 'p'; create role certified login;
set password_encryption = 'md5'; create role md5 login password 'p';
create table t(i int); insert into t select generate_series(1, 5); grant select on t to public;
"""


class TlsServer(msgspec.Struct, frozen=True, kw_only=True):
    """A running server. ``root`` is the file of the authority that its certificate leads up to."""

    port: int
    folder: Path
    root: str
    authority: trustme.CA

    def issue(self, name: str, *, common_name: str) -> dict[str, str]:
        """A client's certificate and key by the server's own authority, as settings name them."""
        issued = self.authority.issue_cert("client@example", common_name=common_name)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        key.touch(0o600)
        key.write_bytes(issued.private_key_pem.bytes())
        return {"certificate": str(certificate), "key": str(key)}


def _binaries() -> Path | None:
    named = os.environ.get("PG_BINDIR")
    found = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(found) if (folder / "initdb").exists()), None)


@pytest.fixture(scope="session")
def tls_server(request: pytest.FixtureRequest) -> Iterator[TlsServer]:
    """The server, which takes nobody without TLS over TCP; it is the same for all tests."""
    binaries = _binaries()
    if binaries is None:
        (pytest.fail if request.config.getoption("--require-tls-server") else pytest.skip)(_HOW)
    user = {"user": "postgres"} if os.geteuid() == 0 else {}  # which refuses to run as root
    with tempfile.TemporaryDirectory(prefix="rg-") as name:
        folder = Path(name)
        data = folder / "data"
        _write(folder)
        port = free_port()
        if user:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "postgres")
        run = partial(subprocess.run, check=True, capture_output=True, timeout=60, cwd=folder, **user)
        run([binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"])
        (data / "pg_hba.conf").write_text(_RULES)
        options = {
            "port": port,
            "listen_addresses": "127.0.0.1,127.0.0.2",
            "unix_socket_directories": folder,
            "fsync": "off",
            "ssl": "on",
            "ssl_cert_file": folder / "server.pem",
            "ssl_key_file": folder / "server.key",
            "ssl_ca_file": folder / "root.pem",
        }
        words = " ".join(f"-c {key}={value}" for key, value in options.items())
        run([binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", words, "start"])
        try:
            where = ["-h", folder, "-p", str(port), "-U", "postgres", "-d", "postgres"]
            run([binaries / "psql", "-qX", "-v", "ON_ERROR_STOP=1", *where, "-c", _ROLES])
            own = Path(tempfile.mkdtemp(dir=folder))  # pytest's user writes here, not the server's
            root = own / "root.pem"
            shutil.copy(folder / "root.pem", root)
            yield TlsServer(port=port, folder=own, root=str(root), authority=_AUTHORITY)
        finally:
            run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"])


_AUTHORITY = trustme.CA()


def _write(folder: Path) -> None:
    issued = _AUTHORITY.issue_cert("localhost", "127.0.0.1")
    _AUTHORITY.cert_pem.write_to_path(folder / "root.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    key = folder / "server.key"
    key.touch(0o600)
    key.write_bytes(issued.private_key_pem.bytes())
