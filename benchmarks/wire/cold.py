"""A text that the guard has never seen: how long from the text to its analysis, for the mix of `benchmarks.clients`.

Measured is all that happens until a decision can be made: that nothing is known of the text is found out, both keys
read it, outline, shape and fingerprint are kept, its names are settled against the catalog. Once in this process, and
once as the proxy has it done, by a pool of reading processes, whose time counts. The guard itself is not cold: all is
loaded, and the catalog's objects were followed before; only the texts are new, and in each round all are.
"""

from __future__ import annotations

import asyncio
import gc
import math
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import uvloop

from benchmarks.clients import client_mix, logging_server
from readonly_guard.catalog import CatalogResolver, capture
from readonly_guard.domain import SearchPath, StatementRequest, Subject
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Analyzer, Bounds
from readonly_guard.texts import Texts
from readonly_guard_cli.demo import install
from readonly_guard_proxy.reading.pool import ReadingPool

__all__ = ["Cold", "Took", "cold", "row_of"]

_ALL: Final = "the client mix"
_ROUNDS: Final = 3
"""For each round that was asked for: one takes a quarter of a second."""
_PROCESS_CLOCK: Final = 2
"""The processor time of a process by its id, as clock_getcpuclockid(3) names it on Linux."""


class Cold(msgspec.Struct, frozen=True, kw_only=True):
    """What one client's texts took, in milliseconds.

    Attributes:
        client: who sends them.
        way: who reads them.
        texts: how many different ones.
        characters: of a text, median.
        cpu: processor time of each text's best round: half of the texts, nine and ninety-nine in a hundred do not
            exceed these, and the longest.
        wall: the same of each text's median round by the clock: what whoever asks waits.
    """

    client: str
    way: str
    texts: int
    characters: float
    cpu: tuple[float, float, float, float]
    wall: tuple[float, float, float, float]


class Took(NamedTuple):
    """One text, once, in milliseconds."""

    cpu: float
    wall: float


def cold(rounds: int) -> list[Cold]:
    """Start a server, capture the mix, and measure; the last rows are all of it, each text as often as any other.

    Args:
        rounds: each is three times all texts, in both ways.
    """
    with logging_server() as server:
        database = install(server)
        mix = client_mix(server, database)
        resolver = CatalogResolver(asyncio.run(capture(database.admin_dsn)))
    texts = [text for several in mix.values() for text in several]
    with _frozen():
        here = _here(texts, resolver, rounds * _ROUNDS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            pool = runner.run(_by_the_pool(texts, resolver, rounds * _ROUNDS))
    return [
        row_of(client, way, {text: found[text] for text in several})
        for client, several in (*mix.items(), (_ALL, texts))
        for way, found in (("in one process", here), ("by the pool", pool))
    ]


def row_of(client: str, way: str, took: dict[str, list[Took]]) -> Cold:
    """A row of the table: the texts, and what each took in each round."""
    return Cold(
        client=client,
        way=way,
        texts=len(took),
        characters=statistics.median(map(len, took)),
        cpu=_distribution(min(one.cpu for one in rounds) for rounds in took.values()),
        wall=_distribution(statistics.median(one.wall for one in rounds) for rounds in took.values()),
    )


def _distribution(values: Iterable[float]) -> tuple[float, float, float, float]:
    """By the nearest rank."""
    ordered = sorted(values)
    p50, p90, p99 = (ordered[math.ceil(len(ordered) * percent / 100) - 1] for percent in (50, 90, 99))
    return p50, p90, p99, ordered[-1]


@contextmanager
def _frozen() -> Iterator[None]:
    """As in a proxy that has loaded: the collector need not go through the catalog again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _here(texts: Sequence[str], resolver: CatalogResolver, rounds: int) -> dict[str, list[Took]]:
    """In this process, as the library reads and a proxy without reading processes."""
    took: dict[str, list[Took]] = {text: [] for text in texts}
    for number in range(rounds + 1):
        analyzer = Analyzer(resolver=resolver)
        for text in texts:
            began, began_cpu = time.perf_counter(), time.thread_time()
            analysis = analyzer.analyse(text, _PATH)
            cpu, wall = time.thread_time() - began_cpu, time.perf_counter() - began
            assert analysis.is_read, analysis.reasons
            if number:  # the first round is for caches and the catalog's objects
                took[text].append(Took(cpu * 1000, wall * 1000))
    return took


async def _by_the_pool(texts: Sequence[str], resolver: CatalogResolver, rounds: int) -> dict[str, list[Took]]:
    """By reading processes, one text at a time. What one still does when it has answered counts, but nobody waits."""
    rules = ReadingSettings()
    took: dict[str, list[Took]] = {text: [] for text in texts}
    async with ReadingPool(rules, Bounds()) as pool:
        for number in range(rounds + 1):
            known = Texts(Analyzer(rules), pool, resolver)
            known.resolve_with(resolver)
            for text in texts:
                request = StatementRequest(text=text, subject=_SUBJECT)
                began_theirs = _at_rest(pool)
                began, began_ours = time.perf_counter(), time.process_time()
                analysis = await known.of(request)
                wall, ours = time.perf_counter() - began, time.process_time() - began_ours
                assert analysis.is_read, analysis.reasons
                if number:
                    cpu = ours + _at_rest(pool) - began_theirs
                    took[text].append(Took(cpu * 1000, wall * 1000))
    return took


def _at_rest(pool: ReadingPool) -> float:
    """Seconds of the pool's processor time, once none of its processes does anything.

    The time of a process that runs is accounted at the kernel's ticks only: read at once, it would be the next text's,
    or, of the best of several rounds, nobody's.
    """
    while any(_is_running(pid) for pid in pool.pids):
        pass
    return sum(time.clock_gettime((~pid << 3) | _PROCESS_CLOCK) for pid in pool.pids)


def _is_running(pid: int) -> bool:
    """Whether a process does something, or waits for a processor only (proc(5), ``/proc/pid/stat``)."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] == b"R"


_SUBJECT: Final = Subject(id="alind")
_PATH: Final = SearchPath()
