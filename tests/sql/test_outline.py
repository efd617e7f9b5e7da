"""An outline is sound: of two texts with one outline PostgreSQL's scanner finds the same tokens but for their literals."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.domain import Reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Analyzer, Bounds
from readonly_guard.sql.outline import outline_of
from readonly_guard.sql.scan import scan_text

FRAGMENTS = [
    "'", "'", '"', "\\", "$", "$$", "$1", "--", "/*", "*/", "-", "/", "*", "E'", "e'", "B'", "x'", "N'", "U&'", 'U&"',
    "UESCAPE", "uescape ", "&", "(", ")", ",", ";", ".", "..", "::", ":", "=", "<", "+", "@", "#", "%", "|", "~", "!",
    "?", "[", "]", "{", "}", "`", " ", "  ", "\n", "\r", "\t", "\v", "\f", "\0", "\1", "\2", "a", "e", "x", "E", "_",
    "0", "1", "7", "12", "007", "1e5", "0x1F", "0b1", "1_000", "2147483647", "2147483648", "191212121212", "9999999999", "3.14",
    ".5", "5.", "select", "from t where id", "in", "é", "å", "–", "\u0665", "\u2028", "''", "'a'", "'a''b'", "'é'", "'\n'",
    "' '", '"a b"', "\"a''1\"", '"1"', "t.id", "interval", "limit", "null",
]  # fmt: skip
STRINGS = ["''", "'a'", "'--'", "'/*'", "'1'", "' $1 '", "'\n'", "'å'", "'\"'", "'\v'", "'x; drop'", "'a\n\nb'"]
SMALL = ["0", "7", "007", "999999999", "000000000", "1000000000", "2147483647"]
LARGE = ["2147483648", "9999999999", "10000000000", "191212121212", "999999999999999999"]


def with_others(text: str, rng: random.Random) -> str:
    """The text with other literals of the same kinds, or as it is where it has no outline."""
    outline, made, at = outline_of(text), [], 0
    if outline is None:
        return text
    for literal in outline.literals:
        # a literal's text can stand in a quoted name, or in another literal's place: the next one that is cut alike
        start = text.index(literal, at)
        while (cut := outline_of(text[:start] + text[start + len(literal) :])) is not None and len(cut.literals) >= len(
            outline.literals
        ):
            start = text.index(literal, start + 1)
        kind = STRINGS if literal[0] == "'" else SMALL if int(literal) < 2**31 else LARGE
        made += [text[at:start], rng.choice(kind)]
        at = start + len(literal)
    return "".join([*made, text[at:]])


def check(text: str, other: str) -> bool:
    """Whether the two have one outline; then they must have one shape."""
    ours, theirs = outline_of(text), outline_of(other)
    if ours is None or theirs is None or ours.key != theirs.key:
        return False
    first, second = scan_text(text, Bounds()), scan_text(other, Bounds())
    assert isinstance(first, Reason) == isinstance(second, Reason), (text, other)
    if not isinstance(first, Reason) and not isinstance(second, Reason):
        assert first.shape == second.shape, (text, other)
    return True


@settings(max_examples=3_000)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.randoms(use_true_random=False))
def test_texts_of_one_outline_have_one_shape(parts, rng):
    text = "".join(parts)
    try:
        other = with_others(text, rng)
    except ValueError:  # a literal that cannot be told from the rest of the text
        return
    check(text, other)


def test_random_texts_of_one_outline_have_one_shape():
    """Many short texts, held against each other by their outlines."""
    rng, by_key, pairs = random.Random(7), {}, 0
    for _ in range(60_000):
        text = "".join(rng.choices(FRAGMENTS, k=rng.randint(1, 5)))
        outline = outline_of(text)
        if outline is not None:
            pairs += check(by_key.setdefault(outline.key, text), text)
    assert pairs > 5_000


@pytest.mark.parametrize(
    "text",
    [
        "SELECT E'a'", "SELECT e'1'", "SELECT B'1'", "SELECT U&'a'", 'SELECT U&"a"', "SELECT N'a'", "SELECT 'a''b'",
        r"SELECT 'a\b'", "SELECT $$a$$", "SELECT $1", "SELECT 1 -- x", "SELECT 1 /* x */", "SELECT 'a", 'SELECT "a',
        "SELECT å FROM t", "SELECT '\\'", "SELECT\0 1", "SELECT '1'2'", "SELECT 1\1",
    ],
)  # fmt: skip
def test_what_the_expression_could_cut_wrongly_has_no_outline(text):
    assert outline_of(text) is None


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("SELECT * FROM t WHERE id = 4711", ["4711"]),
        ("SELECT a1, 2 FROM t1 WHERE x.y2 = -3 AND z IN (4,5)", ["2", "3", "4", "5"]),
        ("SELECT 'å', 12, 191212121212", ["'å'", "12", "191212121212"]),
        ('SELECT "a 1", "b\'c" FROM t LIMIT 5', ["5"]),
        ("SELECT 1.5, .5, 1e5, 0x1F, 1_000, 0123456789, 0123456789012", []),
        ("SELECT 2147483647, 2147483648, 9999999999", ["2147483647", "2147483648", "9999999999"]),
        ("SELECT 'a' 'b'", ["'a'", "'b'"]),
        ("SELECT 1::int8", ["1"]),
    ],
)
def test_the_literals_of_a_text(text, literals):
    outline = outline_of(text)
    assert outline is not None
    assert outline.literals == literals


def test_names_that_differ_in_their_digits_or_quotes_differ():
    texts = ["SELECT t1.a", "SELECT t2.a", 'SELECT "a 1"', 'SELECT "a 2"', "SELECT 1.5", "SELECT 1.6", "SELECT '1'",
             "SELECT 1", "SELECT 2147483648", "SELECT 1 ", "SELECT\n1"]  # fmt: skip
    keys = [outline_of(text).key for text in texts]
    assert len(set(keys)) == len(texts)


RULES = ReadingSettings()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM person WHERE person_id = {}",
        "SELECT * FROM person WHERE person_id IN ({}, {}) AND name_last = '{}'",
        "SELECT * FROM person WHERE person_id = -{}",
        "SELECT * FROM person WHERE person_id = '{}' LIMIT {}",
        "SELECT * FROM encounter WHERE person_id = {} AND encntr_id = {}",
        "SELECT {}",
        "SELECT * FROM person WHERE person_id = ANY ('{{{},{}}}')",
        "SELECT * FROM clinical_event WHERE person_id = {} AND event_class_cd = {}",
    ],
)
def test_by_outline_is_what_is_read_anew(text):
    remembering = Analyzer(RULES)
    for number in range(1, 40, 3):
        one = text.format(*range(number, number + 3))
        ours, fresh = remembering.analyse(one), Analyzer(RULES).analyse(one)
        assert judged(ours) == judged(fresh), one
    assert len(remembering._by_outline) == ("ANY" not in text and "event_class" not in text)  # these are looked into


def judged(analysis):
    """What an analysis says; where its names stand is another thing in every text."""
    return (
        [(reading.kind, reading.effects, reading.relations) for reading in analysis.readings],
        [reason.code for reason in analysis.reasons],
        analysis.normalised,
        analysis.patients,
        analysis.information_sets,
    )


@pytest.mark.parametrize(
    ("harmless", "harmful"),
    [
        ("COPY t TO ''", "COPY t TO 'file'"),
        ("SELECT set_config('jit', 'off', false)", "SELECT set_config('role', 'off', false)"),
        ("SET search_path = 'a'", "SET search_path = 'b'"),
        ("SELECT 'a'::regclass", "SELECT 'b'::regclass"),
    ],
)
def test_where_a_literal_matters_an_outline_stands_for_nothing(harmless, harmful):
    remembering = Analyzer(RULES)
    for _ in range(3):
        remembering.analyse(harmless)
    assert judged(remembering.analyse(harmful)) == judged(Analyzer(RULES).analyse(harmful))


def test_a_text_beyond_the_bounds_is_not_recalled_by_its_outline():
    analyzer = Analyzer(RULES, Bounds(statement_bytes=100))
    for number in range(3):
        assert analyzer.analyse(f"SELECT '{number}'").is_read
    assert analyzer.analyse(f"SELECT '{'x' * 100}'").reasons[0].code == "RG-T04"
    assert analyzer.analyse(f"SELECT '{'å' * 48}'").reasons[0].code == "RG-T04"
