"""The server's own log as the oracle: what ran is what was decided, in that order, whatever is done to names.

A program of random steps plays with everything that gives a text a name: prepared statements of asyncpg's and of SQL's,
its cache, cursors, transactions, resets. Every text is another by its shape, so that one taken for another would show.
"""

from __future__ import annotations

import contextlib
import random
import re
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from readonly_guard import Analyzer, Guard, GuardedConnection, StatementDenied, connect
from readonly_guard.audit import read
from readonly_guard.domain import CompletionRecord, DecisionRecord
from readonly_guard_cli.demo import EmbeddedServer, write_policy_data

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 150
NAMES = ("", "one", "two", None)
SAID = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*(?:\n\t.*)*)")


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """It logs each text as it begins to run it."""
    with EmbeddedServer(settings={"log_statement": "all"}) as running:
        yield running


class Program:
    """Random steps on one connection."""

    def __init__(self, connection: GuardedConnection, seed: int) -> None:
        self.connection = connection
        self.random = random.Random(seed)
        self.kept: list[Any] = []
        self.cursors: list[Any] = []
        self.count = 0
        self.transaction: Any = None

    def text(self) -> str:
        """One that no other step has, or one from before, which asyncpg may have in its cache."""
        if self.random.random() < 0.3 and self.count:
            return f"SELECT 1 AS a{self.random.randrange(self.count)}"
        self.count += 1
        return f"SELECT 1 AS a{self.count}"

    def name(self) -> str:
        """Of a prepared statement: asyncpg's, SQL's, or one that is on the server's list of them."""
        known = [each.get_name() for each in self.kept[-5:] if each.get_name()]
        return self.random.choice(["one", "two", *known])

    async def step(self) -> None:
        """One, which may fail."""
        choose, connection = self.random.choice, self.connection
        kind = choose(
            ["fetch", "fetch", "execute", "prepare", "prepare", "run", "run", "run", "sql prepare", "sql prepare",
             "deallocate", "sql execute", "begin", "end", "cursor", "more", "more", "declare", "reset", "drop", "many"]
        )  # fmt: skip
        match kind:
            case "fetch":
                await connection.fetch(self.text())
            case "execute":
                await connection.execute(f"{self.text()}; {self.text()}")
            case "prepare":
                name = choose(NAMES)
                for _ in range(2 if name == "" else 1):  # the second unnamed one takes the place of the first
                    self.kept.append(await connection.prepare(self.text(), name=name))
                await choose(self.kept).fetch()
            case "run" if self.kept:
                await choose(self.kept).fetch()
            case "many" if self.kept:
                await choose(self.kept).fetchmany([()] * 2)
            case "sql prepare":
                await connection.execute(f'DEALLOCATE "{self.name()}"')
                await connection.execute(f'PREPARE "{self.name()}" AS {self.text()}')
            case "deallocate":
                await connection.execute(choose(["DEALLOCATE ALL", "DISCARD ALL", f'DEALLOCATE "{self.name()}"']))
            case "sql execute":
                await connection.execute(f'EXECUTE "{self.name()}"')
            case "begin" if self.transaction is None:
                self.transaction = connection.transaction()
                await self.transaction.start()
            case "end" if self.transaction is not None:
                ended, self.transaction = self.transaction, None
                await choose([ended.commit, ended.rollback])()
            case "cursor":
                if self.transaction is None:
                    self.transaction = connection.transaction()
                    await self.transaction.start()
                make = choose([connection.cursor(self.text()), *(each.cursor() for each in self.kept[-1:])])
                self.cursors.append(await make)
            case "more" if self.cursors:
                await choose(self.cursors).fetch(1)
            case "declare" if self.cursors:
                name = self.cursors[-1]._inner._portal_name
                await connection.execute(f'CLOSE "{name}"; DECLARE "{name}" CURSOR FOR {self.text()}')
                await self.cursors[-1].fetch(1)
            case "reset":
                self.transaction = None
                await connection.reset()
            case "drop" if self.kept:
                self.kept.remove(choose(self.kept))


def is_within(few: list[str], many: list[str]) -> bool:
    """Whether the few are among the many, in their order."""
    rest = iter(many)
    return all(any(one == other for other in rest) for one in few)


@pytest.mark.parametrize("seed", range(6))
async def test_what_ran_is_what_was_decided(server, tmp_path, seed) -> None:
    guard = Guard.open(
        journal=tmp_path / "journal", data=[write_policy_data(tmp_path / "roster.json")], durability="buffered"
    )
    logged = len(server.log())
    connection = await connect(
        server.dsn("postgres"),
        guard=guard,
        subject="alind",
        purpose="TREAT",
        statement_cache_size=(100, 3, 0)[seed % 3],
    )
    program = Program(connection, seed)
    done = 0
    for _ in range(STEPS):
        with contextlib.suppress(StatementDenied, asyncpg.PostgresError, asyncpg.InterfaceError):
            await program.step()
            done += 1
    await connection.close()
    await guard.aclose()
    normalised = Analyzer()
    ran = [normalised.analyse(text.replace("\n\t", "\n")).normalised for text in SAID.findall(server.log()[logged:])]
    records = [entry.record for entry in read(tmp_path / "journal")]
    ends = {one.decision_id: one.sqlstate for one in records if isinstance(one, CompletionRecord)}
    decided = [
        one for one in records
        if isinstance(one, DecisionRecord) and one.phase in {"query", "execute"} and one.verdict == "allow"
    ]  # fmt: skip
    assert done > STEPS / 4
    assert len(ran) > STEPS / 4
    assert is_within(ran, [one.statement for one in decided])
    assert is_within([one.statement for one in decided if ends[one.decision_id] == ""], ran)
