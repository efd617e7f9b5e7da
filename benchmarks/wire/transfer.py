"""Large results: a table of a gigabyte read whole, by `COPY … TO STDOUT` and by SELECT.

The client reads from the socket and counts, without taking rows apart, so that it is never what is waited for. Beside
speed and CPU time it is shown how much more memory the proxy's processes held at their peak than before
(`VmHWM`, proc(5)): a proxy that gathers a result before it passes it on would hold all of it.
"""

from __future__ import annotations

import os
import socket
import statistics
import struct
import time
from collections.abc import Callable
from typing import Final

import msgspec
import psycopg

from benchmarks.wire.database import LARGE_TABLE, Database
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.processes import peak_bytes, reset_peak, tree
from benchmarks.wire.routes import DIRECT, PGBOUNCER, Route
from benchmarks.wire.stage import Stage

__all__ = ["Read", "Transfer", "fill_large_table", "read_large", "transfers"]

_ROW_BYTES: Final = 1000
_PATIENT: Final = 30000
_STATEMENTS: Final = {
    "COPY": f"COPY (SELECT id, filler FROM {LARGE_TABLE} WHERE person_id = {_PATIENT}) TO STDOUT",
    "SELECT": f"SELECT id, filler FROM {LARGE_TABLE} WHERE person_id = {_PATIENT}",
}
_READY: Final = b"Z\0\0\0\5I"  # ReadyForQuery, outside a transaction; no row of the table ends like that
_BUFFER_BYTES: Final = 256 * 1024


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Medians of rounds. ``cpu_us`` is of the proxy's processes for each MB (10^6 bytes) on the wire."""

    statement: str
    route: str
    megabytes: float
    megabytes_s: float
    cpu_us: float
    peak_bytes: int
    speed_to_direct: float | None = None
    cpu_to_pgbouncer: float | None = None


class Read(msgspec.Struct, frozen=True):
    """A result that was read; ``cpu_us`` and ``peak_bytes`` as in a :class:`Transfer`."""

    megabytes: float
    seconds: float
    cpu_us: float
    peak_bytes: int


def transfers(stage: Stage, megabytes: int, *, rounds: int, tell: Callable[[str], None]) -> list[Transfer]:
    """Read the table through every way, in turn, round after round.

    Args:
        stage: with the ways.
        megabytes: of the table.
        rounds: how often.
        tell: is told how far it has come.
    """
    fill_large_table(stage.server, megabytes)
    found = []
    for name, statement in _STATEMENTS.items():
        reads: list[dict[str, Read]] = []
        for _ in range(rounds):
            reads.append({})
            for route in stage.routes:
                read = reads[-1][route.name] = read_large(route, stage.conninfo, statement)
                tell(f"{name:8} {route.name:22} {read.megabytes / read.seconds:8.0f} MB/s {read.cpu_us:8.0f} µs CPU/MB")
        found += [_summary(name, route.name, reads) for route in stage.routes]
    return found


def fill_large_table(server: Database, megabytes: int) -> None:
    """Fill it with so many, in place of what was in it."""
    rows = megabytes * 1_000_000 // _ROW_BYTES
    server.run_sql(
        f"TRUNCATE {LARGE_TABLE}; INSERT INTO {LARGE_TABLE}"
        f" SELECT id, {_PATIENT}, repeat(md5(id::text), {_ROW_BYTES // 32}) FROM generate_series(1, {rows}) AS id"
    )
    server.run_sql(f"VACUUM ANALYZE {LARGE_TABLE}")


def read_large(route: Route, conninfo: str, statement: str) -> Read:
    """Read an answer whole through a way.

    Raises:
        BenchmarkError: it is refused, or breaks off.
    """
    pids = [] if route.pid is None else tree(route.pid)
    body = statement.encode() + b"\0"
    with (
        psycopg.connect(f"{conninfo} port={route.port}", autocommit=True) as connection,
        socket.socket(
            fileno=os.dup(connection.pgconn.socket)
        ) as wire,  # libpq has logged in; it is read past from here
    ):
        connection.execute("SET readonly_guard.print_reason = 'MEDICAL_NEED'")  # a COPY is a print, which needs one
        wire.setblocking(True)
        reset_peak(pids)
        held, cpu, began = peak_bytes(pids), route.cpu(), time.perf_counter()
        wire.sendall(struct.pack("!cI", b"Q", len(body) + 4) + body)
        count = _drain(wire)
        seconds = time.perf_counter() - began
        used, peak = route.cpu().since(cpu), peak_bytes(pids)
    megabytes = count / 1e6
    return Read(megabytes, seconds, used.total_us / megabytes, max(0, peak - held))


def _drain(wire: socket.socket) -> int:
    """Read an answer to its end; its length.

    Raises:
        BenchmarkError: it is an error, or breaks off.
    """
    buffer = bytearray(_BUFFER_BYTES)
    view, count, tail = memoryview(buffer), 0, b""
    while tail != _READY:
        size = wire.recv_into(buffer)
        if not size:
            raise BenchmarkError("the connection ended within a large result")
        if count == 0 and buffer[:1] == b"E":
            raise BenchmarkError(f"a large result was refused: {bytes(view[5:size]).decode(errors='replace')}")
        count += size
        tail = (tail + bytes(view[max(0, size - len(_READY)) : size]))[-len(_READY) :]
    return count


def _summary(statement: str, route: str, reads: list[dict[str, Read]]) -> Transfer:
    ours = [one[route] for one in reads]
    speeds = [one[DIRECT].seconds / one[route].seconds for one in reads if DIRECT in one]
    costs = [one[route].cpu_us / one[PGBOUNCER].cpu_us for one in reads if PGBOUNCER in one and one[PGBOUNCER].cpu_us]
    return Transfer(
        statement=statement,
        route=route,
        megabytes=ours[0].megabytes,
        megabytes_s=statistics.median(one.megabytes / one.seconds for one in ours),
        cpu_us=statistics.median(one.cpu_us for one in ours),
        peak_bytes=int(statistics.median(one.peak_bytes for one in ours)),
        speed_to_direct=statistics.median(speeds) if speeds else None,
        cpu_to_pgbouncer=statistics.median(costs) if costs and route != DIRECT else None,
    )
