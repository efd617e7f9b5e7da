"""A guard as a process of its own, as it runs in earnest, in front of the synthetic database; and what drivers share."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import trustme

from readonly_guard.audit import read, verify
from readonly_guard.domain import DecisionRecord
from readonly_guard_cli.demo import EmbeddedServer, changed, install, write_policy_data
from readonly_guard_proxy.wire.scram import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from readonly_guard_cli.demo import DemoDatabase

_POLICIES = Path(__file__).parents[2] / "policies"
_READY_S = 60.0
_CLIENT_S = 60.0
_TREAT = "-c readonly_guard.purpose=TREAT"
_LISTENING = re.compile(r"listening on [^ ]+:([0-9]+)")
_GUARD_TOML = """\
[listener]
port = 0
{listener}
[upstream]
host = "{host}"
port = {port}
[policy]
data = ["roster.json", "demands.json"]
[journal]
path = "journal"
[reading]
search_path = ["millennium", "public"]
deadline_s = 20.0
patience_s = 60.0
"""
_LOGIN_TOML = """\
[authentication]
mode = "guard"
users = "users.txt"
[upstream.login]
user = "jwallin"
password_file = "password"
"""


class Gate(NamedTuple):
    """Where clients connect, and as whom: Anna Lind, who may read everything."""

    database: DemoDatabase
    port: int
    journal: Path
    host: str = "127.0.0.1"
    user: str = "alind"
    options: str = _TREAT
    endless: str = "SELECT count(*) FROM clinical_event a, clinical_event b, clinical_event c, clinical_event d"
    """A read that only ends when it is cancelled."""
    large: str = "SELECT n, repeat('x', 400) AS filler FROM generate_series(1, 50000) AS n"
    """A read of 20 megabytes in 50,000 rows."""
    large_rows: int = 50_000
    root: str = ""
    """The file of the authority that certifies `host`, where only TLS is spoken; 127.0.0.1 is certified by nobody."""

    @property
    def password(self) -> str:
        return self.database.password

    @property
    def name(self) -> str:
        return self.database.name

    @property
    def events(self) -> int:
        """How many rows the largest table has, clinical_event."""
        return len(self.database.dataset.tables["clinical_event"])

    @property
    def dsn(self) -> str:
        return self.database.dsn(self.user, port=self.port)

    @property
    def verifying(self) -> dict[str, str]:
        """What libpq and its likes are told to have TLS, and to believe nobody but `host`."""
        return {"host": self.host, "port": str(self.port), "sslmode": "verify-full", "sslrootcert": self.root}

    @property
    def binaries(self) -> Path:
        """The directory of psql, pg_dump and their like."""
        return self.database.server.psql.parent

    def environment(self, options: str = _TREAT, **more: str) -> dict[str, str]:
        """What libpq, and the programs in the other languages here, connect with."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {
            **kept,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.name,
            "PGOPTIONS": options,
            "PGCLIENTENCODING": "UTF8",
            "PGCONNECT_TIMEOUT": "10",
            **more,
        }

    def run(
        self, *command: str | Path, options: str = _TREAT, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a client to its end, connected by environment variables."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.environment(options, **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_CLIENT_S,
            check=False,
        )

    @contextlib.contextmanager
    def without_denials(self) -> Iterator[list[str]]:
        """What runs in this block may not be denied anything, also where the client keeps quiet about it.

        Yields:
            A list that holds, after the block, every statement that was decided, without literals.
        """
        asked: list[str] = []
        known = sum(1 for _ in read(self.journal))
        yield asked
        fresh = [entry.record for entry in islice(read(self.journal), known, None)]
        decisions = [record for record in fresh if isinstance(record, DecisionRecord)]
        assert [f"{', '.join(one.codes)}: {one.statement}" for one in decisions if one.verdict != "allow"] == []
        asked.extend(one.statement for one in decisions)


@pytest.fixture(scope="session")
def millennium() -> Iterator[DemoDatabase]:
    """On a server of its own: pg_dumpall dumps every database there is, and checksums see the cluster's roles."""
    with EmbeddedServer() as server:
        yield install(server)


@pytest.fixture(scope="session")
def gate(millennium: DemoDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The way to the database for the whole session; afterwards nothing has changed and the log is whole."""
    with _guarding(millennium, tmp_path_factory.mktemp("guard")) as gate:
        yield gate


@pytest.fixture(scope="session")
def login_gate(millennium: DemoDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Another way, where Anna Lind logs in at the guard, which is her colleague at the server."""
    home = tmp_path_factory.mktemp("guard")
    for name, text in (
        ("password", millennium.password),
        ("users.txt", f'"alind" "{Verifier.of(millennium.password, b"salt of a driver")}"'),
    ):
        (home / name).touch(0o600)
        (home / name).write_text(text, encoding="utf-8")
    with _guarding(millennium, home, _LOGIN_TOML) as gate:
        yield gate


@pytest.fixture(scope="session")
def tls_gate(millennium: DemoDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A third way, which takes nobody without TLS, and can show that it is ``localhost``."""
    home = tmp_path_factory.mktemp("guard")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(home / "root.pem")
    issued.cert_chain_pems[0].write_to_path(home / "guard.pem")
    (home / "guard.key").touch(0o600)
    (home / "guard.key").write_bytes(issued.private_key_pem.bytes())
    with _guarding(millennium, home, listener='tls = { certificate = "guard.pem", key = "guard.key" }') as gate:
        yield gate._replace(host="localhost", root=str(home / "root.pem"))


@contextlib.contextmanager
def _guarding(millennium: DemoDatabase, home: Path, more: str = "", *, listener: str = "") -> Iterator[Gate]:
    write_policy_data(home / "roster.json")
    # what is tested is whether clients run, not whether they may or should: pg_dump prints whole tables, and a reminder
    # of NPÖ in psql's output would be in the way
    demands = json.loads((_POLICIES / "demands" / "data.json").read_text(encoding="utf-8")) | {"print": "never"}
    quiet = {"demands": demands, "npo": {"purposes": [], "sets": {}}}
    (home / "demands.json").write_text(json.dumps(quiet), encoding="utf-8")
    config = home / "guard.toml"
    text = _GUARD_TOML.format(host=millennium.server.host, port=millennium.server.port, listener=listener)
    config.write_text(text + more, encoding="utf-8")
    before = millennium.checksums()
    with (home / "proxy.log").open("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "readonly_guard_cli", "proxy", "--config", config], stdout=log, stderr=log
        )
        try:
            yield Gate(millennium, _wait_for_port(process, home / "proxy.log"), home / "journal")
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(_READY_S)
    assert status == 0, (home / "proxy.log").read_text(encoding="utf-8")
    assert changed(before, millennium.checksums()) == ()
    assert verify(home / "journal").ok
    assert _unnamed(home / "journal") == set()


def _unnamed(journal: Path) -> set[str]:
    """Statements that ran with a patient whose value could not be told from what the driver sent."""
    decisions = (entry.record for entry in read(journal) if isinstance(entry.record, DecisionRecord))
    ran = (one for one in decisions if one.phase == "execute")
    return {one.statement for one in ran if any(name.endswith(":?") for name in one.patients)}


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if found := _LISTENING.search(log.read_text(encoding="utf-8", errors="replace")):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.02)
    pytest.fail(f"the proxy did not start: {log.read_text(encoding='utf-8', errors='replace')}")


@pytest.fixture(scope="session")
def missing(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """What to call when a driver is not on this machine: a skip, or with ``--require-drivers`` a failure."""
    return pytest.fail if pytestconfig.getoption("--require-drivers") else pytest.skip


@pytest.fixture(scope="session")
def driver(missing: Callable[[str], None]) -> Callable[[str], ModuleType]:
    """Import a driver of the optional dependencies ``drivers``."""

    def load(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError:
            missing(f"{name} is not installed: pip install 'readonly-guard[drivers]', or make drivers")
            raise

    return load


@pytest.fixture(scope="session")
def tool(missing: Callable[[str], None]) -> Callable[[str], str]:
    """Find a program, such as a compiler of another language."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            missing(f"{name} is not on this machine: install it with the system's packages")
        return found or name

    return find
