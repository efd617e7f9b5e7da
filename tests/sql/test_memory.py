"""What is remembered is bounded, and a shape stands for a text only where literals cannot matter."""

from __future__ import annotations

import pytest

from readonly_guard.domain import Analysis, PatientPlace, PatientScope
from readonly_guard.sql import Analyzer, analysis, canonical
from readonly_guard.sql.analysis import weight
from readonly_guard.sql.memory import Memory


def test_the_longest_unused_goes_first():
    memory = Memory(10, weight)
    first, second = Analysis(normalised="1"), Analysis(normalised="2")
    memory.put("aaaa", first)
    memory.put("bbbb", second)
    assert memory.get("aaaa") is first
    memory.put("cccc", second)
    assert memory.get("bbbb") is None
    assert memory.get("aaaa") is first
    assert (len(memory), memory.characters) == (2, 8)


def test_a_text_larger_than_the_memory_is_not_kept():
    memory = Memory(3, weight)
    memory.put("aaaa", Analysis())
    assert (len(memory), memory.characters) == (0, 0)


def test_a_list_of_patients_counts_for_what_it_takes():
    memory = Memory(100, weight)
    places = tuple(PatientPlace(column="person_id", token=token) for token in range(4))
    memory.put("aaaa", Analysis(patients=PatientScope(places=places)))
    assert memory.characters > 20
    memory.put("b" * 90, Analysis())
    assert (len(memory), memory.characters) == (1, 90)


def test_texts_that_differ_in_literals_share_a_reading():
    analyzer = Analyzer()
    analyzer.analyse("SELECT * FROM t WHERE a = 1 AND b = 'x'")
    second = analyzer.analyse("SELECT * FROM t WHERE a = 22 AND b = $$y$$ -- z")
    assert analyzer.analyse("SELECT * FROM t WHERE a = 333 AND b = 'zzz'") is second


def test_a_denial_by_shape_points_at_no_place():
    analyzer = Analyzer()
    first = analyzer.analyse("SELECT 1, mine(2)")
    second = analyzer.analyse("SELECT 11111, mine(2)")
    assert [reason.position for reason in first.reasons] == [11]
    assert [(reason.code, reason.position) for reason in second.reasons] == [("RG-F01", None)]


def test_places_are_counted_in_characters():
    reasons = Analyzer().analyse("SELECT 'åäö', mine(1), 'ö', yours(2)").reasons
    assert [(reason.what, reason.position) for reason in reasons] == [("function mine", 15), ("function yours", 29)]


@pytest.mark.parametrize(
    ("harmless", "other"),
    [
        ("SELECT a ? b", "SELECT a 'x' b"),
        ("SELECT 1", "SELECT 1.5"),
        ("SELECT a FROM t", 'SELECT "a FROM t"'),
        ("SELECT 'a' AS b", "SELECT 'a' \"AS b\""),
        ("SELECT U&'d!0061' UESCAPE '!'", "SELECT U&'d?0061' UESCAPE '?'"),
        ("SELECT $1", "SELECT $2"),
    ],
)
def test_other_texts_do_not(harmless, other):
    analyzer = Analyzer()
    assert analyzer.analyse(other) is not analyzer.analyse(harmless)


def test_a_setting_is_judged_by_its_value_each_time():
    analyzer = Analyzer()
    assert analyzer.analyse("SELECT set_config('search_path', '', false)").is_read
    assert not analyzer.analyse("SELECT set_config('search_path', 'evil', false)").is_read
    assert analyzer.analyse("SET standard_conforming_strings = 'on'").is_read
    assert not analyzer.analyse("SET standard_conforming_strings = 'off'").is_read
    assert analyzer.analyse("BEGIN; SET readonly_guard.purpose = 'A'").readings[1].settings[0].value == "A"
    assert analyzer.analyse("BEGIN; SET readonly_guard.purpose = 'B'").readings[1].settings[0].value == "B"


def test_a_type_named_in_a_literal_is_judged_each_time():
    analyzer = Analyzer()
    assert analyzer.analyse("SELECT pg_input_is_valid('x', 'integer')").is_read
    assert not analyzer.analyse("SELECT pg_input_is_valid('x', 'mydomain')").is_read


def test_a_denial_points_into_its_own_text():
    analyzer = Analyzer()
    for text in ("SELECT 1, nextval('a')", "SELECT 11111, nextval('a')"):
        assert analyzer.analyse(text).reasons[0].position == text.index("nextval") + 1


@pytest.mark.parametrize(
    ("first", "second"),
    [("COPY t TO ''", "COPY t TO '/tmp/x'"), ("COPY t TO STDOUT (DELIMITER '')", "COPY t TO STDOUT (DELIMITER 'x')")],
)
def test_only_queries_are_known_by_shape(first, second):
    analyzer = Analyzer()
    assert analyzer.analyse(second) is not analyzer.analyse(first)
    assert not analyzer.analyse("COPY t TO '/tmp/x'").is_read


def test_long_texts_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(analysis, "_SETTLED_CHARACTERS", 200_000)
    analyzer = Analyzer()
    before = canonical._remembered.cache_info().currsize
    for number in range(30):
        assert analyzer.analyse(f"SELECT 1 AS a{number}_{'x' * 20_000}").is_read
    assert sum(len(settled.normalised) for _, settled in analyzer._settled.values()) <= 200_000
    assert canonical._remembered.cache_info().currsize == before


def test_what_was_settled_is_settled_again_once_it_was_given_up(monkeypatch):
    monkeypatch.setattr(analysis, "_SETTLED_CHARACTERS", 10)
    analyzer = Analyzer()
    for _ in range(2):
        assert analyzer.analyse("SELECT lower(n) FROM t").is_read
        assert [reason.code for reason in analyzer.analyse("SELECT mine(n) FROM t").reasons] == ["RG-F01"]
