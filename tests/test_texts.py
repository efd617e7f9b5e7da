"""A text that is new is scanned once, whoever reads it."""

from __future__ import annotations

import asyncio

import pytest

from readonly_guard.domain import StatementRequest, Subject
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Analyzer, BuiltinResolver, analysis
from readonly_guard.texts import Texts

RULES = ReadingSettings()


def request(text):
    return StatementRequest(text=text, subject=Subject(id="alind"))


class Elsewhere:
    """Reads as another process does, with what it is given, when all have asked."""

    def __init__(self, askers=1):
        self.all_there = asyncio.Barrier(askers)
        self.asked = []

    async def read(self, text, scanned=None):
        self.asked.append(text)
        await self.all_there.wait()
        return Analyzer(RULES).read(text, scanned)


@pytest.fixture
def scans(monkeypatch):
    texts = []

    def scan_text(text, bounds, *, scan=analysis.scan_text):
        texts.append(text)
        return scan(text, bounds)

    monkeypatch.setattr(analysis, "scan_text", scan_text)
    return texts


async def test_a_new_text_is_scanned_once(scans):
    new = [f"SELECT c{number} FROM t WHERE a = 1" for number in range(3)]
    texts = Texts(Analyzer(RULES), Elsewhere(len(new)), BuiltinResolver(RULES))
    found = await asyncio.gather(*(texts.of(request(text)) for text in new))
    assert [one.normalised for one in found] == [f"SELECT c{number} FROM t WHERE a = ?" for number in range(3)]
    assert sorted(scans) == new


async def test_and_is_known_by_its_shape_afterwards(scans):
    reader = Elsewhere()
    texts = Texts(Analyzer(RULES), reader, BuiltinResolver(RULES))
    for value in (1, 2):
        assert (await texts.of(request(f"SELECT a FROM t WHERE b = {value}"))).is_read
    assert reader.asked == ["SELECT a FROM t WHERE b = 1"]
    assert len(scans) == 2


@pytest.mark.parametrize("text", ["SELECT '", "SELECT \ud800", "x" * 100_001])
async def test_what_is_out_of_bounds_is_read_nowhere(text):
    class Nowhere:
        async def read(self, text, scanned=None):
            raise AssertionError

    found = await Texts(Analyzer(RULES), Nowhere(), BuiltinResolver(RULES)).of(request(text))
    assert found.reasons
    assert not found.is_read
