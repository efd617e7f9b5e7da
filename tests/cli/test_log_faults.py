"""The log's disk is full and freed again, and the clock jumps: nothing is released unlogged, and nothing is lost."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from readonly_guard import Guard
from readonly_guard.audit import read, verify
from readonly_guard.domain import CompletionRecord, DecisionRecord

_READ = "SELECT name_last FROM person WHERE person_id = 900001"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "readonly-guard-test", path], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a file system (root)")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def shown_in_the_end(program, config, *, status):
    """What ``readonly-guard status`` says once it ends so: what readiness has found is kept for a second."""
    for _ in range(20):
        shown = program("status", "--config", config)
        if shown.status == status:
            return shown.out
        time.sleep(0.2)
    raise AssertionError(shown)


def test_a_full_disk_denies_everything_until_it_is_freed(small_disk, start_proxy, guard_toml, program, millennium):
    config = guard_toml(journal=f'path = "{small_disk}/journal"', admin='socket = "admin.sock"')
    proxy = start_proxy(config)
    filler = small_disk / "filler"
    with psycopg.connect(
        millennium.dsn("alind", port=proxy.port), options="-c readonly_guard.purpose=TREAT", autocommit=True
    ) as connection:
        connection.execute(_READ)
        for _ in range(2):
            room = os.statvfs(small_disk)
            filler.write_bytes(bytes(room.f_bavail * room.f_frsize))
            with pytest.raises(psycopg.OperationalError, match="RG-SYS-002"):
                for _ in range(200):  # what is left of the last page
                    connection.execute(_READ)
            assert "No space left on device" in shown_in_the_end(program, config, status=1)
            filler.unlink()
            connection.execute(_READ)  # the same session, without a restart
            shown_in_the_end(program, config, status=0)
    figures = json.loads(program("status", "--config", config, "--json").out)["figures"]
    assert figures["log_failures"] >= 2
    assert proxy.stop() == 0
    assert verify(small_disk / "journal").ok
    allowed = [
        entry.record
        for entry in read(small_disk / "journal")
        if isinstance(entry.record, DecisionRecord) and not entry.record.codes
    ]
    assert len(allowed) == figures["decisions"]["allow"][""]
    completed = [entry.record for entry in read(small_disk / "journal") if isinstance(entry.record, CompletionRecord)]
    assert sorted(record.decision_id for record in completed) == sorted(record.decision_id for record in allowed)


@contextmanager
def files_do_not_grow(disk, proxy):
    """The kernel lets no file of the proxy grow: a quota, by other means."""
    size = max(item.stat().st_size for item in (disk / "journal").glob("journal-*.jsonl"))
    before = resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    yield
    resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def somebody_elses_log_rotation(disk, _proxy):
    """The log is moved away, and is put back."""
    segment = max((disk / "journal").glob("journal-*.jsonl"))
    segment.rename(segment.with_suffix(".1"))
    yield
    segment.with_suffix(".1").rename(segment)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (files_do_not_grow, "File too large"),
        (somebody_elses_log_rotation, "is gone"),
    ],
)
def test_while_the_log_cannot_be_written_nothing_reaches_the_server(
    fault, reason, small_disk, start_proxy, guard_toml, writable_millennium
):
    millennium = writable_millennium
    with psycopg.connect(millennium.admin_dsn, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {millennium.name} SET log_statement = 'all'")
    proxy = start_proxy(
        guard_toml(
            upstream=f'host = "127.0.0.1"\nport = {millennium.server.port}', journal=f'path = "{small_disk}/journal"'
        )
    )
    with psycopg.connect(
        millennium.dsn("alind", port=proxy.port), options="-c readonly_guard.purpose=TREAT", autocommit=True
    ) as connection:
        connection.execute("SELECT 1 FROM person WHERE person_id = 1111111")
        with fault(small_disk, proxy):
            for _ in range(3):
                with pytest.raises(psycopg.OperationalError, match=f"(?s)RG-SYS-002.*{reason}|{reason}.*RG-SYS-002"):
                    connection.execute("SELECT 1 FROM person WHERE person_id = 2222222")
        connection.execute("SELECT 1 FROM person WHERE person_id = 3333333")
    assert proxy.stop() == 0
    given = millennium.server.log()
    assert "1111111" in given
    assert "2222222" not in given
    assert "3333333" in given
    assert verify(small_disk / "journal").ok
    verdicts = [entry.record for entry in read(small_disk / "journal") if isinstance(entry.record, DecisionRecord)]
    assert {record.verdict for record in verdicts} == {"allow"}


def test_a_crowd_that_has_not_said_who_it_is_leaves_the_log_its_next_segment(
    start_proxy, guard_toml, millennium, program, tmp_path
):
    config = guard_toml(
        journal='path = "journal"\nsegment_mb = 1', admin='socket = "admin.sock"', logging='level = "warning"'
    )
    proxy = start_proxy(config)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (160, 160))
    proxy.reload()
    assert proxy.wait_for("too few file descriptors for limits.connections; raise LimitNOFILE (systemd) or ulimit -n")

    def session():
        return psycopg.connect(
            millennium.dsn("alind", port=proxy.port), options="-c readonly_guard.purpose=TREAT", autocommit=True
        )

    with session() as connection, ExitStack() as crowd:
        for _ in range(400):
            crowd.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
        shown = json.loads(program("status", "--config", config, "--json").out)["figures"]
        assert shown["limits"]["descriptors"] > 200
        with pytest.raises(psycopg.OperationalError):
            session()
        while len(list((tmp_path / "journal").glob("journal-*.jsonl"))) < 2:
            connection.execute(_READ)
        crowd.close()
        with session() as another:
            another.execute(_READ)
    assert proxy.stop() == 0
    assert verify(tmp_path / "journal").ok


def test_a_clock_that_jumps_breaks_no_chain_and_loosens_no_decision(tmp_path):
    now = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    with Guard.open(journal=tmp_path, clock=lambda: now[0], durability="buffered") as guard:
        verdicts = []
        for jump in (
            timedelta(),
            timedelta(days=-3650),
            timedelta(days=9000),
            timedelta(hours=-1),
            timedelta(days=-5350),
        ):
            now[0] += jump
            verdicts.append(guard.check("DELETE FROM person", subject="nobody").allowed)
    assert not any(verdicts)
    assert verify(tmp_path).ok
    times = [entry.record.time for entry in read(tmp_path) if isinstance(entry.record, DecisionRecord)]
    assert len(times) == 5
    assert times != sorted(times)  # they are what the clock said; the order is the chain's
