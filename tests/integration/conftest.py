"""The whole path in one process: a real guard behind a real proxy in front of the real synthetic database."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from functools import partial

import pytest

from readonly_guard import Guard
from readonly_guard.audit import read
from readonly_guard.domain import DecisionRecord
from readonly_guard.errors import LogUnavailable
from readonly_guard.settings import (
    JournalSettings,
    LimitSettings,
    ListenerSettings,
    PolicySettings,
    ReadingSettings,
    Settings,
    UpstreamSettings,
)
from readonly_guard.sql import judge_startup
from readonly_guard_cli.demo import write_policy_data
from readonly_guard_proxy.service import serve

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is set."""

    now = NOW

    def __call__(self):
        return self.now


class Path:
    """A guard, its proxy's port, its journal."""

    def __init__(self, guard, database, port, journal, clock):
        self.guard = guard
        self.database = database
        self.port = port
        self.journal = journal

        self.clock = clock

    def dsn(self, user="alind"):
        return self.database.dsn(user, port=self.port)

    def decisions(self):
        return [entry.record for entry in read(self.journal) if isinstance(entry.record, DecisionRecord)]


@pytest.fixture
async def path(millennium, tmp_path):
    settings = Settings(
        upstream=UpstreamSettings(host=str(millennium.server.socket_dir), port=millennium.server.port),
        journal=JournalSettings(path=str(tmp_path / "journal")),
        listener=ListenerSettings(port=0),
        policy=PolicySettings(data=(str(write_policy_data(tmp_path / "roster.json")),)),
        limits=LimitSettings(drain_s=1.0),
        reading=ReadingSettings(search_path=("millennium", "public")),
    )
    clock = Clock()
    guard = Guard.from_settings(settings, clock=clock)
    ready = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    judge = partial(judge_startup, rules=settings.reading)
    running = asyncio.create_task(serve(settings, guard, judge=judge, ready=ready.set_result, stop=stop))
    await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
    yield Path(guard, millennium, ready.result(), tmp_path / "journal", clock)
    stop.set()
    await running
    with contextlib.suppress(LogUnavailable):  # a test may have taken the log away
        await guard.aclose()
