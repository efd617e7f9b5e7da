"""`readonly-guard proxy` as a process of its own, in front of a real PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
import trustme

from readonly_guard.audit import read, verify
from readonly_guard.domain import CompletionRecord, DecisionRecord, SessionRecord

_READ = "SELECT name_last FROM person WHERE person_id = 900001"


def _connect(proxy, millennium, **options):
    declared = options.pop("options", "-c readonly_guard.purpose=TREAT")
    return psycopg.connect(
        millennium.dsn("alind", port=proxy.port), options=declared, autocommit=True, connect_timeout=10, **options
    )


@pytest.fixture
def policy_of(policies, roster):
    """The settings' section for policies that a test may change."""
    return f'source = "{policies}"\ndata = ["{roster}"]'


class TestALife:
    def test_from_start_to_sigterm(self, start_proxy, guard_toml, millennium, tmp_path):
        proxy = start_proxy(guard_toml(limits="drain_s = 60.0"))
        assert proxy.greeting == f"listening on 127.0.0.1:{proxy.port}"
        with _connect(proxy, millennium) as connection:
            assert len(connection.execute(_READ).fetchall()) == 1
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05"):
                connection.execute("DELETE FROM person WHERE name_last = 'Svartvik'")
            assert connection.execute("SELECT 'Svartvik'").fetchone() == ("Svartvik",)  # the session lives on
        assert proxy.stop() == 0  # long before it would cut off a statement

        assert proxy.process.stdout.read() == ""
        events = proxy.events()
        assert all({"event", "level", "timestamp"} <= set(event) for event in events)
        for secret in ("Svartvik", "DELETE", "SELECT", "name_last", millennium.password):
            assert secret not in proxy.said()

        journal = tmp_path / "journal"
        assert verify(journal).ok
        records = [entry.record for entry in read(journal)]
        assert any(isinstance(record, DecisionRecord) and record.codes == ("RG-W05",) for record in records)
        assert any(isinstance(record, CompletionRecord) and record.rows == 1 for record in records)
        assert any(isinstance(record, SessionRecord) and record.event == "closed" for record in records)

    def test_ctrl_c_ends_it_and_a_client_that_is_idle(self, start_proxy, guard_toml, millennium, tmp_path):
        proxy = start_proxy(guard_toml())
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
            assert proxy.stop(signal.SIGINT) == 0
            with pytest.raises(psycopg.OperationalError):
                connection.execute(_READ)
        assert "Traceback" not in proxy.said()
        records = [entry.record for entry in read(tmp_path / "journal")]
        assert any(isinstance(record, CompletionRecord) for record in records)
        assert isinstance(records[-1], SessionRecord)

    def test_a_second_one_on_the_same_journal_does_not_start(
        self, start_proxy, guard_toml, program, millennium, tmp_path
    ):
        config = guard_toml()
        proxy = start_proxy(config)
        ended = program("proxy", "--config", config)
        assert ended.status == 2
        assert ended.out == ""
        assert ended.err.startswith(f"error: journal.path: {tmp_path / 'journal'} is being written by another guard; ")
        assert ended.err.count("\n") == 1
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)

    def test_killed_and_with_a_torn_tail_it_starts_and_says_so(self, start_proxy, guard_toml, millennium, tmp_path):
        config = guard_toml()
        proxy = start_proxy(config)
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
        proxy.process.kill()
        proxy.process.wait()
        (segment,) = (tmp_path / "journal").glob("journal-*.jsonl")
        with segment.open("ab") as file:
            file.write(b'{"seq":')
        proxy = start_proxy(config)
        told = proxy.wait_for("the log had a torn tail, which was set aside")
        assert told["level"] == "warning"
        assert told["file"] == f"{segment.name}.torn-1"
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
        assert proxy.stop() == 0
        assert verify(tmp_path / "journal").ok
        proxy = start_proxy(config)
        assert "torn" not in proxy.said()  # told once


class TestTheServer:
    def test_that_cannot_be_reached_and_then_can(self, start_proxy, guard_toml, millennium, tmp_path):
        sockets = tmp_path / "s"
        sockets.mkdir()
        proxy = start_proxy(guard_toml(upstream=f'host = "{sockets}"\nport = 5432'))
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError) as caught:
                _connect(proxy, millennium)
            assert "FATAL:  readonly-guard: the database server cannot be reached" in str(caught.value)
            assert "call operations" in str(caught.value)
            assert str(sockets) not in str(caught.value)
        assert proxy.process.poll() is None
        assert proxy.wait_for("server not reached", times=2)["level"] == "error"
        server = millennium.server
        (sockets / ".s.PGSQL.5432").symlink_to(server.socket_dir / f".s.PGSQL.{server.port}")
        with _connect(proxy, millennium) as connection:
            assert len(connection.execute(_READ).fetchall()) == 1


def preparing(proxy) -> int:
    """The process that prepares policies for a reload, as soon as there is one."""
    children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for pid in map(int, children.read_text(encoding="ascii").split()):
            with contextlib.suppress(OSError):
                if b"readonly_guard.policy.maker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        time.sleep(0.001)
    raise AssertionError("no policies are prepared")


class TestReload:
    def test_a_good_change_takes_effect(self, start_proxy, guard_toml, millennium, policy_of, roster):
        proxy = start_proxy(guard_toml(policy=policy_of))
        before = proxy.wait_for("policies loaded")["revision"]
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
            overlay = json.loads(roster.read_text(encoding="utf-8"))
            overlay["roster"]["users"]["alind"]["revoked_at"] = "2025-01-01"
            roster.write_text(json.dumps(overlay), encoding="utf-8")
            connection.execute(_READ)  # not before it is told to
            proxy.reload()
            assert proxy.wait_for("policies loaded", times=2)["revision"] != before
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-R"):
                connection.execute(_READ)
        assert proxy.stop() == 0

    def test_sessions_are_served_while_it_is_prepared_and_one_that_dies_changes_nothing(
        self, start_proxy, guard_toml, millennium, policy_of, roster
    ):
        proxy = start_proxy(guard_toml(policy=policy_of))
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
            overlay = json.loads(roster.read_text(encoding="utf-8"))
            overlay["roster"]["users"]["alind"]["revoked_at"] = "2025-01-01"
            roster.write_text(json.dumps(overlay), encoding="utf-8")
            proxy.reload()
            os.kill(preparing(proxy), signal.SIGKILL)
            assert "the process that loaded the policies failed" in proxy.wait_for("reload refused")["reason"]
            connection.execute(_READ)
            proxy.reload()
            held = preparing(proxy)
            os.kill(held, signal.SIGSTOP)
            for _ in range(100):
                connection.execute(_READ)  # by what is in force
            os.kill(held, signal.SIGCONT)
            proxy.wait_for("reloaded")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-R"):
                connection.execute(_READ)
        assert proxy.stop() == 0

    def test_what_does_not_load_changes_nothing(self, start_proxy, guard_toml, millennium, policies, policy_of):
        proxy = start_proxy(guard_toml(policy=policy_of))
        faults = (
            (
                "readonly_guard/print/print.rego",
                "package readonly_guard.print\n\ndeny contains x if {\n",
                "print.rego:",
            ),
            ("routine/data.json", '{"id": ', "routine/data.json:1:"),
            ("../roster.json", "[]", "roster.json: "),
            ("npo/data.json", '{"purposes": [], "sets": {}}', "policies: the case what NPÖ shows: warn is []"),
            ("../guard.toml", "[listener]\nport = 'x'", "guard.toml: "),
            ("../guard.toml", "[", "guard.toml: "),
        )
        with _connect(proxy, millennium) as connection:
            for times, (file, text, place) in enumerate(faults, start=1):
                path = policies / file
                good = path.read_text(encoding="utf-8")
                path.write_text(text, encoding="utf-8")
                proxy.reload()
                told = proxy.wait_for("reload refused", times)
                assert told["level"] == "error"
                assert place in told["reason"]
                path.write_text(good, encoding="utf-8")
                connection.execute(_READ)
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-X01"):
                    connection.execute(f"COPY ({_READ}) TO STDOUT")
            proxy.reload()
            proxy.wait_for("reloaded")
            connection.execute(_READ)
        assert proxy.stop() == 0

    def test_a_changed_file_is_loaded_without_being_told_to(
        self, start_proxy, guard_toml, millennium, policy_of, roster
    ):
        proxy = start_proxy(guard_toml(policy=f"{policy_of}\nwatch_s = 0.1"))
        before = proxy.wait_for("policies loaded")["revision"]
        overlay = json.loads(roster.read_text(encoding="utf-8"))
        overlay["roster"]["users"]["alind"]["revoked_at"] = "2025-01-01"
        roster.write_text(json.dumps(overlay), encoding="utf-8")
        assert proxy.wait_for("policies loaded", times=2)["revision"] != before
        with _connect(proxy, millennium) as connection, pytest.raises(psycopg.Error, match="RG-R01"):
            connection.execute(_READ)
        assert proxy.stop() == 0

    def test_one_that_is_asked_for_before_the_proxy_is_up_comes_then(self, guard_toml, tmp_path):
        config, written = tmp_path / "pipe.toml", guard_toml().read_text(encoding="utf-8")
        os.mkfifo(config)

        def tell(meanwhile=lambda: None) -> None:
            """Give the settings to who is reading them, and who reads next another pipe."""
            with config.open("w", encoding="utf-8") as pipe:
                os.mkfifo(tmp_path / "next.toml")
                (tmp_path / "next.toml").rename(config)
                meanwhile()
                pipe.write(written)

        with subprocess.Popen(
            [sys.executable, "-m", "readonly_guard_cli", "proxy", "--config", config],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as program:
            too_late = threading.Timer(60, program.kill)
            too_late.start()
            try:
                tell(lambda: program.send_signal(signal.SIGHUP))
                tell()  # it reads them twice
                threading.Thread(target=tell, daemon=True).start()  # and for the reload, if it comes to that
                assert any('"reloaded"' in line for line in program.stderr)
                program.send_signal(signal.SIGTERM)
                assert program.wait(10) == 0
            finally:
                too_late.cancel()
                program.kill()

    def test_certificates_with_the_rest_or_not_at_all(
        self, start_proxy, guard_toml, millennium, tmp_path, policy_of, roster, issue
    ):
        def connect(root):
            return _connect(proxy, millennium, host="localhost", sslmode="verify-full", sslrootcert=str(root))

        first = issue("guard")
        tls = 'port = 0\ntls = { certificate = "guard.pem", key = "guard.key" }'
        proxy = start_proxy(guard_toml(listener=tls, policy=policy_of))
        revision = proxy.wait_for("policies loaded")["revision"]
        with connect(first) as connection:
            connection.execute(_READ)
            second = issue("guard")
            key = tmp_path / "guard.key"
            good = key.read_bytes()
            key.write_bytes(b"")
            overlay = json.loads(roster.read_text(encoding="utf-8"))
            overlay["roster"]["users"]["another"] = overlay["roster"]["users"]["alind"]
            roster.write_text(json.dumps(overlay), encoding="utf-8")
            proxy.reload()
            assert "listener.tls.certificate: " in proxy.wait_for("reload refused")["reason"]
            assert len([event for event in proxy.events() if event["event"] == "policies loaded"]) == 1
            with connect(first) as another:
                another.execute(_READ)
            key.write_bytes(good)
            proxy.reload()
            proxy.wait_for("reloaded")
            assert proxy.wait_for("policies loaded", times=2)["revision"] != revision
            with connect(second) as another:
                another.execute(_READ)
            with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
                connect(first)
            connection.execute(_READ)
        assert proxy.stop() == 0
        assert "BEGIN" not in proxy.said()

    def test_of_settings_says_what_waits_for_the_next_start(self, start_proxy, guard_toml, millennium):
        proxy = start_proxy(guard_toml())
        with _connect(proxy, millennium):
            reading = "workers = 1\ndeadline_s = 20.0\npatience_s = 60.0"
            guard_toml(limits="connections = 1\ndrain_s = 1.5\ntokens = 9", listener="port = 1", reading=reading)
            proxy.reload()
            assert proxy.wait_for("reloaded")["changed"] == ["limits.drain_s", "limits.connections"]
            told = proxy.wait_for("settings changed that take effect at the next start")
            assert told["settings"] == ["listener.port", "reading.search_path", "reading.workers", "limits.tokens"]
            with pytest.raises(psycopg.OperationalError, match=r"too many connections\b"):
                _connect(proxy, millennium)
        assert proxy.stop() == 0


class TestDraining:
    """SIGTERM: idle sessions end at once, statements may end within limits.drain_s."""

    _SLEEP = "SELECT count(*) FROM generate_series(1, 20000000)"

    def _under_way(self, connection):
        began = threading.Event()
        outcome: list[object] = []

        def ask() -> None:
            began.set()
            try:
                outcome.append(connection.execute(self._SLEEP).fetchone())
            except psycopg.Error as error:
                outcome.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        began.wait()
        return asking, outcome

    def _wait_until_it_runs(self, millennium):
        deadline = time.monotonic() + 10
        with psycopg.connect(millennium.admin_dsn, autocommit=True) as watching:
            while time.monotonic() < deadline:
                found = watching.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = %s", [self._SLEEP]
                ).fetchone()
                if found:
                    return
                time.sleep(0.02)
        raise AssertionError("the statement does not run")

    def test_a_statement_that_ends_in_time_is_answered(self, start_proxy, guard_toml, millennium, tmp_path):
        proxy = start_proxy(guard_toml(limits="drain_s = 60.0"))
        with _connect(proxy, millennium) as busy, _connect(proxy, millennium) as idle:
            asking, outcome = self._under_way(busy)
            self._wait_until_it_runs(millennium)
            proxy.process.send_signal(signal.SIGTERM)
            with pytest.raises(psycopg.OperationalError, match="shutting down|closed the connection"):
                while True:
                    idle.execute(_READ)
            asking.join()
            assert outcome == [(20_000_000,)]
        assert proxy.process.wait(10) == 0
        assert verify(tmp_path / "journal").ok

    def test_one_that_does_not_is_cut_off(self, start_proxy, guard_toml, millennium, tmp_path):
        proxy = start_proxy(guard_toml(limits="drain_s = 0.2"))
        with _connect(proxy, millennium) as busy:
            asking, outcome = self._under_way(busy)
            self._wait_until_it_runs(millennium)
            assert proxy.stop() == 0
            asking.join()
            assert isinstance(outcome[0], psycopg.errors.AdminShutdown)
        assert proxy.wait_for("sessions cut off")["sessions"] == 1
        records = [entry.record for entry in read(tmp_path / "journal")]
        assert any(isinstance(record, CompletionRecord) and record.sqlstate == "08006" for record in records)


def test_systemd_is_told(guard_toml, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)

        def told() -> str:
            while (text := manager.recv(4096).decode()) == "WATCHDOG=1":
                continue
            return text.splitlines()[0]

        environment = {**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "100000"}
        config = guard_toml()
        with (tmp_path / "log").open("wb") as log:
            program = subprocess.Popen(
                [sys.executable, "-m", "readonly_guard_cli", "proxy", "--config", config],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            assert told() == "READY=1"
            assert manager.recv(4096) == b"WATCHDOG=1"
            program.send_signal(signal.SIGHUP)
            assert (told(), told()) == ("RELOADING=1", "READY=1")
            config.write_text("[", encoding="utf-8")
            program.send_signal(signal.SIGHUP)
            assert (told(), told()) == ("RELOADING=1", "READY=1")  # refused: what was in force serves on
            program.send_signal(signal.SIGTERM)
            assert told() == "STOPPING=1"
            assert program.wait(10) == 0
        finally:
            program.kill()
            program.wait()


class TestCertificates:
    """A SITHS card is stronger than a password, and the policy hears of it."""

    HSA_ID = "SE1234567890-P000000000001"

    @pytest.fixture
    def demanding(self, policies, roster):
        """The policies' section, with the demand for level 3."""
        demands = json.loads((policies / "demands" / "data.json").read_text(encoding="utf-8"))
        demands["assurance"]["level"] = 3
        (policies.parent / "demands.json").write_text(json.dumps({"demands": demands}), encoding="utf-8")
        return f'source = "{policies}"\ndata = ["{roster}", "demands.json"]'

    def test_whose_it_is_and_what_it_is_worth(self, start_proxy, guard_toml, millennium, issue, demanding, tmp_path):
        root, people = issue("guard"), trustme.CA()
        people.cert_pem.write_to_path(tmp_path / "people.pem")
        card = people.issue_cert("anna@region.example", common_name=self.HSA_ID)
        card.private_key_and_cert_chain_pem.write_to_path(tmp_path / "card.pem")
        (tmp_path / "card.pem").chmod(0o600)
        config = guard_toml(
            policy=demanding,
            listener='port = 0\ntls = { certificate = "guard.pem", key = "guard.key", client_ca = "people.pem" }',
            plugins='load = ["identity_certificate"]',
            identity=(
                f'users = {{ "{self.HSA_ID}" = ["alind"] }}\n'
                '[[identity.certificates]]\nfield = "commonName"\nassurance_level = 3'
            ),
        )
        proxy = start_proxy(config)
        shown = {"sslmode": "verify-full", "sslrootcert": str(root), "host": "localhost"}
        card = {"sslcert": str(tmp_path / "card.pem"), "sslkey": str(tmp_path / "card.pem")}
        with _connect(proxy, millennium, **shown, **card) as connection:
            connection.execute(_READ)
        with _connect(proxy, millennium, **shown) as connection:  # a password is enough to get in, but not to read
            connection.execute("SELECT 1")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="RG-A01"):
                connection.execute(_READ)
        with pytest.raises(psycopg.OperationalError, match=r"does not belong to the user \(RG-A04\)"):
            psycopg.connect(millennium.dsn("bberg", port=proxy.port), **shown, **card)
        assert proxy.stop() == 0
        records = [entry.record for entry in read(tmp_path / "journal")]
        sessions = [(each.event, each.subject, each.codes) for each in records if isinstance(each, SessionRecord)]
        assert ("refused", "bberg", ("RG-A04",)) in sessions
        details = [each.detail for each in records if isinstance(each, SessionRecord) and each.event == "opened"]
        assert details == ["authentication: certificate", "authentication: scram-sha-256"]
        assert self.HSA_ID not in proxy.said()


class TestSecrets:
    """Canaries: passwords that must be nowhere but where they were put."""

    CANARY = "kanariefågel-7"

    def test_are_in_no_log_no_record_no_title_and_no_error(
        self, start_proxy, guard_toml, program, millennium, tmp_path, roster
    ):
        service = tmp_path / "service.txt"
        service.touch(0o600)
        service.write_text(f"{millennium.password}\n", encoding="utf-8")
        users = tmp_path / "users.txt"
        typed = f"{self.CANARY}\n".encode()
        assert program("users", "add", "alind", "--file", users, stdin=typed).status == 0
        config = guard_toml(
            authentication='mode = "guard"\nusers = "users.txt"',
            upstream=(
                f'host = "127.0.0.1"\nport = {millennium.server.port}\n'
                'login = { user = "alind", password_file = "service.txt" }'
            ),
        )
        proxy = start_proxy(config)
        where = f"host=127.0.0.1 port={proxy.port} user=alind dbname={millennium.name}"
        declared = {"options": "-c readonly_guard.purpose=TREAT", "autocommit": True}
        with psycopg.connect(where, password=self.CANARY, **declared) as connection:
            connection.execute(_READ)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("ALTER ROLE alind PASSWORD 'kanariefågel-7'")
        told = []
        for password in (f"{self.CANARY}x", "", self.CANARY * 100):
            with pytest.raises(psycopg.OperationalError) as caught:
                psycopg.connect(where, password=password, **declared)
            told.append(str(caught.value))
        service.write_text(f"{self.CANARY}-service\n", encoding="utf-8")
        proxy.reload()
        proxy.wait_for("reloaded")
        with pytest.raises(psycopg.OperationalError) as caught:  # a wait, or the guard is not let in
            psycopg.connect(where, password=self.CANARY, **declared)
        told.append(str(caught.value))
        users.write_text(f'"alind" "{self.CANARY}"', encoding="utf-8")
        proxy.reload()
        assert "line 1: is not a SCRAM-SHA-256 verifier" in proxy.wait_for("reload refused")["reason"]
        title = Path(f"/proc/{proxy.process.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{proxy.process.pid}/environ").read_bytes()
        assert proxy.stop() == 0
        journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").iterdir())
        everything = b"".join([title, environment, journal, proxy.said().encode(), *(each.encode() for each in told)])
        for secret in (self.CANARY, "kanarief", millennium.password, "StoredKey", "SCRAM-SHA-256$"):
            assert secret.encode() not in everything, secret
        assert b"alind" in journal


class TestItDoesNotStart:
    """One line on standard error that says what and what to do, exit status 2, nothing on standard output."""

    @pytest.fixture
    def refusal(self, program):
        def start(config) -> str:
            ended = program("proxy", "--config", config)
            assert ended.status == 2
            assert ended.out == ""
            *events, line = ended.err.splitlines()
            assert all(json.loads(event)["level"] == "info" for event in events)
            assert line.startswith("error: ")
            return line

        return start

    def test_when_the_port_is_in_use(self, refusal, guard_toml):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = refusal(guard_toml(listener=f"port = {port}"))
        assert f"listener.port: 127.0.0.1:{port} is in use; " in said
        assert "choose another listener.port" in said

    def test_when_the_address_is_not_this_machines(self, refusal, guard_toml):
        assert "listener.host: 192.0.2.1 is not an address of this machine" in refusal(
            guard_toml(listener='host = "192.0.2.1"\nport = 0')
        )

    @pytest.mark.parametrize(
        ("sections", "said"),
        [
            ({"listner": "port = 0"}, "unknown key 'listner'; did you mean 'listener'?"),
            ({"listener": "prot = 0"}, "unknown key 'listener.prot'; did you mean 'port'?"),
            ({"listener": "port ="}, "is not valid TOML"),
            ({"plugins": 'load = ["nosuch"]'}, "nosuch"),
            ({"listener.tls": 'certificate = "no.pem"\nkey = "no.key"'}, "no.pem cannot be read: No such file"),
        ],
    )
    def test_when_the_configuration_is_wrong(self, refusal, guard_toml, sections, said):
        assert said in refusal(guard_toml(**sections))

    def test_without_a_configuration(self, refusal, program, tmp_path):
        assert "cannot be read" in refusal(tmp_path / "nowhere.toml")
        assert program("proxy").status == 2

    @pytest.mark.parametrize("fault", ["deny contains {\n", "deny contains nosuch(1)\n", "deny contains reason\n"])
    def test_when_a_policy_does_not_compile(self, refusal, guard_toml, policies, policy_of, fault):
        path = policies / "readonly_guard" / "roster" / "roster.rego"
        lines = path.read_text(encoding="utf-8").count("\n")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{fault}")
        said = refusal(guard_toml(policy=policy_of))
        place = re.search(r"readonly_guard/roster/roster\.rego:(\d+):\d+: ", said)
        assert place is not None
        assert int(place[1]) in {lines + 2, lines + 3}

    def test_when_the_data_is_not_there(self, refusal, guard_toml, tmp_path):
        assert f"{tmp_path}/nobody.json: does not exist" in refusal(guard_toml(policy='data = ["nobody.json"]'))

    def test_when_the_log_cannot_be_written(self, refusal, guard_toml):
        said = refusal(guard_toml(journal='path = "guard.toml/journal"'))
        assert "guard.toml/journal cannot be written (Not a directory)" in said
        assert "name a directory that this user may write" in said

    def test_when_the_log_was_tampered_with(self, start_proxy, refusal, guard_toml, millennium, tmp_path):
        config = guard_toml()
        proxy = start_proxy(config)
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
        assert proxy.stop() == 0
        (segment,) = (tmp_path / "journal").glob("journal-*.jsonl")
        segment.write_bytes(segment.read_bytes().replace(b"alind", b"osund", 1))
        assert f"readonly-guard audit verify {tmp_path / 'journal'}" in refusal(config)


class TestItsWorkers:
    """Texts that are new are read in processes of their own; the log tells which."""

    @staticmethod
    def _is_gone(pid) -> bool:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return not state.stdout.strip() or state.stdout.startswith("Z")

    def _wait_until_gone(self, pids) -> None:
        deadline = time.monotonic() + 10
        while not all(self._is_gone(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert all(self._is_gone(pid) for pid in pids)

    def test_may_hang_and_are_replaced(self, start_proxy, guard_toml, millennium):
        section = 'search_path = ["millennium", "public"]\nworkers = 1\ndeadline_s = 0.5'
        proxy = start_proxy(guard_toml(reading=section))
        (pid,) = proxy.wait_for("reading workers started")["pids"]
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
            os.kill(pid, signal.SIGSTOP)
            connection.execute(_READ)  # known
            with pytest.raises(psycopg.errors.StatementTooComplex, match="RG-T04"):
                connection.execute("SELECT 'Svartvik' AS name_last")
            assert proxy.wait_for("reading worker lost")["pid"] == pid
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                try:
                    assert connection.execute("SELECT 'Svartvik' AS name_last").fetchone() == ("Svartvik",)
                    break
                except psycopg.errors.StatementTooComplex:
                    continue  # its successor is starting
            else:
                raise AssertionError("no new worker")
        assert proxy.stop() == 0
        assert "Svartvik" not in proxy.said()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    def test_end_with_it(self, start_proxy, guard_toml, number):
        proxy = start_proxy(guard_toml())
        pids = proxy.wait_for("reading workers started")["pids"]
        assert len(pids) == 2
        assert not any(self._is_gone(pid) for pid in pids)
        assert proxy.stop(number) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        self._wait_until_gone(pids)

    def test_may_be_none(self, start_proxy, guard_toml, millennium):
        proxy = start_proxy(guard_toml(reading='search_path = ["millennium", "public"]\nworkers = 0'))
        assert not [event for event in proxy.events() if "reading" in event["event"]]
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
        assert proxy.stop() == 0
