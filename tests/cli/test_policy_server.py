"""The OPA server that decides goes away under the running guard, and comes back: everything is denied meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from http.client import HTTPConnection

import psycopg
import pytest
from accounts import marked, settle
from loopback import free_port
from restartable_server import RestartableServer

from readonly_guard_cli.demo import install

_START_S = 30.0


@pytest.fixture(scope="module")
def database():
    with RestartableServer() as server:
        yield install(server)


class PolicyServer:
    """A real OPA on a port that it keeps."""

    def __init__(self, binary: str, policies) -> None:
        self.port = free_port()
        self._command = [
            binary,
            "run",
            "--server",
            "--addr",
            f"127.0.0.1:{self.port}",
            "--log-level",
            "error",
            "--bundle",
        ]
        self._policies = policies
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([*self._command, self._policies], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_S
        while not self._is_up():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def hold(self) -> None:
        """From now on it takes connections and says nothing: all of its threads have stopped, not just been told to."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def _is_up(self) -> bool:
        asking = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asking.request("GET", "/health?bundles")
            return asking.getresponse().status == 200
        except OSError:
            return False
        finally:
            asking.close()


@pytest.fixture
def policy_server(opa_binary, policies, roster):
    for root, data in json.loads(roster.read_text(encoding="utf-8")).items():
        folder = policies / root
        folder.mkdir(exist_ok=True)
        (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    server = PolicyServer(opa_binary, policies)
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.kill()


@pytest.mark.opa
def test_everything_is_denied_until_it_is_back(policy_server, database, guard_toml, start_proxy, program, tmp_path):
    proxy = start_proxy(
        guard_toml(
            upstream=f'host = "127.0.0.1"\nport = {database.server.port}',
            admin='socket = "admin.sock"',
            policy=f'opa = {{ url = "http://127.0.0.1:{policy_server.port}", timeout_s = 2.0, failures = 3, rest_s = 0.5 }}',
        )
    )
    answered, refused = [], []

    def ask(session) -> bool:
        text, mark = marked()
        try:
            session.execute(text)
        except psycopg.OperationalError as denied:
            assert "RG-SYS-001" in str(denied)
            refused.append(mark)
            return False
        answered.append(mark)
        return True

    def wait_for(outcome: bool) -> None:
        deadline = time.monotonic() + 30
        while ask(session) is not outcome:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def readiness() -> dict:
        time.sleep(1.1)  # what was found is kept for a second
        return json.loads(program("status", "--config", proxy.config, "--json").out)["readiness"]

    with psycopg.connect(
        database.dsn("alind", port=proxy.port), options="-c readonly_guard.purpose=TREAT", autocommit=True
    ) as session:
        assert ask(session)
        assert readiness()["ready"]
        policy_server.kill()
        assert not any(ask(session) for _ in range(10))
        assert readiness()["checks"]["policies"]
        policy_server.start()
        wait_for(True)
        assert readiness()["ready"]
        policy_server.hold()
        assert not any(ask(session) for _ in range(5))
        policy_server.process.send_signal(signal.SIGCONT)
        wait_for(True)
    assert proxy.stop() == 0
    settle(tmp_path / "journal", database.server.log(), answered=answered, refused=refused, user="alind")
