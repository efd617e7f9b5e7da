"""Why a text was denied: whole words are marked, and both readings are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard.sql import Bounds
from readonly_guard.sql.explanation import explain


def marked(text):
    return [(text[span.start : span.end], span.reason.code) for span in explain(text).spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT nextval('s')", [("nextval", "RG-F02")]),
        ("SELECT 'åäö', x::mood, setval('s', 1)", [("setval", "RG-F02"), ("mood", "RG-F03")]),
        ("SELECT 1; DELETE FROM person", [("person", "RG-W05")]),
        ("SELEC 1", [("SELEC", "RG-T02")]),
        ("SELECT 1 +", [("", "RG-T02")]),
        ("SELECT 'open", [("'", "RG-T02")]),
    ],
)
def test_whole_words_are_marked(text, expected):
    assert sorted(marked(text)) == sorted(expected)


def test_both_readings_are_there():
    found = explain("SELECT 'a' /*/* */ || ' */ ; DELETE FROM t --'")
    assert [reading.kind for reading in found.postgres] == ["select", "delete"]
    assert found.canonical == "SELECT 'a' ; DELETE FROM t"
    assert [seen.word for seen in found.sqlglot] == ["SELECT", "DELETE"]


def test_what_does_not_get_that_far():
    assert explain("SELECT 1 +").postgres is None
    assert explain("x" * 100, bounds=Bounds(statement_bytes=10)).canonical is None


@given(st.text(max_size=60))
def test_it_never_raises(text):
    explain(text)
