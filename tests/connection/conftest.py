"""A guard, its journal, and connections through it to the synthetic database, as Anna Lind for care."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from readonly_guard import Guard, GuardedConnection, connect
from readonly_guard.audit import read
from readonly_guard.domain import CompletionRecord, DecisionRecord, SessionRecord
from readonly_guard.errors import LogUnavailable
from readonly_guard.settings import ReadingSettings
from readonly_guard_cli.demo import write_policy_data

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from readonly_guard_cli.demo import DemoDatabase

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)


async def _until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what is waited for happens on the server or on disk
            await asyncio.sleep(0.01)


class Log:
    """What the journal has of one guard, read when asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self, kind: type) -> list[Any]:
        return [entry.record for entry in read(self.path) if isinstance(entry.record, kind)]

    @property
    def decisions(self) -> list[DecisionRecord]:
        return self.records(DecisionRecord)

    @property
    def sessions(self) -> list[SessionRecord]:
        return self.records(SessionRecord)

    async def completion(self, decision: DecisionRecord) -> CompletionRecord:
        """The one that belongs to a decision; nobody waits for it, so it may linger in the buffer."""

        def found() -> list[CompletionRecord]:
            return [one for one in self.records(CompletionRecord) if one.decision_id == decision.decision_id]

        await _until(found)
        (only,) = found()
        return only


@pytest.fixture
def until() -> Callable[..., Any]:
    """``await until(condition)``: something that comes by itself."""
    return _until


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "journal")


@pytest.fixture
async def guard(tmp_path: Path, log: Log) -> AsyncIterator[Guard]:
    opened = Guard.open(
        journal=log.path,
        data=[write_policy_data(tmp_path / "roster.json")],
        durability="buffered",
        reading=ReadingSettings(search_path=("millennium", "public")),
        clock=lambda: NOW,
    )
    yield opened
    with contextlib.suppress(LogUnavailable):  # a test may have taken the log away
        await opened.aclose()


class Overseen:
    """A guard whose way to decide a test may change; the rest is the guard's own. A compiled guard takes no attributes."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.decide: Callable[..., Any] = guard.decide

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guard, name)


@pytest.fixture
def overseen(guard: Guard) -> Overseen:
    """For ``opened(guard=overseen)``; then ``overseen.decide = …``."""
    return Overseen(guard)


@pytest.fixture
async def opened(guard: Guard, millennium: DemoDatabase) -> AsyncIterator[Callable[..., Any]]:
    """``await opened(purpose=…)``: connections that are closed when the test is over."""
    made: list[GuardedConnection] = []

    async def make(user: str = "alind", **options: Any) -> GuardedConnection:
        connection = await connect(millennium.dsn(user), **{"guard": guard, "purpose": "TREAT", **options})
        made.append(connection)
        return connection

    yield make
    for connection in made:
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            await connection.close(timeout=5)


@pytest.fixture
async def connection(opened: Callable[..., Any]) -> GuardedConnection:
    return await opened()


@pytest.fixture
async def admin(millennium: DemoDatabase) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, past the guard: to look at what happened on the server."""
    bare = await asyncpg.connect(millennium.server.dsn(millennium.name))
    yield bare
    await bare.close()
