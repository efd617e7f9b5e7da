"""Ten thousand idle sessions: what they cost, and that each is told of the end and recorded when the guard stops."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import signal
import tempfile
from pathlib import Path

import pytest

from benchmarks.connections import STARTUP, Client, serve_silently
from readonly_guard.audit import read_all, verify_all
from readonly_guard.domain import SessionRecord

SESSIONS = 10_000
WORKERS = 2
AT_ONCE = 200
KIB_EACH = 100


class Idler(Client):
    """Says nothing once it is in, and keeps what it is told in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.get_running_loop().create_future()
        self.last = b""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.last = data

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set_result(exc)


@pytest.fixture
def silent_server():
    """A process that lets everybody in and then is silent: PostgreSQL has no room for so many here."""
    with tempfile.TemporaryDirectory(prefix="rg-") as folder:
        server = multiprocessing.get_context("spawn").Process(
            target=serve_silently, args=(f"{folder}/.s.PGSQL.5432",), daemon=True
        )
        server.start()
        yield folder
        server.terminate()
        server.join()


@pytest.fixture
def descriptors():
    """As many as the clients need: one each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = SESSIONS + 500
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"needs {needed} file descriptors; this process may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def come_in(port: int) -> list[Idler]:
    places, loop = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop()

    async def one() -> Idler:
        async with places:
            transport, client = await loop.create_connection(Idler, "127.0.0.1", port)
            transport.write(STARTUP)
            assert await client.ready
            return client

    return await asyncio.gather(*(one() for _ in range(SESSIONS)))


@pytest.mark.slow
@pytest.mark.usefixtures("descriptors")
async def test_ten_thousand_idle_sessions(silent_server, start_proxy, guard_toml, program, tmp_path):
    proxy = start_proxy(
        guard_toml(
            upstream=f'host = "{silent_server}"',
            admin='socket = "admin.sock"',
            limits=f"connections = {2 * SESSIONS}\ndrain_s = 120.0",  # the system shares them out as it likes
            workers=f"count = {WORKERS}",
            logging='level = "warning"',
        )
    )

    async def figures() -> dict:
        shown = await asyncio.to_thread(program, "status", "--config", proxy.config, "--json")
        return json.loads(shown.out)["figures"]

    before = await figures()
    clients = await come_in(proxy.port)
    after = await figures()
    assert after["sessions_open"] == SESSIONS
    assert (after["resident_bytes"] - before["resident_bytes"]) / SESSIONS < KIB_EACH * 1024

    proxy.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*(client.gone for client in clients))
    assert await asyncio.to_thread(proxy.process.wait, 120) == 0
    assert all(b"C57P01\0" in client.last for client in clients)
    assert not [event for event in proxy.events() if "killed" in event["event"] or event["event"] == "sessions cut off"]

    journal = Path(tmp_path, "journal")
    assert all(chain.ok for chain in verify_all(journal))
    sessions = [entry.record for entry in read_all(journal) if isinstance(entry.record, SessionRecord)]
    for event in ("opened", "closed"):
        assert len({record.session_id for record in sessions if record.event == event}) == SESSIONS
