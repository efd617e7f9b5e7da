"""Clients and servers that misbehave, and addresses that do not work: a clear end, no traceback, no hang."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from pathlib import Path

import msgspec
import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import Settings
from readonly_guard.sql import judge_startup as judge
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.net.listener import Listener
from readonly_guard_proxy.net.measured import MeasuredGuard

SSL = struct.pack("!II", 8, 80877103)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 100,
        b"\xff" * 100_000,
        SSL + b"Q\0\0\0\4",
        SSL + SSL,
    ],
)
async def test_garbage_instead_of_a_startup_packet(proxy, client_class, guard, garbage) -> None:
    client = await client_class.connect(proxy.port)
    client.send(garbage)
    assert await client.rest() == "E(08P01) EOF"
    assert client.errors[0]["S"] == "FATAL"
    assert guard.sessions[-1][0] == "refused"


async def test_encryption_is_declined_and_the_startup_goes_on_a_byte_at_a_time(proxy, client_class, pg) -> None:
    client = await client_class.connect(proxy.port)
    for request in (struct.pack("!II", 8, 80877104), SSL):
        client.send(request)
        assert await client.reader.readexactly(1) == b"N"
    for byte in pg.startup(user="postgres"):
        client.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert (await client.until_ready()).endswith("Z(I)")


@pytest.mark.parametrize(("version", "sqlstate"), [(2 << 16, "0A000"), (4 << 16, "0A000"), (12345, "0A000")])
async def test_other_protocol_versions(proxy, client_class, pg, version, sqlstate) -> None:
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(version, user="postgres"))
    assert await client.rest() == f"E({sqlstate}) EOF"


async def test_no_user(proxy, client_class, pg) -> None:
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(database="postgres"))
    assert await client.rest() == "E(28000) EOF"


async def test_a_query_stuffed_behind_the_startup_message(proxy, client_class, guard, pg) -> None:
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(user="postgres"), pg.query("select 1"))
    assert await client.rest() == "E(08P01) EOF"
    assert guard.asked == []


async def test_a_startup_that_takes_too_long(run_proxy, postgres, client_class) -> None:
    async with run_proxy(str(Path(postgres).parent), startup_timeout_s=0.2) as proxy:
        client = await client_class.connect(proxy.port)
        client.send(b"\0\0")
        assert await client.rest() == "E(08P01) EOF"


@pytest.mark.parametrize(
    "data",
    [b"Q\0\0\0\3", b"Q\xff\xff\xff\xff", b"Q\x7f\xff\xff\xff", b"!\0\0\0\4", b"Q\0\0\0\x09a\0b\0\0", b"p\0\0\0\4"],
)
async def test_malformed_messages(client, guard, data) -> None:
    client.send(data)
    assert await client.rest() == "E(08P01) EOF"
    assert guard.asked == []


async def test_a_client_that_disconnects_in_the_middle_of_a_message(proxy, client, client_class, guard, pg) -> None:
    client.send(pg.query("select 1")[:-3])
    await client.close()
    other = await (await client_class.connect(proxy.port)).login()
    assert await other.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"
    assert [event for event, *_ in guard.sessions].count("closed") == 1
    assert guard.asked == [("query", "select 1")]


async def test_a_client_that_disconnects_while_its_decision_is_in_flight(client, guard, pg) -> None:
    guard.delay_s = lambda: 0.2
    client.send(pg.query("select 1"))
    await asyncio.sleep(0.05)
    await client.close()
    await asyncio.sleep(0.3)
    assert [(each["rows"], each["sqlstate"]) for each in guard.completions] == [(None, "08006")]


async def test_a_client_that_disconnects_while_the_proxy_connects(run_proxy, client_class, guard, pg) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with run_proxy("127.0.0.1", silent.getsockname()[1]) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="postgres"))
            await client.close()
            await asyncio.sleep(0.1)


async def test_a_server_that_cannot_be_reached(run_proxy, client_class, guard, pg, tmp_path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for host, port in (
            ("127.0.0.1", unused.getsockname()[1]),
            (str(tmp_path), 5432),
            ("no-such-host.invalid", 1),
            ("no-host..invalid", 1),
        ):
            async with run_proxy(host, port) as proxy:
                client = await client_class.connect(proxy.port)
                client.send(pg.startup(user="postgres"))
                assert await client.rest() == "E(57P03) EOF"
    assert "cannot be reached" in client.errors[0]["M"]
    assert [event for event, *_ in guard.sessions] == ["refused"] * 4


async def test_too_many_connections(run_proxy, postgres, client_class, pg) -> None:
    async with run_proxy(str(Path(postgres).parent), connections=1) as proxy:
        first = await (await client_class.connect(proxy.port)).login()
        second = await client_class.connect(proxy.port)
        second.send(pg.startup(user="postgres"))
        assert await second.rest() == "E(53300) EOF"
        first.send(pg.BYE)
        await first.rest()
        third = await (await client_class.connect(proxy.port)).login()
        assert await third.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"


async def test_a_port_in_use(run_proxy, postgres) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with run_proxy(str(Path(postgres).parent)) as proxy:

            def listener_of(settings: Settings) -> Listener:
                meters = Meters()
                return Listener(settings, MeasuredGuard(proxy.guard, meters), judge, meters, Credentials(settings))

            where = msgspec.structs.replace(proxy.settings.listener, port=taken.getsockname()[1])
            settings = msgspec.structs.replace(proxy.settings, listener=where)
            with pytest.raises(ConfigurationError, match=r"in use; stop the program .* or choose another"):
                await listener_of(settings).open()
            settings = msgspec.structs.replace(settings, listener=msgspec.structs.replace(where, host="192.0.2.1"))
            with pytest.raises(ConfigurationError, match="not an address of this machine"):
                await listener_of(settings).open()


@contextlib.asynccontextmanager
async def false_server(conversation):
    """A server that says what ``conversation(reader, writer)`` says."""

    async def serve(reader, writer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            size = struct.unpack("!I", await reader.readexactly(4))[0]
            await reader.readexactly(size - 4)
            await conversation(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def hello(pg) -> bytes:
    return b"".join(
        [
            pg.frame(b"R", bytes(4)),
            pg.frame(b"S", b"client_encoding\0UTF8\0"),
            pg.frame(b"S", b"standard_conforming_strings\0on\0"),
            pg.frame(b"K", bytes(8)),
            pg.frame(b"Z", b"I"),
        ]
    )


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"D\0\0\0\x64half a row", None),
        (b"T\0\0\0\x64half a description", "E(08006) EOF"),
        (b"", "E(08006) EOF"),
        (b"\0\0\0\0\0", "E(08P01) EOF"),
        (b"G\0\0\0\x07\0\0\0", "E(08P01) EOF"),
        (b"C\0\0\0\3", "E(08P01) EOF"),
        (b"Z\0\0\0\5?", "E(08P01) EOF"),
    ],
)
async def test_a_server_that_dies_or_babbles_in_the_middle_of_a_reply(
    run_proxy, client_class, guard, pg, answer, told
) -> None:
    async def conversation(reader, writer) -> None:
        writer.write(hello(pg))
        await reader.readexactly(14)
        writer.write(answer)
        await writer.drain()

    async with false_server(conversation) as port, run_proxy("127.0.0.1", port) as proxy:
        client = await (await client_class.connect(proxy.port)).login()
        client.send(pg.query("select 1"))
        if told is None:
            assert await client.reader.read() == answer  # nothing may be put into a row
        else:
            assert await client.rest() == told
    assert [each["sqlstate"] for each in guard.completions] == ["08006"]


@pytest.mark.parametrize("greeting", [b"", b"N", b"HTTP/1.1 400 Bad Request\r\n", b"R\0\0\0\x08\0\0\0\x63"])
async def test_a_server_that_is_not_postgresql(run_proxy, client_class, guard, pg, greeting) -> None:
    async def conversation(reader, writer) -> None:
        writer.write(greeting)
        await writer.drain()

    async with false_server(conversation) as port, run_proxy("127.0.0.1", port) as proxy:
        client = await client_class.connect(proxy.port)
        client.send(pg.startup(user="postgres"))
        assert (await client.rest()) in {"E(08P01) EOF", "E(08006) EOF"}
    assert [event for event, *_ in guard.sessions] == ["refused"]


async def test_a_server_that_speaks_before_it_is_asked(run_proxy, client_class, guard, pg, tmp_path) -> None:
    """PostgreSQL does when it cannot start a process for one more client."""
    farewell = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"

    async def turn_away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"E" + struct.pack("!I", len(farewell) + 4) + farewell)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(turn_away, tmp_path / ".s.PGSQL.5432")
    async with server, run_proxy(str(tmp_path)) as proxy:
        for _ in range(5):
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="postgres"))
            assert await client.rest() in {"E(53300) EOF", "E(57P03) EOF"}  # if it had closed before we could hear it
    assert guard.asked == []
