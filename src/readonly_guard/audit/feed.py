"""The feed: carries the log to sinks, each at its own pace, in a process of its own beside the guard.

It reads the journal's files, so a sink that is slow or down costs no decision anything. How far each sink has come is
kept in ``cursors/<sink>.json`` in the journal, written after the sink said that the records are safe: a sink that was
down for an hour gets all of it in order, and what it gets twice after a crash it knows by chain and number.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from readonly_guard.audit.chains import Chain, find_chains
from readonly_guard.audit.follow import Follower, Position
from readonly_guard.audit.segments import last_seq, list_segments, sync_directory
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import Sink

__all__ = ["CURSORS", "Feed", "FeedEvent", "SinkPosition", "cursors_of", "feeding", "sink_positions"]

CURSORS: Final = "cursors"
"""The directory of the cursors in a journal."""

_LOCK: Final = "feed.lock"

_BATCH: Final = 500
_POLL_S: Final = 0.2
_DEADLINE_S: Final = 30.0
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 60.0


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a sink: ``failing`` (with the reason), ``recovered``, or ``delivered``."""

    sink: str
    what: str
    records: int = 0
    reason: str = ""


class Feed:
    """Carries one journal to one sink.

    Args:
        journal: the directory; its chains are found anew all the time.
        name: of the sink, and of its cursor.
        sink: where to.
        report: told what happens; may not raise.
        batch: how many records at once, at most.
        poll_s: how long to wait where there is nothing new.
        deadline_s: how long a delivery may take.
        longest_wait_s: between attempts at a sink that fails; it begins with half a second and doubles.
    """

    def __init__(
        self,
        journal: Path,
        name: str,
        sink: Sink,
        *,
        report: Callable[[FeedEvent], None] = lambda _event: None,
        batch: int = _BATCH,
        poll_s: float = _POLL_S,
        deadline_s: float = _DEADLINE_S,
        longest_wait_s: float = _LONGEST_WAIT_S,
    ) -> None:
        self.name = name
        self._journal = journal
        self._sink = sink
        self._report = report
        self._batch = batch
        self._poll_s = poll_s
        self._deadline_s = deadline_s
        self._longest_wait_s = longest_wait_s
        self._cursor = journal / CURSORS / f"{name}.json"
        self._followers: dict[str, Follower] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Carry records until told to stop; a sink that fails is told of and tried again, for ever."""
        wait_s = _FIRST_WAIT_S
        is_failing = False
        try:
            while not stop.is_set():
                try:
                    delivered = await self._round(is_final=False)
                except Exception as error:  # noqa: BLE001  a sink may raise anything; it is named and tried again
                    self._report(FeedEvent(sink=self.name, what="failing", reason=_told(error)))
                    is_failing = True
                    await self._give_up()
                    await _pause(stop, wait_s)
                    wait_s = min(2 * wait_s, self._longest_wait_s)
                    continue
                if is_failing and delivered:
                    self._report(FeedEvent(sink=self.name, what="recovered", records=delivered))
                    is_failing, wait_s = False, _FIRST_WAIT_S
                if not delivered:
                    await _pause(stop, self._poll_s)
        finally:
            with suppress(Exception):
                await self._sink.close()

    async def drain(self) -> int:
        """Carry all there is, and return how many records that were.

        Raises:
            Exception: whatever the sink raises.
        """
        count = 0
        try:
            while delivered := await self._round(is_final=True):
                count += delivered
        finally:
            await self._give_up()
        if count:
            self._report(FeedEvent(sink=self.name, what="delivered", records=count))
        return count

    async def _round(self, *, is_final: bool) -> int:
        """A batch of each chain."""
        delivered = 0
        for chain in find_chains(self._journal):
            follower = self._follower(chain)
            entries = follower.read(self._batch, is_final=is_final)
            if entries:
                async with asyncio.timeout(self._deadline_s):
                    await self._sink.deliver(entries)
                self._save()
                delivered += len(entries)
        return delivered

    def _follower(self, chain: Chain) -> Follower:
        if chain.name not in self._followers:
            known = cursors_of(self._cursor)
            keeps = getattr(self._sink, "keeps_canonical", False)
            self._followers[chain.name] = Follower(chain, known.get(chain.name), with_canonical=keeps)
        return self._followers[chain.name]

    async def _give_up(self) -> None:
        """Begin again from what is safe."""
        self._followers.clear()
        with suppress(Exception):
            await self._sink.close()

    def _save(self) -> None:
        positions = cursors_of(self._cursor)
        positions |= {name: follower.position for name, follower in self._followers.items() if follower.position.seq}
        directory = self._cursor.parent
        directory.mkdir(mode=0o700, exist_ok=True)
        new = self._cursor.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(positions)))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._cursor)
        sync_directory(directory)


class SinkPosition(NamedTuple):
    """How far a sink has come in a chain, and how many records it has not had yet."""

    sink: str
    chain: str
    seq: int
    behind: int


def sink_positions(journal: Path) -> list[SinkPosition]:
    """How far every sink that was ever fed has come in each chain.

    Raises:
        ConfigurationError: there is no journal, or a cursor cannot be read.
    """
    chains = find_chains(journal)
    ends = {chain.name: last_seq(list_segments(chain.path)) for chain in chains}
    found = []
    for cursor in sorted((journal / CURSORS).glob("*.json")):
        positions = cursors_of(cursor)
        for chain in chains:
            position = positions.get(chain.name)
            seq = 0 if position is None else position.seq
            found.append(SinkPosition(cursor.stem, chain.name, seq, max(0, ends[chain.name] - seq)))
    return found


@contextmanager
def feeding(journal: Path) -> Iterator[None]:
    """Hold the cursors against a second feed of the same journal.

    Raises:
        ConfigurationError: there is one, or the directory cannot be written.
    """
    directory = journal / CURSORS
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{directory}: cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"{journal} is being fed to its sinks by another process; stop that one") from None
        yield
    finally:
        os.close(lock)


def cursors_of(path: Path) -> dict[str, Position]:
    """How far a sink has come in each chain; nowhere, where there is no cursor yet.

    Raises:
        ConfigurationError: the file is none that a feed wrote.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Position])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{path}: cannot be read as a cursor; remove it to carry the whole log to this sink again"
        ) from None


def _told(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "it took too long"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
