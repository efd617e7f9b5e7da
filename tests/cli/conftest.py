"""The command line as its user has it: quickly in this process, or as a process of its own; and a proxy process."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from typer.testing import CliRunner

from readonly_guard_cli.app import app
from readonly_guard_cli.demo import DemoDatabase, write_policy_data

_PROGRAM = [sys.executable, "-m", "readonly_guard_cli"]
_START_S = 60.0
_END_S = 30.0


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """A command in this process: for the many cases that need no process of their own."""
    for module in ("readonly_guard_cli.proxy", "readonly_guard_cli.audit.forward"):
        # a logger that is used once keeps the stream it was given, which is gone when the command has ended
        monkeypatch.setattr(importlib.import_module(module), "configure", lambda _settings: None)

    def call(*arguments: str | Path, stdin: bytes | str = b"") -> Ended:
        result = CliRunner().invoke(app, [str(item) for item in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception  # its user would see a traceback
        assert "Traceback" not in result.stderr
        return Ended(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Ended]:
    """A command as a process of its own, in an empty directory."""
    here = tmp_path / "elsewhere"
    here.mkdir()

    def call(
        *arguments: str | Path | bytes, stdin: bytes = b"", env: dict[str, str] | None = None, timeout_s: float = 120
    ) -> Ended:
        done = subprocess.run(
            [*_PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            cwd=here,
            env={**os.environ, **(env or {})},
            timeout=timeout_s,
            check=False,
        )
        err = done.stderr.decode(errors="replace")
        assert "Traceback" not in err, err
        return Ended(done.returncode, done.stdout.decode(), err)

    return call


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """The demo's people and routine, to lay over the shipped policies' data."""
    return write_policy_data(tmp_path / "roster.json")


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the shipped policies, to spoil."""
    copy = tmp_path / "policies"
    with resources.as_file(resources.files("readonly_guard_policies")) as shipped:
        shutil.copytree(shipped, copy, ignore=shutil.ignore_patterns("__pycache__", "__init__.py"))
    return copy


class ProxyProcess:
    """A running `readonly-guard proxy`."""

    def __init__(self, config: Path, environment: dict[str, str]) -> None:
        self.config = config
        self._log = config.with_suffix(".log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*_PROGRAM, "proxy", "--config", config],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **environment},
            )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], _START_S)
        self.greeting = self.process.stdout.readline().strip() if readable else ""
        if not self.greeting.startswith("listening on "):
            self.discard()
            raise AssertionError(self.said())
        self.host, _, port = self.greeting.removeprefix("listening on ").rpartition(":")
        self.port = int(port)

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def events(self) -> list[dict[str, Any]]:
        """The log; a line that is not JSON is an error here, unless it is being written."""
        has_ended = self.process.poll() is not None
        whole, _, rest = self.said().rpartition("\n")
        assert not (rest and has_ended), f"the log ends within a line: {rest}"
        return [json.loads(line) for line in whole.splitlines()]

    def wait_for(self, event: str, times: int = 1) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = [item for item in self.events() if item["event"] == event]
            if len(found) >= times:
                return found[times - 1]
            time.sleep(0.02)
        raise AssertionError(f"no {event!r} in {self.said()}")

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it as a service manager does; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(_END_S)

    def discard(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def guard_toml(tmp_path: Path, millennium: DemoDatabase, roster: Path) -> Callable[..., Path]:
    """Write a guard.toml for the shared database; sections given replace what is in it."""

    def write(name: str = "guard.toml", **sections: str) -> Path:
        contents = {
            "listener": "port = 0",
            "upstream": f'host = "127.0.0.1"\nport = {millennium.server.port}',
            "policy": f'data = ["{roster}"]',
            "journal": 'path = "journal"',
            # on a busy machine a text may take longer to be read, and to get its turn, than users would wait
            "reading": 'search_path = ["millennium", "public"]\ndeadline_s = 20.0\npatience_s = 60.0',
            **sections,
        }
        path = tmp_path / name
        path.write_text("\n".join(f"[{section}]\n{text}" for section, text in contents.items()), encoding="utf-8")
        return path

    return write


@pytest.fixture
def issue(tmp_path: Path) -> Callable[[str], Path]:
    """Write NAME.pem and NAME.key for localhost beside the guard.toml, by a new authority each time; its root."""
    numbers = itertools.count(1)

    def write(name: str) -> Path:
        authority = trustme.CA()
        issued = authority.issue_cert("localhost")
        root, key = tmp_path / f"root-{next(numbers)}.pem", tmp_path / f"{name}.key"
        authority.cert_pem.write_to_path(root)
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        key.touch(0o600)
        key.write_bytes(issued.private_key_pem.bytes())
        return root

    return write


@pytest.fixture
def start_proxy() -> Iterator[Callable[..., ProxyProcess]]:
    started: list[ProxyProcess] = []

    def start(config: Path, **environment: str) -> ProxyProcess:
        started.append(ProxyProcess(config, environment))
        return started[-1]

    yield start
    for proxy in started:
        proxy.discard()


@pytest.fixture
def open_tmp() -> Iterator[Path]:
    """A temporary directory that every user may use, to find there what a run leaves behind."""
    with tempfile.TemporaryDirectory(prefix="rg-", dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o1777)
        yield path
