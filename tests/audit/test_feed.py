import asyncio

import pytest

from readonly_guard.audit import Feed, Journal
from readonly_guard.errors import ConfigurationError


class Place:
    """A sink that keeps what it gets, and fails as often as told."""

    def __init__(self, failures=0, delay_s=0.0):
        self.kept = []
        self.attempts = 0
        self.closed = 0
        self.failures = failures
        self.delay_s = delay_s

    async def deliver(self, entries):
        self.attempts += 1
        await asyncio.sleep(self.delay_s)
        if self.failures:
            self.failures -= 1
            raise ConnectionRefusedError("nobody there")
        self.kept += [(entry.chain, entry.seq, entry.record.decision_id) for entry in entries]

    async def close(self):
        self.closed += 1


def write(path, completion, *numbers):
    with Journal.open(path, segment_bytes=2_000) as journal:
        for number in numbers:
            journal.append(completion(number))
            journal.commit()


@pytest.fixture
def log(tmp_path, completion):
    path = tmp_path / "journal"
    write(path / "one", completion, *range(1, 31))
    write(path / "two", completion, 1, 2)
    return path


def of(kept, chain):
    return [seq for name, seq, _ in kept if name == chain]


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  the feed looks at files, which set no event
            await asyncio.sleep(0.01)


async def test_everything_is_carried_once_in_the_order_of_its_chain(log):
    place = Place()

    assert await Feed(log, "place", place, batch=7).drain() == 32

    assert of(place.kept, "one") == list(range(1, 31))
    assert of(place.kept, "two") == [1, 2]
    assert place.closed == 1


async def test_a_sink_goes_on_where_it_was(log, completion):
    place = Place()
    await Feed(log, "place", place).drain()
    write(log / "one", completion, 31, 32)
    write(log / "three", completion, 1)

    assert await Feed(log, "place", place).drain() == 3
    assert of(place.kept, "one") == list(range(1, 33))
    assert of(place.kept, "three") == [1]
    assert await Feed(log, "another", Place()).drain() == 35, "each sink has a cursor of its own"


async def test_what_is_not_safe_comes_again(log):
    place = Place()
    feed = Feed(log, "place", place, batch=10)
    await feed._round(is_final=True)
    place.failures = 1
    with pytest.raises(ConnectionRefusedError):
        await feed.drain()

    assert of(place.kept, "one") == list(range(1, 11))
    await Feed(log, "place", place, batch=10).drain()
    assert of(place.kept, "one") == list(range(1, 31))


async def test_a_sink_that_is_down_is_named_and_catches_up_without_gaps_or_repetitions(log, completion):
    place, told, stop = Place(failures=3), [], asyncio.Event()
    feed = Feed(log, "place", place, batch=8, report=told.append, poll_s=0.01, longest_wait_s=0.02)
    task = asyncio.create_task(feed.run(stop))
    await until(lambda: len(place.kept) == 32)
    write(log / "one", completion, 31)
    await until(lambda: len(place.kept) == 33)
    stop.set()
    await task

    assert of(place.kept, "one") == list(range(1, 32))
    assert [event.what for event in told] == ["failing", "failing", "failing", "recovered"]
    assert told[0].reason == "ConnectionRefusedError: nobody there"
    assert told[0].sink == "place"


async def test_a_sink_that_hangs_is_named_too(log):
    told, stop = [], asyncio.Event()
    feed = Feed(log, "place", Place(delay_s=60), report=told.append, deadline_s=0.01)
    task = asyncio.create_task(feed.run(stop))
    await until(lambda: told)
    stop.set()
    await task

    assert told[0].reason == "it took too long"


async def test_a_crash_after_delivery_repeats_what_the_cursor_does_not_know(log, monkeypatch):
    place = Place()
    feed = Feed(log, "place", place, batch=100)
    monkeypatch.setattr(feed, "_save", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        await feed.drain()
    await Feed(log, "place", place, batch=100).drain()

    assert of(place.kept, "one") == [*range(1, 31), *range(1, 31)], "a sink knows them by chain and number"


async def test_a_cursor_that_is_none_is_named(log):
    (log / "cursors").mkdir()
    (log / "cursors" / "place.json").write_text("{")

    with pytest.raises(ConfigurationError, match=r"place\.json: cannot be read as a cursor; remove it"):
        await Feed(log, "place", Place()).drain()
