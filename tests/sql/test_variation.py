"""Variations: what differs in its patient only is told by comparing, and never otherwise than by reading it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.domain import listed_patients, patient_names
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Analyzer, Bounds, Variation
from readonly_guard.sql.outline import around, outline_of
from readonly_guard.sql.variation import variation_of
from tests.sql.test_outline import FRAGMENTS

OTHERS = [
    "0", "7", "12", "007", "999999999", "1000000000", "2147483648", "9999999999", "-7", "+7", " 7", "7 ", "1.5", "1e5", "1_000", "0x1F",
    "\u0665", "²", "7$1", "7a", "a7", "7'", "'7", "7''8", "7--", "7/*", "/*7*/", "7;8", "(7)", '7"', '"7"', "a", "å", "A-1",
    "19121212-1212", "a b", "a\tb", "a\nb", "a\rb", "a\\b", "a\0b", "a\1b", "a\2b", "' OR ''='", "--", "x" * 64, "x" * 65,
    "1" * 9, "1" * 10, "2147483647", "1" * 18, "1" * 19, "", "%", "\v", "\u2028", "é",
]  # fmt: skip


@settings(max_examples=2_000)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.randoms(use_true_random=False))
def test_a_variation_has_the_outline_of_its_text(parts, rng):
    check("".join(parts), rng)


def test_random_variations_have_the_outline_of_their_texts():
    rng, told = random.Random(11), 0
    for _ in range(20_000):
        told += check("".join(rng.choices(FRAGMENTS, k=rng.randint(1, 6))), rng)
    assert told > 5_000


def check(text: str, rng: random.Random) -> int:
    """How many other texts are told to be variations; each must be cut as this one, but for the one literal."""
    outline, told = outline_of(text), 0
    if outline is None:
        return 0
    for number, own in enumerate(outline.literals):
        before, literal, behind = around(text, number)
        assert (before + literal + behind, literal) == (text, own)
        is_string = own[0] == "'"
        variation = variation_of(before, literal, behind, "person_id")
        for other in rng.sample(OTHERS, 8):
            varied = before + (f"'{other}'" if is_string else other) + behind
            named = variation.patients(varied)
            if named is None:
                continue
            told += 1
            literals = [*outline.literals]
            literals[number] = f"'{other}'" if is_string else other
            theirs = outline_of(varied)
            assert theirs is not None, (text, varied)
            assert (theirs.key, theirs.literals) == (outline.key, literals), (text, varied)
            assert named == patient_names("person_id", other)
    return told


PATIENTS = [
    "900001",
    "900002",
    "7",
    "19121212-1212",
    "Berg",
    "007",
    "x'y",
    "x''y",
    "-5",
    "4000000000",
    "0",
    "a\\b",
    "a b",
]


@pytest.mark.parametrize(
    ("text", "varies"),
    [
        ("SELECT * FROM person WHERE person_id = {}", True),
        ("SELECT * FROM person WHERE person_id = '{}'", True),
        ("SELECT * FROM encounter WHERE person_id = {} AND reason = 'x' LIMIT 10", True),
        ("SELECT e.* FROM person p JOIN encounter e USING (person_id) WHERE p.person_id = {} AND e.status = 3", True),
        ("SELECT * FROM person WHERE person_id = {}::bigint", True),
        ("SELECT * FROM person WHERE person_id = -{}", False),
        ("SELECT * FROM person WHERE person_id IN ({}, 8)", False),
        ("SELECT * FROM person WHERE person_id = ANY('{{{}}}')", False),
        ("SELECT * FROM person WHERE person_id = {} AND name_last = $1", False),
        ("SELECT * FROM encounter WHERE reason = '7' AND person_id = '{}' AND status = '7'", True),
        ("SELECT \"{{7}}\", '7' FROM person WHERE person_id = '{}'", True),
        ("SELECT * FROM person WHERE person_id = {} AND person_id = $1", False),
        ("SELECT * FROM pg_class WHERE oid = {}", True),
        ("SELECT * FROM pg_class WHERE oid = {} LIMIT 5", False),
        ("SELECT * FROM person WHERE birth_dt_tm = '{}' AND person_id = $1", False),
        ("SELECT * FROM person WHERE person_id = {} /* x */", False),
        ("SELECT {}", True),
        ("SELECT 2147483648, given_name FROM person WHERE person_id = {}", True),
        ("SELECT set_config('search_path', '{}', false)", False),
        ("SELECT nextval('{}')", False),
        ("EXECUTE p({})", False),
        ("DELETE FROM person WHERE person_id = {}", False),
        ("SET statement_timeout = {}", False),
        ("SELECT count(*) FROM clinical_event WHERE create_dt_tm < '{}'", False),
        ("SELECT count(*) FROM clinical_event WHERE event_cd = {}", False),
    ],
)
def test_a_variation_is_about_whom_its_reading_names(text, varies):
    analyzer, told = Analyzer(ReadingSettings()), 0
    for number in ("1", "2", "3"):
        known = analyzer.of_text(text.format(number))
    variation = analyzer.variation(text.format("3"), known)
    for value in PATIENTS:
        other = text.format(value)
        named = None if variation is None else variation.patients(other)
        if named is not None:
            read = Analyzer(ReadingSettings()).of_text(other)
            assert named == listed_patients(read.patients)
            assert read.normalised == known.normalised
            told += 1
    assert (told > 0) == varies


@pytest.mark.parametrize(
    "other",
    [
        "SELECT * FROM person WHERE person_id = 8 ", " SELECT * FROM person WHERE person_id = 8", "select * FROM person WHERE person_id = 8",
        "SELECT * FROM person WHERE person_id = 8 OR true", "SELECT * FROM person WHERE person_id = 8; DELETE FROM person",
        "SELECT * FROM person WHERE person_id = ", "SELECT * FROM person WHERE person_id =", "", "8",
    ],
)  # fmt: skip
def test_what_differs_in_more_is_no_variation(other):
    assert Variation("SELECT * FROM person WHERE person_id = ", "", "person_id", "integer").patients(other) is None


def test_what_stands_before_and_behind_does_not_overlap():
    variation = Variation("SELECT 'a", "a' FROM t", "person_id", "string")
    assert variation.patients("SELECT 'a' FROM t") is None
    assert variation.patients("SELECT 'aa' FROM t") is None
    assert variation.patients("SELECT 'aba' FROM t") == ("person_id:b",)


def test_a_text_that_could_grow_out_of_its_bounds_has_none():
    text = "SELECT * FROM person WHERE person_id = {}"
    for bytes_, has_one in ((len(text) * 4, False), (1_000, True)):
        analyzer = Analyzer(ReadingSettings(), Bounds(statement_bytes=bytes_))
        for number in ("1", "2", "3"):
            known = analyzer.of_text(text.format(number))
        assert (analyzer.variation(text.format("3"), known) is not None) == has_one


def test_a_text_of_another_shape_has_none():
    analyzer = Analyzer(ReadingSettings())
    for number in ("1", "2"):
        known = analyzer.of_text(f"SELECT * FROM person WHERE person_id = {number}")
        other = analyzer.of_text(f"SELECT given_name FROM person WHERE person_id = {number}")
    assert analyzer.variation("SELECT * FROM person WHERE person_id = 2", other) is None
    assert analyzer.variation("SELECT * FROM person WHERE person_id = 2", known) is not None
