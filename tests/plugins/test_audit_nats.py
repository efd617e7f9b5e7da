"""Against a real nats-server with JetStream."""

import asyncio
import json
import shutil
import socket
import subprocess
import time

import nats
import pytest
from loopback import free_port

from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.continuity import Diverged


@pytest.fixture
def server(tmp_path, missing):
    """A server that can be stopped and started again with what it holds."""
    binary = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        missing("no nats-server: apt-get install nats-server")

    class Server:
        def __init__(self):
            self.port = free_port()
            self.url = f"nats://127.0.0.1:{self.port}"
            self.process = None

        def start(self):
            names = ["-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(tmp_path / "jetstream")]
            self.process = subprocess.Popen([binary, *names], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                except OSError:
                    assert self.process.poll() is None, "nats-server ended"
                    assert time.monotonic() < deadline, "nats-server did not start"
                    time.sleep(0.02)
                else:
                    return

        def stop(self):
            self.process.terminate()
            self.process.wait(20)

    server = Server()
    server.start()
    yield server
    server.stop()


async def received(server, subject="readonly_guard.log.*"):
    client = await nats.connect(server.url)
    try:
        subscription = await client.jetstream().subscribe(subject, ordered_consumer=True)
        info = await client.jetstream().stream_info("READONLY_GUARD")
        return [await subscription.next_msg(5) for _ in range(info.state.messages)]
    finally:
        await client.close()


async def heads(server):
    bodies = [json.loads(message.data) for message in await received(server)]
    return sorted((body["chain"], body["seq"], body["hash"]) for body in bodies)


async def test_everything_is_in_the_stream_with_message_ids(log, feed, server):
    log.write(20)
    log.write(2, chain="worker.1 ä")
    await feed("audit_nats", servers=[server.url]).drain()

    assert await heads(server) == log.heads
    messages = await received(server)
    assert {message.subject for message in messages} == {
        "readonly_guard.log.journal",
        "readonly_guard.log.worker%2E1%20%C3%A4",
    }
    first = json.loads(messages[0].data)
    assert messages[0].headers["Nats-Msg-Id"] == f"{first['chain']}:{first['seq']}:{first['hash']}"
    assert first["record"]["subject"] == "åsa.öberg"


async def test_a_server_that_was_away_gets_all_of_it_afterwards(log, feed, server):
    log.write(5)
    await feed("audit_nats", servers=[server.url]).drain()
    server.stop()
    log.write(5)
    with pytest.raises((nats.errors.NoServersError, OSError)):
        await feed("audit_nats", servers=[server.url], timeout_s=1.0).drain()
    server.start()
    await feed("audit_nats", servers=[server.url]).drain()

    assert await heads(server) == log.heads


async def test_a_lost_cursor_repeats_nothing(log, feed, server):
    log.write(10)
    await feed("audit_nats", servers=[server.url]).drain()
    (log.path / "cursors" / "audit_nats.json").unlink()
    log.write(2)
    await feed("audit_nats", servers=[server.url]).drain()

    assert await heads(server) == log.heads


async def test_two_feeds_cannot_interleave(log, feed, server):
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="READONLY_GUARD", subjects=["readonly_guard.log.*"], duplicate_window=0.1)
    await client.close()
    log.write(4)
    one, other = (feed("audit_nats", servers=[server.url]) for _ in range(2))
    await one._round(is_final=True)
    log.write(4)
    await other.drain()
    await asyncio.sleep(0.5)  # the server has forgotten the message ids
    with pytest.raises(nats.js.errors.APIError, match="wrong last sequence"):
        await one.drain()
    await one.drain()

    assert await heads(server) == log.heads


async def test_another_chain_of_the_same_name_is_refused(log, feed, server):
    log.write(3)
    await feed("audit_nats", servers=[server.url]).drain()
    for item in [*log.path.glob("*.jsonl"), log.path / "cursors" / "audit_nats.json"]:
        item.unlink()
    log.write(5)

    with pytest.raises(Diverged, match="record 7 in the stream is another one"):
        await feed("audit_nats", servers=[server.url]).drain()


async def test_what_is_in_the_stream_stays_there(log, feed, server):
    log.write(1)
    await feed("audit_nats", servers=[server.url]).drain()
    client = await nats.connect(server.url)
    with pytest.raises(nats.js.errors.APIError):
        await client.jetstream().purge_stream("READONLY_GUARD")
    with pytest.raises(nats.js.errors.APIError):
        await client.jetstream().delete_msg("READONLY_GUARD", 1)
    await client.close()

    assert await heads(server) == log.heads


async def test_a_stream_is_not_made_unless_allowed(log, feed, server):
    log.write(1)
    with pytest.raises(nats.js.errors.NotFoundError):
        await feed("audit_nats", servers=[server.url], create=False).drain()


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({"servers": []}, "name one"),
        ({"servers": ["nats://broker.example.org:4222"]}, "write tls://"),
        ({"servers": ["tls://broker.example.org"], "ca": "nowhere"}, r"\[plugin.audit_nats\] ca: .*nowhere"),
    ],
)
def test_settings_that_are_wrong_are_named(feed, section, what):
    with pytest.raises(ConfigurationError, match=what):
        feed("audit_nats", **section)
