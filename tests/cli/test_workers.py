"""`readonly-guard proxy --workers N`: real workers on one port, in front of a real PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import psycopg
import pytest

from readonly_guard.audit import read_all, verify_all
from readonly_guard.domain import DecisionRecord

_READ = "SELECT name_last FROM person WHERE person_id = 900001"
_SLEEP = "SELECT count(*) FROM generate_series(1, 2000000000)"


def _connect(proxy, millennium, **options):
    return psycopg.connect(
        millennium.dsn("alind", port=proxy.port),
        options="-c readonly_guard.purpose=TREAT",
        autocommit=True,
        connect_timeout=10,
        **options,
    )


def _wait_for(condition, what: str, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.05)


@pytest.fixture
def proxy(start_proxy, guard_toml):
    return start_proxy(guard_toml(workers="count = 2", admin='socket = "admin.sock"', limits="drain_s = 2.0"))


@pytest.fixture
def status(program, proxy):
    def ask() -> dict:
        return json.loads(program("status", "--config", proxy.config, "--json").out)

    return ask


def _pids(proxy) -> dict[int, int]:
    """The pid that each worker had last."""
    return {event["worker"]: event["pid"] for event in proxy.events() if event["event"] == "worker started"}


@pytest.fixture
def sessions(proxy, millennium):
    """Opens sessions, each with one read; the system spreads them over the workers as it likes."""
    with contextlib.ExitStack() as stack:

        def open_some(count: int):
            opened = [stack.enter_context(contextlib.closing(_connect(proxy, millennium))) for _ in range(count)]
            for session in opened:
                session.execute(_READ)
            return opened

        yield open_some


class TestAtWork:
    def test_all_serve_and_are_seen_as_one(self, proxy, sessions, status, tmp_path):
        opened = sessions(12)
        whole = status()
        assert whole["readiness"]["ready"]
        assert whole["figures"]["workers"] == 2
        assert whole["figures"]["sessions_open"] == 12
        assert whole["figures"]["decisions"]["allow"][""] == 12
        assert sum(whole["figures"]["policy_revisions"].values()) == 2
        for session in opened:
            session.close()
        assert proxy.stop() == 0
        chains = sorted(path.name for path in (tmp_path / "journal").iterdir() if path.is_dir())
        assert chains == ["worker-1", "worker-2"]
        found = verify_all(tmp_path / "journal")
        assert all(chain.ok for chain in found)
        decisions = [
            entry.record for entry in read_all(tmp_path / "journal") if isinstance(entry.record, DecisionRecord)
        ]
        assert len(decisions) == 12
        served = {event["worker"] for event in proxy.events() if event["event"] == "listening"}
        assert served == {1, 2}

    def test_a_worker_that_is_killed_costs_its_sessions_only(self, proxy, sessions, status, tmp_path):
        opened = sessions(12)
        before = status()["figures"]
        pid = _pids(proxy)[1]
        os.kill(pid, signal.SIGKILL)
        proxy.wait_for("worker started", times=3)
        assert _pids(proxy)[1] != pid
        alive = 0
        for session in opened:
            try:
                session.execute(_READ)
                alive += 1
            except psycopg.OperationalError:
                session.close()
        assert 0 < alive < 12
        sessions(4)
        after = status()
        assert after["readiness"]["ready"]
        assert after["figures"]["worker_restarts"] == 1
        assert after["figures"]["decisions"]["allow"][""] == before["decisions"]["allow"][""] + alive + 4
        assert proxy.stop() == 0
        assert all(chain.ok for chain in verify_all(tmp_path / "journal"))
        decisions = [entry for entry in read_all(tmp_path / "journal") if isinstance(entry.record, DecisionRecord)]
        assert len(decisions) == 12 + alive + 4  # none lost

    def test_a_users_places_are_counted_over_all_and_free_again_when_a_worker_is_killed(
        self, start_proxy, guard_toml, millennium
    ):
        proxy = start_proxy(guard_toml(workers="count = 2", limits="connections_per_user = 6\ndrain_s = 2.0"))
        with contextlib.ExitStack() as stack:

            def fill() -> int:
                """How many more come in until nobody does."""
                for number in range(20):
                    try:
                        stack.enter_context(contextlib.closing(_connect(proxy, millennium)))
                    except psycopg.OperationalError as error:
                        assert "too many connections for this user" in str(error)
                        return number
                raise AssertionError

            assert fill() == 6
            assert fill() == fill() == 0
            for number in (1, 2):
                os.kill(_pids(proxy)[number], signal.SIGKILL)
            proxy.wait_for("worker started", times=4)
            assert fill() == 6

    def test_failed_logins_are_counted_over_all(self, proxy, millennium):
        wrong = millennium.dsn("alind", port=proxy.port).replace(millennium.password, "wrong")
        said = []
        for _ in range(12):
            with pytest.raises(psycopg.OperationalError) as refused:
                psycopg.connect(wrong, connect_timeout=10)
            said.append("RG-A07" in str(refused.value))
            if said[-1]:
                break
        assert said == [False] * 3 + [True]  # whichever worker each of them came to

    def test_a_cancel_request_reaches_the_worker_that_holds_the_session(self, proxy, millennium, status):
        for _ in range(12):  # half of the requests land on the other worker
            with _connect(proxy, millennium) as connection:
                outcome = []

                def ask(connection=connection, outcome=outcome) -> None:
                    try:
                        connection.execute(_SLEEP)
                    except psycopg.Error as error:
                        outcome.append(error)

                asking = threading.Thread(target=ask)
                asking.start()
                while asking.is_alive():
                    connection.cancel_safe(timeout=10)
                    asking.join(0.05)
                assert isinstance(outcome[0], psycopg.errors.QueryCanceled)
        cancels = status()["figures"]["cancels"]
        assert cancels["handed over"] > 0
        assert cancels["forwarded"] >= 12
        assert set(cancels) == {"handed over", "forwarded"}

    def test_a_reload_reaches_all(self, proxy, guard_toml, millennium, roster, status):
        overlay = json.loads(roster.read_text(encoding="utf-8"))
        overlay["roster"]["users"]["alind"]["revoked_at"] = "2025-01-01"
        roster.write_text(json.dumps(overlay), encoding="utf-8")
        proxy.reload()
        proxy.wait_for("reloaded", times=2)
        for _ in range(8):
            with _connect(proxy, millennium) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(_READ)
        assert list(status()["figures"]["policy_revisions"].values()) == [2]
        proxy.config.write_text("[", encoding="utf-8")
        proxy.reload()
        assert "is not valid TOML" in proxy.wait_for("reload refused")["reason"]
        with _connect(proxy, millennium) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(_READ)

    def test_a_reload_that_is_asked_for_during_another_is_not_lost(self, proxy, millennium, roster, status):
        overlay = json.loads(roster.read_text(encoding="utf-8"))
        for turn in range(3):
            overlay["roster"]["users"]["alind"]["revoked_at"] = None if turn % 2 else "2025-01-01"
            roster.write_text(json.dumps(overlay), encoding="utf-8")
            proxy.reload()
            proxy.wait_for("policies loaded", times=2 + 2 * turn + 1)  # one worker has them, the other may not yet

        def is_revoked() -> bool:
            with _connect(proxy, millennium) as connection, contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute(_READ)
                return False
            return True

        _wait_for(lambda: all(is_revoked() for _ in range(8)), "revocation")
        assert list(status()["figures"]["policy_revisions"].values()) == [2]


class TestTheEnd:
    def test_whatever_ends_the_supervisor_ends_the_workers(self, proxy, millennium):
        pids = _pids(proxy).values()
        proxy.stop(signal.SIGKILL)

        def gone() -> bool:
            states = [
                subprocess.run(
                    ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
                ).stdout
                for pid in pids
            ]
            return all(not state.strip() or state.startswith("Z") for state in states)

        _wait_for(gone, "end of the workers")


class TestItDoesNotStart:
    def test_when_a_worker_cannot_and_it_is_said_once(self, program, guard_toml):
        ended = program("proxy", "--workers", "3", "--config", guard_toml(policy='data = ["nobody.json"]'))
        assert ended.status == 2
        assert ended.err.count("error: ") == 1
        assert "nobody.json: does not exist" in ended.err

    def test_when_the_port_is_another_guards(self, program, guard_toml, proxy, tmp_path):
        config = guard_toml("other.toml", listener=f"port = {proxy.port}", journal='path = "other"')
        ended = program("proxy", "--workers", "2", "--config", config)
        assert ended.status == 2
        assert f"listener.port: 127.0.0.1:{proxy.port} is in use" in ended.err

    @pytest.mark.parametrize("count", ["0", "256"])
    def test_when_the_count_is_wrong(self, run, guard_toml, count):
        assert run("proxy", "--config", guard_toml(workers=f"count = {count}")).status == 2
        assert run("proxy", "--workers", count, "--config", guard_toml()).status == 2
