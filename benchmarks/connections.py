"""What an idle session costs: so many of them opened through the running program, and its memory before and after.

    python benchmarks/connections.py [--sessions 10000] [--workers 2]

PostgreSQL itself has no room for ten thousand on a small machine, so behind the guard stands a program
that answers a startup packet as PostgreSQL does (trust, reported settings, a key) and then is silent: it is the guard
that is measured. Each process needs two file descriptors a session (`ulimit -n`).
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import cast

import uvloop

from readonly_guard_cli.demo import write_policy_data
from readonly_guard_proxy.wire.framing import frame
from readonly_guard_proxy.wire.startup import startup_message

_REPORTS = ("client_encoding\0UTF8\0", "standard_conforming_strings\0on\0", "default_transaction_read_only\0on\0")
GREETING = b"".join((
    frame(ord("R"), bytes(4)),
    *(frame(ord("S"), text.encode()) for text in _REPORTS),
    frame(ord("K"), bytes(8)),
    frame(ord("Z"), b"I"),
))  # fmt: skip
STARTUP = startup_message(
    196608, {"user": "alind", "database": "d", "options": "-c readonly_guard.purpose=TREAT"}
)  # fmt: skip
AT_ONCE = 200


class Silent(asyncio.Protocol):
    """Greets, and says no more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A session of the guard."""
        self.transport = transport

    def data_received(self, _data: bytes) -> None:
        """The startup packet, or the end."""
        cast("asyncio.Transport", self.transport).write(GREETING)


class Client(asyncio.Protocol):
    """Waits for ReadyForQuery."""

    def __init__(self) -> None:
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Of the greeting, or an error."""
        if not self.ready.done() and (data.startswith(b"E") or data.endswith(b"Z\0\0\0\5I")):
            self.ready.set_result(not data.startswith(b"E"))


def serve_silently(path: str) -> None:
    """The program behind the guard."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_unix_server(Silent, path, backlog=1_024)
        await server.serve_forever()

    uvloop.run(forever())


def figures(path: str) -> dict[str, float]:
    """What the guard tells."""
    asking = http.client.HTTPConnection("localhost", timeout=30)
    asking.sock = socket.socket(socket.AF_UNIX)
    asking.sock.connect(path)
    with closing(asking):
        asking.request("GET", "/status")
        told: dict[str, float] = json.loads(asking.getresponse().read())["figures"]
        return told


async def measure(home: Path, port: int, sessions: int) -> None:
    """Open them, and print."""
    loop, admin = asyncio.get_running_loop(), str(home / "admin.sock")
    before = await asyncio.to_thread(figures, admin)
    places, kept = asyncio.Semaphore(AT_ONCE), []

    async def one() -> bool:
        async with places:
            transport, client = await loop.create_connection(Client, "127.0.0.1", port)
            kept.append(transport)
            transport.write(STARTUP)
            return await client.ready

    began = time.monotonic()
    opened = sum(await asyncio.gather(*(one() for _ in range(sessions))))
    elapsed = time.monotonic() - began
    after = await asyncio.to_thread(figures, admin)
    kib = (after["resident_bytes"] - before["resident_bytes"]) / 1024
    print(f"{opened:,} of {sessions:,} sessions opened in {elapsed:.1f} s, {after['sessions_open']:,} open")
    print(f"memory: {before['resident_bytes'] / 2**20:.0f} MiB before, {after['resident_bytes'] / 2**20:.0f} MiB after")
    print(f"{kib / opened:.1f} KiB a session")
    idle = await asyncio.to_thread(figures, admin)
    await asyncio.sleep(5)
    later = await asyncio.to_thread(figures, admin)
    print(f"processor time while idle: {(later['cpu_s'] - idle['cpu_s']) / 5 * 100:.1f} % of a core")
    for transport in kept:
        transport.abort()


def main() -> None:
    """Start everything, measure, end everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        write_policy_data(home / "roster.json")
        config = home / "guard.toml"
        config.write_text(
            f'[listener]\nport = 0\n[upstream]\nhost = "{home}"\n[policy]\ndata = ["roster.json"]\n'
            '[journal]\npath = "journal"\ndurability = "buffered"\n[admin]\nsocket = "admin.sock"\n'
            f"[limits]\nconnections = {2 * options.sessions}\n[logging]\nlevel = 'warning'\n",
            encoding="utf-8",
        )
        server = multiprocessing.Process(target=serve_silently, args=(str(home / ".s.PGSQL.5432"),))
        server.start()
        guard = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "readonly_guard_cli",
                "proxy",
                "--config",
                config,
                "--workers",
                str(options.workers),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            greeting = guard.stdout.readline() if guard.stdout else ""
            uvloop.run(measure(home, int(greeting.rpartition(":")[2]), options.sessions))
        finally:
            guard.terminate()
            guard.wait()
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()
