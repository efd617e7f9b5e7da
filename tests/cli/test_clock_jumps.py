"""The clock of the running guard jumps by years and back: decisions follow it, nothing else does.

libfaketime shifts CLOCK_REALTIME for the guard's processes, as whoever sets a machine's clock does, and leaves
CLOCK_MONOTONIC alone, as the kernel does.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import psycopg
import pytest
from accounts import marked, settle
from restartable_server import RestartableServer

from readonly_guard.audit import read
from readonly_guard.domain import DecisionRecord
from readonly_guard_cli.demo import install

_READ = "SELECT name_last AS {} FROM person WHERE person_id = 900001"
_SLOW = "SELECT count(*) FROM generate_series(1, 30000000)"


@pytest.fixture(scope="module")
def database():
    with RestartableServer() as server:
        yield install(server)


@pytest.fixture
def clock(request, tmp_path):
    """Set the guard's clock; and the environment of a guard that goes by it."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        missing = pytest.fail if request.config.getoption("--require-faketime") else pytest.skip
        missing("no libfaketime: apt-get install faketime")
    offset = tmp_path / "offset"

    def turn(by: str) -> None:
        offset.with_suffix(".new").write_text(f"{by}\n", encoding="utf-8")
        offset.with_suffix(".new").rename(offset)  # never half a file

    turn("+0")
    turn.environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # its name before 0.9.8
    }
    return turn


def test_decisions_follow_the_clock_and_nothing_else_breaks(
    clock, database, guard_toml, start_proxy, program, tmp_path
):
    assert program("audit", "keygen", tmp_path / "signing.key").status == 0
    proxy = start_proxy(
        guard_toml(
            upstream=f'host = "127.0.0.1"\nport = {database.server.port}',
            admin='socket = "admin.sock"',
            limits="idle_timeout_s = 60.0\nstatement_timeout_s = 60.0\nidle_in_transaction_timeout_s = 60.0",
            journal='path = "journal"\nsegment_hours = 1\nsigning_key = "signing.key"',
        ),
        **clock.environment,
    )
    answered, refused, outcomes = [], [], []
    with psycopg.connect(
        database.dsn("alind", port=proxy.port), options="-c readonly_guard.purpose=TREAT", autocommit=True
    ) as session:
        for by in ("+0", "+100y", "+0", "-30y", "+0", "+10", "-10", "+0"):
            clock(by)
            text, mark = marked(_READ)
            try:
                session.execute(text)
            except psycopg.errors.InsufficientPrivilege as denied:
                outcomes.append(str(denied).partition("(")[2].partition(")")[0])
                refused.append(mark)
            else:
                outcomes.append("allowed")
                answered.append(mark)
            write, mark = marked("DELETE FROM {}")
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05"):
                session.execute(write)
            refused.append(mark)
            time.sleep(1.2)  # deadlines are looked at once a second
        jumping = threading.Timer(0.1, clock, ("+100y",))
        jumping.start()
        session.execute(_SLOW)  # the statement that is under way goes on
        jumping.join()
        clock("+0")
        session.execute("SELECT 1")
    figures = json.loads(program("status", "--config", proxy.config, "--json").out)["figures"]
    assert figures["deadlines"] == {}
    assert proxy.stop() == 0
    assert outcomes == ["allowed", "RG-V02", "allowed", "RG-R01", "allowed", "allowed", "allowed", "allowed"]

    settle(tmp_path / "journal", database.server.log(), answered=answered, refused=refused, user="alind")
    decisions = [entry.record for entry in read(tmp_path / "journal") if isinstance(entry.record, DecisionRecord)]
    years = [record.time[:4] for record in decisions if record.session_id]
    now = time.gmtime().tm_year
    assert {str(now), str(now + 100), str(now - 30)} <= set(years)  # the clock's words; the order is the chain's
    assert "Traceback" not in proxy.said()
    assert program("audit", "verify", tmp_path / "journal").status == 0
