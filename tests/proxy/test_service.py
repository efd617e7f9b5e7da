"""The running program: signals, reload, the end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

PROGRAM = """
import sys
from readonly_guard.domain import Analysis, Decision, Declared, Subject, Verdict
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import JournalSettings, ListenerSettings, Settings, UpstreamSettings
from readonly_guard_proxy.service import run

class Judgement:
    def __init__(self, parameters):
        self.forward = {**parameters, "default_transaction_read_only": "on"}
        self.declared, self.reasons = Declared(), ()

class Guard:
    def find_precedent(self, asker, phase, text, parameters): return None
    def decide_soon(self, request, then): return False
    async def decide(self, request):
        return Decision(decision_id="d", verdict=Verdict.ALLOW, analysis=Analysis(), action="read")
    policy_revision = "r"
    def watch_log(self, watch): pass
    def check_log(self): pass
    async def check_policies(self): pass
    def identify(self, login): return Subject(id=login.user)
    async def refuse(self, request, code, what): raise NotImplementedError
    def ended(self, decision_id, rows, bytes_sent, duration_us, sqlstate): pass
    def session_event(self, event, session, subject, *, codes=(), detail=""): pass
    def read_with(self, reader): print("workers", flush=True)
    async def aclose(self): print("closed", flush=True)

async def reload():
    print("reload", flush=True)
    raise ConfigurationError("policies/x.rego: line 1: not Rego")

tether = int(sys.argv[2]) if len(sys.argv) > 2 else None
settings = Settings(
    upstream=UpstreamSettings(host=sys.argv[1]), journal=JournalSettings(path="x"), listener=ListenerSettings(port=0)
)
run(settings, Guard(), judge=Judgement, ready=lambda port: print(port, flush=True), reload=reload,
    tether=tether)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_serves_reloads_and_stops(postgres, number) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(Path(postgres).parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        try:
            lines = iter(program.stdout.readline, "")
            port = next(line for line in lines if line.strip().isdigit()).strip()
            with psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres") as connection:
                assert connection.execute("select 1").fetchone() == (1,)
                program.send_signal(signal.SIGHUP)
                assert next(line for line in lines if line == "reload\n")
                refused = next(lines)
                assert "reload refused" in refused
                assert "line 1" in refused
                assert connection.execute("select 2").fetchone() == (2,)
                connection.commit()
                began = time.monotonic()
                program.send_signal(number)
                with pytest.raises(psycopg.OperationalError, match="shutting down|closed the connection"):
                    while True:
                        connection.execute("select 3")
                        time.sleep(0.01)
            rest = "".join(lines)
            assert rest.endswith("closed\n")
            assert "Traceback" not in rest
            assert program.wait(9) == 0
            assert time.monotonic() - began < 9
        finally:
            program.kill()


def test_one_of_several_shows_that_it_lives_once_it_serves_and_ends_with_who_started_it(postgres) -> None:
    ours, theirs = socket.socketpair()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(Path(postgres).parent), str(theirs.fileno())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[theirs.fileno()],
    ) as program:
        try:
            theirs.close()
            ours.settimeout(60)
            assert ours.recv(10) == b"."
            assert any(line.strip().isdigit() for line in iter(program.stdout.readline, "closed\n"))
            ours.close()
            rest = program.stdout.read()
            assert "the supervisor is gone" in rest
            assert "Traceback" not in rest
            assert program.wait(5) == 0
        finally:
            program.kill()
