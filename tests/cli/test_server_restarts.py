"""The server is restarted under load, is gone when clients come, and has a thousand of them at once."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import asyncpg
import psycopg
import pytest
from accounts import marked, settle
from restartable_server import RestartableServer

from readonly_guard_cli.demo import install

CLIENTS = 8
AT_ONCE = 1_000


@pytest.fixture(scope="module")
def database():
    with RestartableServer(settings={"max_connections": str(AT_ONCE + 50)}) as server:
        yield install(server)


@pytest.fixture
def proxy(database, guard_toml, start_proxy):
    """With room for a login that takes its time on a busy machine."""
    database.server.forget_log()
    return start_proxy(
        guard_toml(
            upstream=f'host = "127.0.0.1"\nport = {database.server.port}',
            admin='socket = "admin.sock"',
            limits=f"connections = {AT_ONCE + 50}\nstartup_timeout_s = 120.0",
        )
    )


def connect(proxy, database):
    return psycopg.connect(
        database.dsn("alind", port=proxy.port),
        options="-c readonly_guard.purpose=TREAT",
        autocommit=True,
        connect_timeout=20,
    )


class Load:
    """Clients that read and try to write, each in a thread, and connect again whatever happens to them."""

    def __init__(self, proxy, database) -> None:
        self._proxy, self._database = proxy, database
        self._stop = threading.Event()
        self.answered: set[str] = set()
        self.refused: set[str] = set()
        self.faults: list[str] = []
        self.rounds = [0] * CLIENTS
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self) -> None:
        """Until every client has done something again."""
        before, deadline = list(self.rounds), time.monotonic() + 60
        while any(now < then + 3 for now, then in zip(self.rounds, before, strict=True)):
            assert time.monotonic() < deadline, (self.rounds, before, self.faults[-3:])
            time.sleep(0.02)

    def _client(self, number: int) -> None:
        while not self._stop.is_set():
            try:
                with connect(self._proxy, self._database) as connection:
                    while not self._stop.is_set():
                        self._round(connection)
                        self.rounds[number] += 1
            except psycopg.OperationalError as error:
                self.faults.append(str(error))
                time.sleep(0.05)

    def _round(self, connection) -> None:
        read, mark = marked()
        connection.execute(read)
        self.answered.add(mark)
        write, mark = marked("DELETE FROM {}")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05"):
            connection.execute(write)
        self.refused.add(mark)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_it_is_restarted_under_load_and_everybody_reads_on(database, proxy, tmp_path, mode):
    with Load(proxy, database) as load:
        for _ in range(2):
            load.wait()
            database.server.go_down(mode)
            database.server.start_again()
        load.wait()
    assert len(load.faults) >= CLIENTS
    assert proxy.stop() == 0
    journal = tmp_path / "journal"
    told = settle(journal, database.server.log(), answered=load.answered, refused=load.refused, user="alind")
    assert len(told.run) >= 3 * CLIENTS
    assert "Traceback" not in proxy.said()


def test_it_is_gone_when_clients_come_and_they_are_told_so(database, proxy, program, tmp_path):
    database.server.go_down("fast")
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError, match="readonly-guard: the database server cannot be reached"):
            connect(proxy, database)
    shown = program("status", "--config", proxy.config, "--json")
    assert shown.status == 1
    assert json.loads(shown.out)["readiness"]["checks"]["server"]
    database.server.start_again()
    read, mark = marked()
    with connect(proxy, database) as connection:
        connection.execute(read)
    assert proxy.stop() == 0
    settle(tmp_path / "journal", database.server.log(), answered=[mark], refused=[], user="alind")


async def _visit(port, database, everybody: asyncio.Barrier) -> tuple[str, str]:
    connection = await asyncpg.connect(
        database.dsn("alind", port=port), server_settings={"readonly_guard.purpose": "TREAT"}, ssl=False, timeout=240
    )
    try:
        await everybody.wait()
        read, answered = marked()
        assert await connection.fetch(read) == [(1,)]
        write, refused = marked("DELETE FROM {}")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="RG-W05"):
            await connection.execute(write)
        assert await connection.fetchval("SELECT name_last FROM person WHERE person_id = $1", 900_001) == "Tolvansson"
        return answered, refused
    finally:
        connection.terminate()


@pytest.mark.slow
async def test_a_thousand_at_once_all_read_and_are_all_denied(database, proxy, tmp_path):
    everybody = asyncio.Barrier(AT_ONCE)
    visits = await asyncio.gather(*(_visit(proxy.port, database, everybody) for _ in range(AT_ONCE)))
    answered, refused = ({pair[side] for pair in visits} for side in (0, 1))
    assert await asyncio.to_thread(proxy.stop) == 0
    told = settle(tmp_path / "journal", database.server.log(), answered=answered, refused=refused, user="alind")
    assert len(told.allowed & answered) == len(told.denied & refused) == AT_ONCE
