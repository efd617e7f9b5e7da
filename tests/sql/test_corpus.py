"""Statements with the reading they must get: a user's false denial becomes one line in tests/corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from readonly_guard.sql import Analyzer

CORPUS = Path(__file__).parents[1] / "corpus"
MARK = "-- expect: "


def statements():
    for path in sorted(CORPUS.glob("*.sql")):
        chunks = path.read_text(encoding="utf-8").split(MARK)
        for chunk in chunks[1:]:
            expected, _, sql = chunk.partition("\n")
            yield pytest.param(sql.rstrip("\n"), expected.split(), id=f"{path.stem}: {' '.join(sql.split())[:60]}")


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.mark.parametrize(("sql", "expected"), list(statements()))
def test_statement_is_read_as_expected(analyzer, sql, expected):
    analysis = analyzer.analyse(sql)
    codes = list(dict.fromkeys(reason.code for reason in analysis.reasons))
    if expected[:1] == ["read"]:
        assert not codes, analysis.reasons
        assert [reading.kind for reading in analysis.readings] == expected[1:]
    else:
        assert codes == expected, analysis.reasons
    assert not analysis.is_read or expected[0] == "read"
