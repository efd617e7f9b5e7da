"""Limits and patience of the running proxy, against a real server and against one that plays dead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import msgspec
import pytest

from readonly_guard.settings import (
    JournalSettings,
    ListenerSettings,
    Settings,
    TcpSettings,
    UpstreamSettings,
    UpstreamTlsSettings,
)
from readonly_guard.sql import judge_startup as judge
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.net.listener import Listener
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.upstream import connect_socket

_MEGABYTE = 1024 * 1024


@pytest.fixture
def folder(postgres) -> str:
    return str(Path(postgres).parent)


class _PlaysDead(asyncio.Protocol):
    """A server that takes connections, says what it is told to, and then reads no more."""

    def __init__(self, seen: list[asyncio.Transport], greeting: bytes) -> None:
        self._seen, self._greeting = seen, greeting

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._seen.append(transport)

    def data_received(self, data: bytes) -> None:
        if self._greeting:
            self._transport.write(self._greeting)
            self._transport.pause_reading()


@contextlib.asynccontextmanager
async def _dead_server(greeting: bytes = b""):
    """Its port, and the connections it has taken."""
    seen: list[asyncio.Transport] = []
    server = await asyncio.get_running_loop().create_server(lambda: _PlaysDead(seen, greeting), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        for transport in seen:
            transport.abort()
        await asyncio.sleep(0.01)


def _descriptors() -> int:
    """How many this process holds; those of the proxy are among them, which runs here."""
    return len(list(Path("/proc/self/fd").iterdir()))


class TestConnections:
    async def test_one_too_many_is_refused_before_the_server_hears_of_it(self, run_proxy, client_class, pg, guard):
        async with _dead_server() as (port, seen), run_proxy("127.0.0.1", port, connections=1) as proxy:
            first = await client_class.connect(proxy.port)
            first.send(pg.startup(user="u"))
            while not seen:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            second = await client_class.connect(proxy.port)
            second.send(pg.startup(user="u"))
            assert await second.rest() == "E(53300) EOF"
            assert second.errors[0]["M"] == "readonly-guard: too many connections"
            assert "limits.connections" in second.errors[0]["H"]
            assert len(seen) == 1
            assert proxy.meters.limits.counts == {"connections": 1}
            assert guard.sessions == [("refused", "u", (), "too many connections")]

    async def test_of_one_user(self, run_proxy, folder, client_class, pg):
        async with run_proxy(folder, connections_per_user=1) as proxy:
            first = await (await client_class.connect(proxy.port)).login()
            second = await client_class.connect(proxy.port)
            second.send(pg.startup(user="postgres"))
            assert await second.rest() == "E(53300) EOF"
            assert "limits.connections_per_user" in second.errors[0]["H"]
            other = await client_class.connect(proxy.port)
            other.send(pg.startup(user="nobody"))
            assert await other.rest() == "R E(28000) EOF"  # the server's own answer
            first.send(pg.BYE)
            await first.rest()
            await (await client_class.connect(proxy.port)).login()  # its place is free again

    async def test_of_one_address_also_those_that_say_nothing(self, run_proxy, folder, client_class):
        async with run_proxy(folder, connections_per_address=2) as proxy:
            await (await client_class.connect(proxy.port)).login()
            silent = await client_class.connect(proxy.port)
            third = await client_class.connect(proxy.port)
            assert await third.rest() == "E(53300) EOF"
            assert "from this address" in third.errors[0]["M"]
            await silent.close()
            await asyncio.sleep(0.05)
            await (await client_class.connect(proxy.port)).login()
            assert await (await client_class.connect(proxy.port)).rest() == "E(53300) EOF"  # a session counts once

    async def test_places_are_given_back_whatever_ends_a_session(self, run_proxy, folder, client_class, pg, tmp_path):
        async with run_proxy(str(tmp_path), connections=1, connections_per_user=1, connections_per_address=1) as proxy:
            for _ in range(3):  # a server that cannot be reached
                client = await client_class.connect(proxy.port)
                client.send(pg.startup(user="u"))
                assert await client.rest() == "E(57P03) EOF"
        async with run_proxy(folder, connections=1, connections_per_user=1, connections_per_address=1) as proxy:
            for _ in range(3):
                client = await (await client_class.connect(proxy.port)).login()
                client.writer.transport.abort()
                await asyncio.sleep(0.05)


class TestStartup:
    async def test_a_slow_loris_has_no_more_time_than_others(self, run_proxy, folder, client_class, pg):
        async with run_proxy(folder, startup_timeout_s=0.3) as proxy:
            client = await client_class.connect(proxy.port)

            async def drip() -> None:
                for byte in pg.startup(user="postgres", database="x" * 200):
                    client.send(bytes((byte,)))
                    await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            assert await client.rest() == "E(08P01) EOF"
            assert "no startup packet came in time" in client.errors[0]["M"]
            dripping.cancel()

    async def test_a_client_that_is_not_let_in(self, run_proxy, client_class, pg, guard):
        async with _dead_server() as (port, _), run_proxy("127.0.0.1", port, startup_timeout_s=0.2) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="u"))
            assert await client.rest() == "E(57014) EOF"
            assert client.errors[0]["M"] == "readonly-guard: canceling authentication due to timeout"
            assert proxy.meters.deadlines.counts == {"startup": 1}
            assert guard.sessions[-1][0] == "refused"


class TestOnTheWayIn:
    """Clients for whom the guard is connecting to the server, which keeps it waiting."""

    async def test_they_do_not_hinder_the_end_of_all_others(self, run_proxy, client_class, pg, guard):
        waits = UpstreamTlsSettings(mode="require")
        async with _dead_server() as (port, seen):
            async with run_proxy("127.0.0.1", port, upstream_tls=waits, connect_timeout_s=60.0, drain_s=60.0) as proxy:
                clients = [await client_class.connect(proxy.port) for _ in range(2)]
                for client in clients:
                    client.send(pg.startup(user="u"))
                while len(seen) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                proxy.stop.set()
                for client in clients:
                    assert await client.rest() == "E(57P01) EOF"
                async with asyncio.timeout(20):
                    await proxy.task
            assert not proxy.meters.sessions_open
        assert guard.sessions == [("refused", "u", (), "the guard is shutting down")] * 2

    async def test_one_that_is_turned_away_is_not_connected_for_any_more(self, run_proxy, client_class, pg, logged):
        waits = UpstreamTlsSettings(mode="require")
        async with (
            _dead_server() as (port, seen),
            run_proxy("127.0.0.1", port, upstream_tls=waits, connect_timeout_s=60.0, connections=1) as proxy,
        ):
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="u"))
            while not seen:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            client.send(pg.query("select 1"))
            assert await client.rest() == "E(08P01) EOF"
            async with asyncio.timeout(20):
                while proxy.meters.sessions_open or not seen[0].is_closing():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert not [entry for entry in logged if entry["event"] == "server not reached"]  # nothing is wrong with it


class TestDeadlines:
    async def test_idle(self, run_proxy, folder, client_class, guard):
        async with run_proxy(folder, idle_timeout_s=0.2) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            assert await client.rest() == "E(57P05) EOF"
            assert client.errors[0]["S"] == "FATAL"
            assert guard.sessions[-1] == (
                "closed",
                "postgres",
                (),
                "terminating connection due to idle-session timeout",
            )

    async def test_idle_in_a_transaction_and_not_outside_of_it(self, run_proxy, folder, client_class, pg):
        async with run_proxy(folder, idle_in_transaction_timeout_s=0.2) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            await asyncio.sleep(0.5)
            assert await client.ask(pg.query("begin")) == "C(BEGIN) Z(T)"
            assert await client.rest() == "E(25P03) EOF"

    async def test_a_statement_is_cancelled_by_the_server_and_the_session_lives_on(
        self, run_proxy, folder, client_class, pg, guard
    ):
        async with run_proxy(folder, statement_timeout_s=0.2) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            for _ in range(2):
                assert await client.ask(pg.query("select pg_sleep(30)")) == "T E(57014) Z(I)"
                assert client.errors[-1]["S"] == "ERROR"
                assert client.errors[-1]["M"] == "readonly-guard: canceling statement due to statement timeout"
                assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"
            assert proxy.meters.deadlines.counts == {"statement": 2}
            assert [item["sqlstate"] for item in guard.completions] == ["57014", "", "57014", ""]

    async def test_a_record_that_does_not_become_durable_in_time_ends_the_session(
        self, run_proxy, folder, client_class, pg, guard
    ):
        async with run_proxy(folder, statement_timeout_s=0.2) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            guard.record_delay_s = 1.0
            client.send(pg.query("select 1"))
            assert await client.rest() == "E(57P03) EOF"
            assert guard.repeated == ["select 1"]
            await asyncio.sleep(1.0)
            assert [item["sqlstate"] for item in guard.completions] == ["57014"]  # it did in the end, for nothing
            assert guard.allowed == []
            assert proxy.meters.deadlines.counts == {"statement": 1}

    async def test_each_record_has_its_own_time(self, run_proxy, folder, client_class, pg, guard):
        async with run_proxy(folder, statement_timeout_s=0.8) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            guard.record_delay_s = 0.25  # so that every look finds a turn that waits
            for _ in range(6):
                assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"

    async def test_short_statements_may_go_on_for_longer_than_one(self, run_proxy, folder, client_class, pg):
        async with run_proxy(folder, statement_timeout_s=0.4) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            client.send(*[pg.query("select pg_sleep(0.1)")] * 8)
            await client.until_ready(times=8)
            assert not client.errors


class TestBackpressure:
    async def test_a_client_that_stops_reading_stops_the_server(self, run_proxy, folder, client_class, pg):
        megabytes = 200
        async with run_proxy(folder) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            client.reader._transport.pause_reading()
            text = f"select repeat('x', 1048576) from generate_series(1, {megabytes})"
            client.send(pg.query(text))
            before = proxy.meters.figures(policy_revision="").resident_bytes
            seen = -1
            while seen != proxy.meters.server_bytes or seen < _MEGABYTE:
                seen = proxy.meters.server_bytes
                await asyncio.sleep(0.3)
            assert seen < 30 * _MEGABYTE  # what the kernel's buffers hold, and a few of ours
            assert proxy.meters.figures(policy_revision="").resident_bytes - before < 30 * _MEGABYTE
            client.reader._transport.resume_reading()
            got = 0
            while not (tail := await client.reader.read(_MEGABYTE)).endswith(b"Z\0\0\0\5I"):
                got += len(tail)
            assert got > megabytes * _MEGABYTE - _MEGABYTE

    async def test_one_that_never_reads_again_ends_at_the_deadline(self, run_proxy, folder, client_class, pg):
        async with run_proxy(folder, statement_timeout_s=0.2) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            client.reader._transport.pause_reading()
            client.send(pg.query("select repeat('x', 1048576) from generate_series(1, 200)"))
            async with asyncio.timeout(20):
                while proxy.meters.sessions_open:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def test_one_that_says_goodbye_and_never_reads_again_is_cut_off(self, run_proxy, folder, client_class, pg):
        async with run_proxy(folder) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            held = _descriptors()
            client.reader._transport.pause_reading()
            client.send(pg.query("select repeat('x', 1048576) from generate_series(1, 200)"))
            seen = -1
            while seen != proxy.meters.server_bytes or seen < _MEGABYTE:
                seen = proxy.meters.server_bytes
                await asyncio.sleep(0.3)
            client.send(pg.BYE)
            async with asyncio.timeout(20):
                while _descriptors() > held - 2:  # noqa: ASYNC110  towards the client, and towards the server
                    await asyncio.sleep(0.05)
            assert not proxy.meters.sessions_open

    async def test_a_server_that_stops_reading_stops_the_client(self, run_proxy, client_class, pg, guard):
        reports = (b"client_encoding\0UTF8\0", b"standard_conforming_strings\0on\0")
        greeting = [pg.frame(b"R", bytes(4)), *(pg.frame(b"S", report) for report in reports), pg.frame(b"Z", b"I")]
        async with _dead_server(b"".join(greeting)) as (port, _), run_proxy("127.0.0.1", port) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            chunk = pg.parse("select 1 /* " + "x" * 60_000 + " */") + pg.FLUSH

            async def flood() -> None:
                while True:
                    client.send(chunk)
                    await client.writer.drain()

            flooding = asyncio.create_task(flood())
            seen = -1
            while seen != proxy.meters.client_bytes or seen < _MEGABYTE:
                seen = proxy.meters.client_bytes
                await asyncio.sleep(0.3)
            assert seen < 30 * _MEGABYTE
            flooding.cancel()
            client.writer.transport.abort()

    async def test_a_client_that_leaves_while_it_is_not_read_is_noticed(self, run_proxy, client_class, pg, guard):
        reports = (b"client_encoding\0UTF8\0", b"standard_conforming_strings\0on\0")
        greeting = [pg.frame(b"R", bytes(4)), *(pg.frame(b"S", report) for report in reports), pg.frame(b"Z", b"I")]
        async with _dead_server(b"".join(greeting)) as (port, _), run_proxy("127.0.0.1", port) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            client.send(pg.query("select 1") * 20_000)  # more than is taken before the first is answered
            seen = -1
            while seen != proxy.meters.client_bytes or not guard.asked:
                seen = proxy.meters.client_bytes
                await asyncio.sleep(0.3)
            assert proxy.meters.sessions_open == 1
            client.writer.write_eof()
            async with asyncio.timeout(20):
                while proxy.meters.sessions_open:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert guard.sessions[-1][0] == "closed"
            client.writer.transport.abort()


_TCP = TcpSettings(keepalive_idle_s=61, keepalive_interval_s=11, keepalive_probes=7, unacknowledged_s=13)


def _told(end: socket.socket) -> list[int]:
    options = (
        *(socket.TCP_NODELAY, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL),
        *(socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT),
    )
    assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return [end.getsockopt(socket.IPPROTO_TCP, option) for option in options]


async def test_the_kernel_is_told_how_to_treat_connections():
    async with _dead_server() as (port, _):
        transport = await connect_socket(UpstreamSettings(host="127.0.0.1", port=port, tcp=_TCP), asyncio.Protocol)
        assert _told(transport.get_extra_info("socket")) == [1, 61, 11, 7, 13_000]
        transport.abort()


async def test_a_clients_connection_begins_as_the_listening_socket_is_also_after_a_reload(guard, tmp_path):
    settings = Settings(
        upstream=UpstreamSettings(host="127.0.0.1", port=5432),
        journal=JournalSettings(path=str(tmp_path)),
        listener=ListenerSettings(port=0, tcp=_TCP),
    )
    meters = Meters()
    listener = Listener(settings, MeasuredGuard(guard, meters), judge, meters, Credentials(settings))
    port = await listener.open()
    (listening,) = listener._server.sockets
    assert _told(listening) == [1, 61, 11, 7, 13_000]
    with socket.socket() as knocking:  # what the kernel makes of it
        knocking.connect(("127.0.0.1", port))
        with socket.socket(fileno=os.dup(listening.fileno())) as same, same.accept()[0] as theirs:
            assert _told(theirs) == [1, 61, 11, 7, 13_000]
    listener.adopt(msgspec.structs.replace(settings, listener=ListenerSettings(port=0)))
    assert _told(listening) == [1, 60, 10, 6, 0]
    await listener.drain(0.0)
