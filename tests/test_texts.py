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
    first, *others = (f"SELECT a FROM t WHERE b = {value}" for value in (1, 2, 3))
    assert (await texts.of(request(first))).is_read
    assert scans == [first]  # where it was read; what its shape is nobody has asked
    for other in others:
        assert (await texts.of(request(other))).is_read
    assert reader.asked == [first]
    assert scans == [first, first, others[0]]  # the third has the second's outline


class Known:
    """Has read what it is asked for before, with as many tokens as it is handed."""

    def __init__(self):
        self.handed = []

    async def read(self, text, scanned=None):
        self.handed.append(scanned and scanned.words)
        return Analyzer(RULES).read(text)


@pytest.mark.parametrize(
    "text",
    ["SELECT 1", "SELECT $1::int, t1.a FROM t1", "SELECT 'it', \"Name\" FROM t WHERE a IN (1, 2)", "SELECT 'åäö'"],
)
async def test_a_new_text_that_has_a_gist_is_handed_over_unscanned(scans, text):
    reader = Known()
    assert (await Texts(Analyzer(RULES), reader, BuiltinResolver(RULES)).of(request(text))).is_read
    assert (reader.handed, scans) == ([None], [text])


@pytest.mark.parametrize(
    "text",
    ["SELECT 1.5", "SELECT a FROM t WHERE b = .5", "SELECT E'a'", "SELECT $$a$$", "SELECT 1 -- 2", "SELECT å FROM t"],
)
async def test_and_one_that_has_none_is_handed_over_with_its_tokens(scans, text):
    reader = Known()
    texts = Texts(Analyzer(RULES), reader, BuiltinResolver(RULES))
    assert (await texts.of(request(text))).is_read
    assert (len(reader.handed[0]), scans) == (len(text.partition(" --")[0].split()), [text, text])
    assert (await texts.of(request(text + " -- again"))).is_read
    assert len(reader.handed) == 1  # its shape is known


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t\n WHERE b=  2"),
        ("SELECT $1 FROM t1 WHERE b = 'x'", "SELECT $1 FROM t1 WHERE b = ''"),
        ('SELECT "a" FROM t WHERE b = 7', 'SELECT "a" FROM t WHERE b =8'),
    ],
)
async def test_texts_of_one_shape_have_one_gist(first, second):
    reader = Elsewhere()
    texts = Texts(Analyzer(RULES), reader, BuiltinResolver(RULES))
    for text in (first, second):
        assert (await texts.of(request(text))).is_read
    assert reader.asked == [first]


async def test_texts_of_one_gist_need_not_be_of_one_shape():
    texts = Texts(Analyzer(RULES), Elsewhere(), BuiltinResolver(RULES))
    for name in ("a", "b", "a"):
        found = await texts.of(request(f'SELECT "{name}" FROM t WHERE c = 1'))
        assert found.normalised == f'SELECT "{name}" FROM t WHERE c = ?'


@pytest.mark.parametrize("text", ["SELECT '", "SELECT \ud800", "x" * 100_001])
async def test_what_is_out_of_bounds_is_read_nowhere(text):
    class Nowhere:
        async def read(self, text, scanned=None):
            raise AssertionError

    found = await Texts(Analyzer(RULES), Nowhere(), BuiltinResolver(RULES)).of(request(text))
    assert found.reasons
    assert not found.is_read
