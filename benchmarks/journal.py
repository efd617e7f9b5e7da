"""What the log costs: decisions waited for by 1, 8 and 32 sessions, durable and buffered, signed and not.

    python benchmarks/journal.py [--directory DIR] [--rounds 5] [--seconds 0.5]

Every way is run in turn, round after round, so that a noisy machine is as unkind to one as to the other; shown are the
medians: decisions a second, CPU time of this process for each (user and system), and how long the slowest of a hundred
waited. `floor` writes the same bytes with one write and one fdatasync for each group, without any journal, and
`overwriting` does so into a file that holds as many bytes already: what preallocation could gain at most. Put the
directory on the disk that the log will be on: that is what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from readonly_guard.audit import Journal, JournalPlugin, SigningKey, verify
from readonly_guard.audit.chain import canonical
from readonly_guard.audit.sealing import GENESIS, seal
from readonly_guard.domain import CompletionRecord, DecisionRecord

SESSIONS = (1, 8, 32)
DECISION = DecisionRecord(
    decision_id="00000000-0000-4000-8000-000000000001",
    time="2026-03-01T08:15:00.000001Z",
    session_id="00000000-0000-4000-8000-000000000002",
    subject="alind",
    hsa_id="SE2321000016-1ABC",
    care_unit="SE2321000016-9XYZ",
    purpose="TREAT",
    case_reference="",
    print_reason="",
    justification="",
    action="read",
    activity="Läsa",
    phase="execute",
    kinds=("select",),
    relations=("person", "encounter"),
    functions=("count",),
    patients=("person_id:900001",),
    statement="SELECT count(*) FROM person JOIN encounter USING (person_id) WHERE person_id = $1",
    fingerprint="0123456789abcdef",
    verdict="allow",
    codes=(),
    warnings=(),
    obligations=("watermark",),
    policy_revision="r1",
    routine="SSN14971 v1.0",
    database="millennium",
    client_address="10.0.0.1:50000",
    application_name="psql",
    listener="default",
    information_sets=("Vårdkontakter",),
)
COMPLETION = CompletionRecord(
    decision_id="00000000-0000-4000-8000-000000000001", time="2026-03-01T08:15:00.000001Z", rows=7, bytes=512,
    duration_us=1500, sqlstate="",
)  # fmt: skip


class Measured(NamedTuple):
    """One round of one way."""

    per_second: float
    cpu_us: float
    slow_ms: float


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _sessions(count: int, seconds: float, decide: Callable[[], Awaitable[None]]) -> Measured:
    """Have so many sessions decide one after the other for a while."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def session() -> None:
        while (began := time.perf_counter()) < end:
            await decide()
            waits.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), _cpu_s()
    await asyncio.gather(*(session() for _ in range(count)))
    took, used = time.perf_counter() - began, _cpu_s() - cpu
    waits.sort()
    return Measured(len(waits) / took, used / len(waits) * 1e6, waits[int(len(waits) * 0.99)] * 1e3)


async def _journal(
    directory: Path, sessions: int, seconds: float, *, durability: str, key: SigningKey | None
) -> Measured:
    opened = Journal.open(directory / "journal", durability=durability, signing_key=key, seal_every_s=1.0)  # type: ignore[arg-type]
    plugin = JournalPlugin(opened)

    async def decide() -> None:
        await plugin.decision_made(DECISION)
        plugin.record_made(COMPLETION)

    try:
        return await _sessions(sessions, seconds, decide)
    finally:
        plugin.guard_shutdown()
        assert verify(directory / "journal").ok


async def _floor(directory: Path, sessions: int, seconds: float, *, is_there: bool) -> Measured:
    """The same bytes for each decision, by one write and one fdatasync for whoever waits in one turn of the loop."""
    line = seal(1, GENESIS, canonical(DECISION)).data + seal(2, GENESIS, canonical(COMPLETION)).data
    path = directory / "floor"
    if is_there:
        path.write_bytes(bytes(256 * 1024 * 1024))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.fsync(descriptor)
    loop = asyncio.get_running_loop()
    waiters: list[asyncio.Future[None]] = []

    def commit() -> None:
        ready = waiters.copy()
        waiters.clear()
        os.write(descriptor, line * len(ready))
        os.fdatasync(descriptor)
        for waiter in ready:
            waiter.set_result(None)

    async def decide() -> None:
        if not waiters:
            loop.call_soon(commit)
        waiters.append(loop.create_future())
        await waiters[-1]

    try:
        return await _sessions(sessions, seconds, decide)
    finally:
        os.close(descriptor)


@contextmanager
def _room(parent: Path | None) -> Iterator[Path]:
    name = tempfile.mkdtemp(prefix="readonly-guard-journal-", dir=parent)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--directory", type=Path, default=None, help="on the disk to measure; the system's for temporary files"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round of each way")
    chosen = parser.parse_args()
    with _room(chosen.directory) as room:
        key = SigningKey.generate(room / "signing.key")
        ways: dict[str, Callable[[Path, int, float], Awaitable[Measured]]] = {
            "fsync": lambda place, n, s: _journal(place, n, s, durability="fsync", key=None),
            "fsync, signed": lambda place, n, s: _journal(place, n, s, durability="fsync", key=key),
            "buffered": lambda place, n, s: _journal(place, n, s, durability="buffered", key=None),
            "floor": lambda place, n, s: _floor(place, n, s, is_there=False),
            "overwriting": lambda place, n, s: _floor(place, n, s, is_there=True),
        }
        found: dict[tuple[str, int], list[Measured]] = {(name, n): [] for name in ways for n in SESSIONS}
        for _ in range(chosen.rounds):
            for (name, sessions), measured in found.items():
                with _room(room) as place:
                    measured.append(asyncio.run(ways[name](place, sessions, chosen.seconds)))
    print(f"{'':<14}" + "".join(f"{f'{n} sessions':>32}" for n in SESSIONS))
    print(f"{'':<14}" + f"{'a second':>12}{'CPU µs':>10}{'p99 ms':>10}" * len(SESSIONS))
    for name in ways:
        cells = ""
        for sessions in SESSIONS:
            rounds = found[name, sessions]
            middle = [statistics.median(values) for values in zip(*rounds, strict=True)]
            cells += f"{middle[0]:>12,.0f}{middle[1]:>10.1f}{middle[2]:>10.2f}"
        print(f"{name:<14}{cells}")


if __name__ == "__main__":
    main()
