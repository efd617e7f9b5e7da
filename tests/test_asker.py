"""Askers: what was found lately is found again, also about another patient, and only as long as it holds."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from readonly_guard import Declared, Guard, Session, StatementRequest, Subject
from readonly_guard.asker import Asker
from readonly_guard.audit import read
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.sql import Analyzer

NOON = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
USER = {
    "hsa_id": "SE1234567890-P000000000001", "name": "Anna Lind", "care_unit": "Medicin", "title": "Läkare",
    "granted_at": "2024-11-12", "revoked_at": None, "acknowledged_at": "2024-12-18", "purposes": ["TREAT"],
}  # fmt: skip
READ = "SELECT * FROM person WHERE person_id = "
SUBJECT, SESSION = Subject(id="alind"), Session(session_id="s", database="db")
TREAT, NOTHING = Declared(purpose="TREAT"), Declared()


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


class Bench:
    """A guard, one asker, and a count of how often a text's reading was looked up."""

    def __init__(self, guard, clock, monkeypatch):
        self.guard = guard
        self.clock = clock
        self.asker = Asker(SUBJECT, TREAT, NOTHING, SESSION)
        self.looked_up = []
        recall = Analyzer.recall  # never compiled, so that all who call it see another in its place

        def counted(analyzer, text):
            self.looked_up.append(text)
            return recall(analyzer, text)

        monkeypatch.setattr(Analyzer, "recall", counted)

    async def decide(self, text, phase="query"):
        told = asyncio.get_running_loop().create_future()
        request = StatementRequest(
            text=text, subject=SUBJECT, declared=TREAT, initial=NOTHING, session=SESSION, phase=phase
        )
        if not self.guard.decide_soon(request, told.set_result):
            return await self.guard.decide(request)
        return await told

    def find(self, text, phase="query"):
        self.looked_up.clear()
        return self.guard.find_precedent(self.asker, phase, text, None)

    async def know(self, *texts):
        """Have their shapes decided and found."""
        for text in texts:
            for _ in range(3):
                await self.decide(text)
            self.find(text)


def data(tmp_path, **more):
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"roster": {"users": {"alind": USER}}, **more}), encoding="utf-8")
    return path


@pytest.fixture
def bench(tmp_path, monkeypatch):
    clock = Clock()
    with Guard.open(journal=tmp_path / "journal", data=[data(tmp_path)], clock=clock) as guard:
        yield Bench(guard, clock, monkeypatch)


async def test_a_text_about_another_patient_is_found_without_being_looked_up(bench, tmp_path):
    await bench.know(READ + "1", READ + "2", READ + "3")
    for number in ("4", "5", "4", "900001"):
        found = bench.find(READ + number)
        assert found is not None
        assert bench.looked_up == []
        assert found.patients == (f"person_id:{number}",)
        told = asyncio.get_running_loop().create_future()
        decision_id = bench.guard.repeat(found, told.set_result)
        assert await told is None
        record = [entry.record for entry in read(tmp_path / "journal")][-1]
        assert (record.decision_id, record.patients) == (decision_id, (f"person_id:{number}",))
        assert record.statement == "SELECT * FROM person WHERE person_id = ?"


async def test_what_is_no_variation_is_looked_up(bench):
    await bench.know(READ + "1", READ + "2", READ + "3")
    for text in (READ + "4 ", READ + "4 OR true", READ + "004", READ + "4; DELETE FROM person", READ):
        bench.find(text)
        assert bench.looked_up == [text]
    assert bench.find(READ + "4", phase="execute") is None
    assert bench.looked_up == [READ + "4"]


async def test_a_write_behind_a_known_read_is_denied(bench):
    await bench.know(READ + "1", READ + "2", READ + "3")
    for text in (READ + "4; DELETE FROM person", READ + "4 FOR UPDATE", "DELETE FROM person WHERE person_id = 4"):
        assert bench.find(text) is None
        assert not (await bench.decide(text)).allowed


async def test_a_patient_of_whom_the_policies_know_more_is_asked_about(tmp_path, monkeypatch):
    block = {"unit": "SE2321000131-F000000000001", "provider": "SE2321000131-0001", "to": None}
    blocked = {"person_id:5": [block]}
    path = data(tmp_path, blocks=blocked)
    with Guard.open(journal=tmp_path / "journal", data=[path], clock=Clock()) as guard:
        bench = Bench(guard, Clock(), monkeypatch)
        await bench.know(READ + "1", READ + "2", READ + "3")
        for number, is_allowed in (("4", True), ("5", False), ("6", True)):
            assert (bench.find(READ + number) is not None) == is_allowed
            assert (await bench.decide(READ + number)).allowed == is_allowed


async def test_a_handful_of_texts_is_kept_and_the_longest_unused_goes_first(bench):
    texts = [f"SELECT given_name AS a{number} FROM person WHERE person_id = " for number in range(18)]
    for text in texts[:14]:
        await bench.know(text + "1", text + "2", text + "3")
    for text in texts[:14]:
        assert bench.find(text + "4") is not None
        assert bench.looked_up == []
    assert bench.find(texts[0] + "5") is not None
    for text in texts[14:]:
        await bench.know(text + "1", text + "2", text + "3")
    assert len(bench.asker._recent["query"]) <= 16
    bench.find(texts[0] + "6")
    assert bench.looked_up == []
    bench.find(texts[1] + "6")
    assert bench.looked_up == [texts[1] + "6"]


async def test_texts_are_kept_up_to_so_many_characters_together(bench):
    long = "SELECT * FROM person WHERE /*" + "x" * 6_000 + "*/ person_id = "
    texts = [long.replace("SELECT *", f"SELECT given_name AS a{number}") + "1" for number in range(3)]
    await bench.know(*texts)
    assert [one.text for one in bench.asker._recent["query"]] == [texts[2], texts[1]]


async def test_what_was_found_does_not_outlive_its_answer_policies_or_catalog(bench):
    await bench.know(READ + "1", READ + "2", READ + "3")
    bench.clock.now = NOON + timedelta(days=1)
    assert bench.find(READ + "4") is None
    bench.clock.now = NOON - timedelta(seconds=1)
    assert bench.find(READ + "4") is None
    bench.clock.now = NOON
    assert bench.find(READ + "4") is not None
    bench.guard.resolve_with(None)
    assert bench.find(READ + "4") is None
    await bench.know(READ + "1", READ + "2", READ + "3")
    assert bench.find(READ + "4") is not None
    assert len(bench.asker._recent["query"]) == 1  # nothing is left of what was found before
    bench.guard.replace_policies(EmbeddedEngine(load_policies(None, [])))  # nobody is on the roster
    assert bench.find(READ + "4") is None
    assert not (await bench.decide(READ + "4")).allowed


async def test_whoever_asks_the_same_in_ever_other_words_has_them_compared_once(bench, monkeypatch):
    sought = []
    variation = Analyzer.variation
    monkeypatch.setattr(Analyzer, "variation", lambda *given: sought.append(given[1]) or variation(*given))
    both = "SELECT * FROM person WHERE person_id IN ({}, {})"
    await bench.know(both.format(1, 2), both.format(3, 4), both.format(5, 6))
    for number in range(7, 12):
        text = both.format(number, number + 1)
        found = bench.find(text)
        assert found.patients == (f"person_id:{number}", f"person_id:{number + 1}")
        assert bench.looked_up == [text]
    assert len(sought) == 1


async def test_integers_and_larger_numbers_are_two_shapes_of_a_text(bench):
    await bench.know(READ + "1", READ + "2", READ + "3")
    await bench.know(READ + "4000000001", READ + "4000000002", READ + "4000000003")
    for number in ("2147483647", "2147483648", "7", "191212121212"):
        assert bench.find(READ + number).patients == (f"person_id:{number}",)
        assert bench.looked_up == []
