"""`readonly-guard status` against a running proxy, and against none."""

from __future__ import annotations

import json
import socket

import psycopg
import pytest

_READ = "SELECT name_last FROM person WHERE person_id = 900001"


@pytest.fixture
def proxy(start_proxy, guard_toml):
    running = start_proxy(guard_toml(admin='socket = "admin.sock"'))
    running.wait_for("admin listening")
    return running


def test_a_guard_at_work(proxy, millennium, program, tmp_path):
    with psycopg.connect(
        millennium.dsn("alind", port=proxy.port), options="-c readonly_guard.purpose=TREAT", autocommit=True
    ) as connection:
        connection.execute(_READ)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM person WHERE name_last = 'Svartvik'")
        shown = program("status", "--config", proxy.config)
        told = program("status", "--address", tmp_path / "admin.sock", "--json")
    assert (shown.status, told.status) == (0, 0)
    for words in ("ready", "1 allowed, 1 denied", "RG-W05", "1 open, 0 starting", "1 worker", "records; "):
        assert words in shown.out
    whole = json.loads(told.out)
    assert whole["figures"]["decisions"] == {"allow": {"": 1}, "deny": {"RG-W05": 1}}
    assert whole["figures"]["log_records"] >= 3
    assert whole["readiness"] == {"ready": True, "checks": {"log": "", "policies": "", "server": ""}}
    assert "Svartvik" not in told.out + shown.out + proxy.said()
    told = proxy.wait_for("statement denied")
    assert set(told) == {"event", "level", "timestamp", "session_id", "decision_id", "phase", "codes"}


def test_a_log_that_went_away(proxy, program, tmp_path):
    (segment,) = (tmp_path / "journal").glob("journal-*.jsonl")
    segment.rename(tmp_path / "aside.jsonl")
    shown = program("status", "--config", proxy.config)
    assert shown.status == 1
    assert "not ready" in shown.out
    assert f"{segment.name} is gone" in shown.out
    (tmp_path / "aside.jsonl").rename(segment)


def test_plain_lines_for_people(start_proxy, guard_toml):
    proxy = start_proxy(guard_toml(logging='format = "console"\nlevel = "warning"'))
    assert proxy.stop() == 0
    assert "policies loaded" not in proxy.said()


class TestMistakes:
    def test_nobody_answers(self, program, guard_toml):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        ended = program("status", "--address", f"127.0.0.1:{port}")
        assert ended.status == 3
        assert ended.err == f"no guard answers at 127.0.0.1:{port} (ConnectionRefusedError); is it running?\n"

    def test_somebody_else_answers(self, program, proxy):
        ended = program("status", "--address", f"127.0.0.1:{proxy.port}")  # speaks PostgreSQL, not HTTP
        assert ended.status == 3

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "give one of --config guard.toml and --address"),
            (("--address", "nowhere"), "it is HOST:PORT, or the path of a unix socket"),
            (("--address", "localhost:http"), "it is HOST:PORT, or the path of a unix socket"),
        ],
    )
    def test_arguments(self, run, arguments, said):
        ended = run("status", *arguments)
        assert ended.status == 2
        assert said in " ".join(ended.err.split())

    def test_a_configuration_without_it(self, run, guard_toml):
        ended = run("status", "--config", guard_toml())
        assert ended.status == 2
        assert "admin.port and admin.socket are not set" in " ".join(ended.err.split())
