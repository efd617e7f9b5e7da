"""What a transaction costs inside the guard: one session without sockets, from the client's bytes to the server's.

    python benchmarks/session.py [--rounds 100] [--transactions 300] [--way prepared] [--profile]

Everything but the network is real: machine, readings, policies, plugins, and a buffered journal. Both peers are played
from memory, so what is left is the guard's own processor time for each transaction, which the kernel's share for two
reads and two writes comes on top of. Shown is the best of several rounds; on a noisy machine the best says most.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import importlib
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack
from typing import Any, cast

import structlog

from readonly_guard import Guard
from readonly_guard.domain import Declared, Session, Subject
from readonly_guard_cli.demo import write_policy_data
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.link import Link
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.patience import Patience
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.who import Who
from readonly_guard_proxy.session.authentication import Handshake
from readonly_guard_proxy.session.machine import SessionMachine
from readonly_guard_proxy.wire.framing import frame
from readonly_guard_proxy.wire.messages import BackendKey

BY_NUMBER = "SELECT abalance FROM pgbench_accounts WHERE aid = $1"
BY_PERSON = "SELECT given_name FROM person WHERE person_id = $1"
READY = frame(ord("Z"), b"I")
REPORTS = {
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "default_transaction_read_only": "on",
}
GREETING = b"".join((
    frame(ord("R"), bytes(4)),
    *(frame(ord("S"), f"{name}\0{value}\0".encode()) for name, value in REPORTS.items()),
    frame(ord("K"), bytes(8)),
    READY,
))  # fmt: skip
COLUMN = frame(ord("T"), b"\0\1abalance\0" + pack("!IhIhih", 16384, 3, 23, 4, -1, 0))
ROWS = frame(ord("D"), b"\0\1\0\0\0\1" + b"0") + frame(ord("C"), b"SELECT 1\0")


def query(number: int) -> bytes:
    """A simple query with its number in the text."""
    return frame(ord("Q"), BY_NUMBER.replace("$1", str(number)).encode() + b"\0")


def bind(number: int, name: bytes = b"") -> bytes:
    """Bind one text parameter, describe, execute, sync."""
    text = str(number).encode()
    values = pack("!hhi", 0, 1, len(text)) + text + pack("!h", 0)
    return (
        frame(ord("B"), b"\0" + name + b"\0" + values)
        + frame(ord("D"), b"P\0")
        + frame(ord("E"), b"\0" + bytes(4))
        + frame(ord("S"), b"")
    )


def parse(text: str, name: bytes = b"") -> bytes:
    """A Parse without types."""
    return frame(ord("P"), name + b"\0" + text.encode() + b"\0\0\0")


SIMPLE_REPLY = COLUMN + ROWS + READY
BOUND_REPLY = frame(ord("2"), b"") + SIMPLE_REPLY
PARSED_REPLY = frame(ord("1"), b"") + BOUND_REPLY

# name: (once at the beginning, each transaction, what the server says to it)
WAYS: dict[str, tuple[tuple[bytes, bytes] | None, Callable[[int], bytes], bytes]] = {
    "simple": (None, query, SIMPLE_REPLY),
    "extended": (None, lambda number: parse(BY_NUMBER) + bind(number), PARSED_REPLY),
    "prepared": (
        (parse(BY_NUMBER, b"P0") + frame(ord("S"), b""), frame(ord("1"), b"") + READY),
        lambda number: bind(number, b"P0"),
        BOUND_REPLY,
    ),
    "simple, new patients": (
        None,
        lambda number: frame(ord("Q"), BY_PERSON.replace("$1", str(900_001 + number)).encode() + b"\0"),
        SIMPLE_REPLY,
    ),
    "one patient": (
        (parse(BY_PERSON, b"P0") + frame(ord("S"), b""), frame(ord("1"), b"") + READY),
        lambda _: bind(900001, b"P0"),
        BOUND_REPLY,
    ),
    "many patients": (
        (parse(BY_PERSON, b"P0") + frame(ord("S"), b""), frame(ord("1"), b"") + READY),
        lambda number: bind(900_001 + number % 40, b"P0"),
        BOUND_REPLY,
    ),
    "new patients": (
        (parse(BY_PERSON, b"P0") + frame(ord("S"), b""), frame(ord("1"), b"") + READY),
        lambda number: bind(900_001 + number, b"P0"),
        BOUND_REPLY,
    ),
}


class Peer:
    """A transport that ends in memory."""

    def __init__(self, wrote: Callable[[bytes], None]) -> None:
        self.write = wrote

    def is_closing(self) -> bool:
        """Never."""
        return False

    def set_protocol(self, protocol: object) -> None:
        """It is known already."""

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""


class Nowhere:
    """A session's place in no house."""

    def opened(self, _servers: BackendKey) -> None:
        """Nobody counts it."""

    def rejected(self) -> None:
        """It is not."""

    def closed(self, _link: Link) -> None:
        """Nobody counts it."""

    async def cancel(self, _servers: BackendKey) -> None:
        """There is nothing to cancel."""


class Played:
    """A session whose two peers answer at once.

    Args:
        guard: decides.
        way: one of `WAYS`.
    """

    def __init__(self, guard: Guard, way: str) -> None:
        self.once, self.request, self.reply = WAYS[way]
        self.loop = asyncio.get_running_loop()
        self.numbers: Iterator[int] = iter(())
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.answer = b""
        self.sent = b""
        self.link = Link(
            who=Who(
                subject=Subject(id="alind"),
                session=Session(session_id="s", database="millennium", role="alind", client_address="10.0.0.1:5"),
                initial=Declared(purpose="TREAT"),
                language="en",
            ),
            machine=SessionMachine(
                user="alind",
                handshake=Handshake(version=3 << 16, is_private=True),
                cancel_key=BackendKey(1, b"abcd"),
                message_bytes=1 << 20,
            ),
            guard=MeasuredGuard(guard, Meters()),
            tasks=Tasks(),
            meters=Meters(),
            place=Nowhere(),
            patience=Patience({}),
        )
        client, server = Peer(self._to_client), Peer(self._to_server)
        self.link.join(cast("Any", client), cast("Any", server))
        self.link.server_sent(GREETING)

    def _to_server(self, data: bytes) -> None:
        self.sent += data
        if self.sent.endswith(b"S\0\0\0\4") or self.sent.startswith(b"Q"):
            self.sent = b""
            self.loop.call_soon(self.link.server_sent, self.answer)

    def _to_client(self, data: bytes) -> None:
        if data.endswith(READY) and self.answer:
            if data[-len(self.answer) :] != self.answer:
                raise SystemExit(f"not what the server said: {data!r}")
            number = next(self.numbers, None)
            if number is None:
                self.done.set_result(None)
            else:
                self.loop.call_soon(self.link.client_sent, self.request(number))

    async def run(self, numbers: Iterator[int]) -> None:
        """As many transactions as there are numbers."""
        if self.once is not None:
            request, self.answer = self.once
            self.once = None
            self.done = self.loop.create_future()
            self.link.client_sent(request)
            await self.done
        self.numbers, self.answer = numbers, self.reply
        self.done = self.loop.create_future()
        self.link.client_sent(self.request(next(numbers)))
        await self.done


async def measure(guard: Guard, way: str, rounds: int, transactions: int) -> float:
    """CPU time of a transaction in µs, the best round's."""
    played, best = Played(guard, way), float("inf")
    for number in range(rounds):
        began = time.process_time()
        await played.run(iter(range(number * transactions, (number + 1) * transactions)))
        best = min(best, time.process_time() - began)
    return best / transactions * 1e6


def main() -> None:
    """Print the table, or a profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--transactions", type=int, default=300)
    parser.add_argument("--way", choices=WAYS, action="append", help="only this one; may be repeated")
    parser.add_argument("--profile", action="store_true", help="show where the time goes, by function")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    loops = importlib.import_module("uvloop")
    with tempfile.TemporaryDirectory() as home, asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        roster = Path(home) / "roster.json"
        write_policy_data(roster)
        with Guard.open(journal=Path(home) / "journal", data=[roster], durability="buffered") as guard:
            for way in options.way or WAYS:
                profile = cProfile.Profile()
                if options.profile:
                    profile.enable()
                cost = runner.run(measure(guard, way, options.rounds, options.transactions))
                profile.disable()
                print(f"{way:20} {cost:7.1f} µs a transaction")
                if options.profile:
                    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
