"""What a guarded connection costs over bare asyncpg: CPU time of this process for each fetch of a known statement.

    python benchmarks/guarded_connection.py [--rounds 5]

Bare and guarded take turns on one server in one process, and each figure is the best of the rounds. What the journal's
disk takes is waiting, not CPU time; it is shown beside, as time on the wall of one task that fetches again and again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg

import readonly_guard
from readonly_guard import Guard
from readonly_guard.domain import Analysis, Decision, StatementRequest, Verdict
from readonly_guard.sql import judge_startup
from readonly_guard_cli.demo import EmbeddedServer, install, write_policy_data

FETCHES = 2_000
READ = "SELECT name_last FROM person WHERE person_id = $1"


class EmptyGuard:
    """Allows at once, so that only the gate is left."""

    def __init__(self) -> None:
        self._decision = Decision(decision_id="d", verdict=Verdict.ALLOW, analysis=Analysis(), action="read")

    async def decide(self, _request: StatementRequest) -> Decision:
        """The same every time."""
        return self._decision

    def judge_startup(self, parameters: dict[str, str]) -> Any:
        """As a guard does."""
        return judge_startup(parameters)

    def completed(self, *_: object, **__: object) -> None:
        """Nothing to do."""

    def session_event(self, *_: object, **__: object) -> None:
        """Nothing to do."""


async def measure(connection: Any) -> tuple[float, float]:
    """CPU and wall microseconds of a fetch."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(FETCHES):
        await connection.fetchval(READ, 900_001)
    return (
        (time.process_time() - cpu) / FETCHES * 1e6,
        (time.perf_counter() - wall) / FETCHES * 1e6,
    )


async def run(rounds: int) -> None:
    """Measure all, in turns, and print the table."""
    with EmbeddedServer() as server, tempfile.TemporaryDirectory() as home:
        database = install(server)
        data = [write_policy_data(Path(home) / "roster.json")]
        dsn = database.dsn("alind")
        guards = {
            "gate alone": EmptyGuard(),
            "guard, buffered": Guard.open(journal=Path(home) / "buffered", data=data, durability="buffered"),
            "guard, fsync": Guard.open(journal=Path(home) / "fsync", data=data),
        }
        connections: dict[str, Any] = {"asyncpg": await asyncpg.connect(dsn)}
        for name, guard in guards.items():
            connections[name] = await readonly_guard.connect(dsn, guard=guard, purpose="TREAT")  # type: ignore[arg-type]
        best = {name: (float("inf"), float("inf")) for name in connections}
        for _ in range(rounds):
            for name, connection in connections.items():
                cpu, wall = await measure(connection)
                best[name] = (min(best[name][0], cpu), min(best[name][1], wall))
        for connection in connections.values():
            await connection.close()
        bare = best["asyncpg"][0]
        print(f"{'':20}{'CPU µs':>10}{'more':>10}{'wall µs':>10}")
        for name, (cpu, wall) in best.items():
            print(f"{name:20}{cpu:10.0f}{cpu - bare:10.0f}{wall:10.0f}")
        print(json.dumps({name: round(cpu, 1) for name, (cpu, _) in best.items()}))


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(run(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
