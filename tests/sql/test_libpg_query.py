"""The tokens are what libpg_query says they are, each by itself."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postgast.native import lib
from postgast.pg_query_pb2 import KeywordKind, ScanResult, Token

from readonly_guard.sql.libpg_query import KEYWORDS, LibPgQueryError, scan

CORPUS = Path(__file__).parents[1] / "corpus"
NAMES = {value.number: value.name for value in Token.DESCRIPTOR.values}


def tokens_of(text):
    found = scan(text)
    return [(kind, KEYWORDS.get(kind, 0), start, end) for kind, start, end in zip(*found, strict=True)]


def one_by_one(text):
    """As libpg_query describes its answer."""
    result = lib.pg_query_scan(text)
    try:
        tokens = ScanResult.FromString(ctypes.string_at(result.pbuf.data, result.pbuf.len)).tokens
        return [(NAMES.get(one.token, "UNNAMED"), one.keyword_kind, one.start, one.end) for one in tokens]
    finally:
        lib.pg_query_free_scan_result(result)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a", " a", "SELECT", "-- x", "/* x */ SELECT 1", ";;", "{", "{ } SELECT", '"select" U&"from" SeLeCt "A""b"',
        "SELECT 'å', ö FROM Å -- ü", "$1+$2 1.5e3 .5 0x1F", "$$ $$ E'\\'' B'1' X'F' U&'a'", "x" * 1_000, "a," * 20_000,
    ],
)  # fmt: skip
def test_columns_are_the_tokens(text):
    assert tokens_of(text.encode()) == one_by_one(text.encode())


def test_columns_are_the_tokens_of_the_corpus():
    for path in CORPUS.glob("*.sql"):
        for chunk in path.read_bytes().split(b"-- expect: ")[1:]:
            try:
                found = tokens_of(chunk)
            except LibPgQueryError:
                continue
            assert found == one_by_one(chunk), chunk


def test_every_keyword_has_its_kind():
    assert len(KEYWORDS) > 480
    assert set(KEYWORDS.values()) == set(KeywordKind.values()) - {KeywordKind.NO_KEYWORD}


PIECES = st.sampled_from([*"ab \n;,.()[]{}+-*/'\"$1\\åE&", "SELECT ", "/*", "*/", "--", "::", "$$", "U&'", " null "])


@given(st.lists(PIECES, max_size=30).map("".join))
@settings(max_examples=300)
def test_columns_are_the_tokens_of_anything(text):
    data = text.encode()
    try:
        found = tokens_of(data)
    except LibPgQueryError:
        return
    assert found == one_by_one(data)
