"""The server fails under the real program: it crashes under load, is full, and is cut off in the middle of a row."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import threading
import time

import psycopg
import pytest

from readonly_guard.audit import read, verify
from readonly_guard.domain import CompletionRecord, DecisionRecord
from readonly_guard_cli.demo import EmbeddedServer, install

_READ = "SELECT name_last FROM person WHERE person_id = 900001"


def _accounts(journal) -> tuple[int, int]:
    """How many were allowed, and how many of those ended: each exactly once."""
    assert verify(journal).ok
    allowed, ends = set(), []
    for entry in read(journal):
        match entry.record:
            case DecisionRecord(verdict="allow") as record:
                allowed.add(record.decision_id)
            case CompletionRecord() as record:
                ends.append(record.decision_id)
    assert len(ends) == len(set(ends))
    assert set(ends) <= allowed
    return len(allowed), len(ends)


@pytest.fixture
def own_database():
    """On a server that may be hurt."""
    with EmbeddedServer(settings={"max_connections": "40"}) as server:
        yield install(server)


@pytest.fixture
def own_proxy(own_database, guard_toml, start_proxy):
    return start_proxy(guard_toml(upstream=f'host = "127.0.0.1"\nport = {own_database.server.port}'))


def _connect(proxy, database, **options):
    return psycopg.connect(
        database.dsn("alind", port=proxy.port),
        options="-c readonly_guard.purpose=TREAT",
        autocommit=True,
        connect_timeout=20,
        **options,
    )


def test_it_crashes_under_load_and_everybody_reads_on(own_database, own_proxy, tmp_path):
    stop, reads, breaks = threading.Event(), [0] * 6, [0] * 6

    def client(number: int) -> None:
        while not stop.is_set():
            try:
                with _connect(own_proxy, own_database) as connection:
                    while not stop.is_set():
                        assert len(connection.execute(_READ).fetchall()) == 1
                        reads[number] += 1
            except psycopg.OperationalError:
                breaks[number] += 1
                time.sleep(0.05)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for each in clients:
        each.start()

    def wait_for_reads() -> None:
        before, deadline = list(reads), time.monotonic() + 60
        while any(now < then + 3 for now, then in zip(reads, before, strict=True)):
            assert time.monotonic() < deadline, (reads, before)
            time.sleep(0.02)

    try:
        for _ in range(2):
            wait_for_reads()
            with psycopg.connect(own_database.admin_dsn) as admin:
                victim = admin.execute(
                    "SELECT pid FROM pg_stat_activity WHERE usename = 'alind' ORDER BY random() LIMIT 1"
                ).fetchone()
            if victim is not None:
                os.kill(victim[0], signal.SIGKILL)  # the server ends all sessions, recovers, and starts anew
        wait_for_reads()
    finally:
        stop.set()
        for each in clients:
            each.join()
    assert all(breaks)
    assert own_proxy.stop() == 0
    allowed, ended = _accounts(tmp_path / "journal")
    assert allowed == ended >= sum(reads)
    assert "Traceback" not in own_proxy.said()


def test_a_thousand_at_once_on_a_server_with_forty_places(own_database, own_proxy, tmp_path):
    """Nobody hangs: whoever gets no place is told so by the server, and the places are free again afterwards."""

    async def one(barrier: asyncio.Event) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", own_proxy.port)
        try:
            await barrier.wait()
            parameters = b"user\0alind\0database\0" + own_database.name.encode() + b"\0\0"
            writer.write(struct.pack("!II", 8 + len(parameters), 196608) + parameters)
            async with asyncio.timeout(60):
                head = await reader.readexactly(5)
                body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
                if head[:1] == b"R":
                    return "asked for a password"
                return next(part[1:].decode() for part in body.split(b"\0") if part[:1] == b"C")
        finally:
            writer.transport.abort()

    async def all_at_once() -> list[str]:
        barrier = asyncio.Event()
        clients = [asyncio.create_task(one(barrier)) for _ in range(1_000)]
        await asyncio.sleep(1)
        barrier.set()
        return await asyncio.gather(*clients)

    outcomes = asyncio.run(all_at_once())
    assert set(outcomes) <= {"asked for a password", "53300", "57P03"}
    assert outcomes.count("asked for a password") >= 1
    deadline = time.monotonic() + 30
    while True:
        try:
            with _connect(own_proxy, own_database) as connection:
                connection.execute(_READ)
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert own_proxy.stop() == 0
    assert verify(tmp_path / "journal").ok


class _Cutter:
    """A relay to the server that cuts the connection after so many bytes of answers to a query."""

    def __init__(self, server: int) -> None:
        self.server, self.left = server, None
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work, *arguments) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                server = socket.create_connection(("127.0.0.1", self.server))
                self._start(self._pass, client, server, False)
                self._start(self._pass, server, client, True)

    def _pass(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if is_answer and self.left is not None:
                    data, self.left = data[: self.left], self.left - len(data)
                target.sendall(data)
                if self.left is not None and self.left <= 0:
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)  # which ends the accept, too
        for thread in self._threads:
            thread.join()
        self.listening.close()


def test_it_is_cut_off_in_the_middle_of_a_row(millennium, guard_toml, start_proxy, tmp_path):
    cutter = _Cutter(millennium.server.port)
    proxy = start_proxy(guard_toml(upstream=f'host = "127.0.0.1"\nport = {cutter.port}'))
    try:
        with _connect(proxy, millennium) as connection:
            cutter.left = 100_000  # in the middle of the second row
            with pytest.raises(psycopg.OperationalError) as caught:
                connection.execute("SELECT repeat('x', 60000) FROM generate_series(1, 10)")
            assert "readonly-guard" not in str(caught.value)  # never into the middle of a row
        cutter.left = None
        with _connect(proxy, millennium) as connection:
            connection.execute(_READ)
        assert proxy.stop() == 0
    finally:
        cutter.close()
    allowed, ended = _accounts(tmp_path / "journal")
    assert (allowed, ended) == (2, 2)
    records = [entry.record for entry in read(tmp_path / "journal")]
    assert [record.sqlstate for record in records if isinstance(record, CompletionRecord)] == ["08006", ""]
