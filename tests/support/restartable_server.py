"""A server that can be stopped and started again on the same port with the same data, and logs every statement it runs."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from loopback import free_port

from readonly_guard_cli.demo import EmbeddedServer, server

__all__ = ["RestartableServer"]

_PATIENCE_S = 120.0


class RestartableServer(EmbeddedServer):
    """A PostgreSQL by `pg_ctl`, from the wheel as `EmbeddedServer` is."""

    def __init__(self, *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings={"log_statement": "all", "log_line_prefix": "%u ", **(settings or {})})

    @property
    def port(self) -> int:
        return self._port

    @property
    def socket_dir(self) -> Path:
        return self._home

    @property
    def pid(self) -> int:
        return int((self._home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    def log(self) -> str:
        return (self._home / "log").read_text(encoding="utf-8", errors="replace")

    def forget_log(self) -> None:
        """Begin the log anew; the server appends to it."""
        (self._home / "log").write_bytes(b"")

    def start(self) -> None:
        self._user = server._server_user()
        self._home, self._port = server._make_home(self._user), free_port()
        self._binaries = server._find_binaries()
        if self._user != server._OURSELVES:
            self._binaries = server._reachable_binaries(self._binaries, self._home, self._user)
        password = self._home / "password"
        password.touch(0o600)
        password.write_text(f"{self._password}\n", encoding="utf-8")
        self._user.give(password)
        self._run(
            "initdb", "-U", "postgres", "--pwfile", str(password), "--auth=scram-sha-256", "--encoding=UTF8",
            "--locale=C", "--no-sync", "--no-instructions",
        )  # fmt: skip
        self.start_again()

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):  # a test may have left it down
            self.go_down("immediate")
        shutil.rmtree(self._home, ignore_errors=True)

    def start_again(self) -> None:
        """Start what is down, and wait until it takes connections."""
        settings = {**self._settings, "port": str(self._port), "unix_socket_directories": str(self._home)}
        given = " ".join(
            f"-c {name}={value}" if " " not in value else f"-c {name}='{value}'" for name, value in settings.items()
        )
        self._run("pg_ctl", "start", "-w", "-o", given, "-l", str(self._home / "log"))

    def go_down(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop it, and wait until it is gone."""
        self._run("pg_ctl", "stop", "-w", "-m", mode)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, "-D", self._home / "data", *arguments],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S, cwd=self._home, env=server._environment(),
            user=self._user.uid, group=self._user.gid, extra_groups=self._user.groups,
        )  # fmt: skip
