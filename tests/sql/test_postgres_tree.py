"""The walk over PostgreSQL's tree: nothing in it that is not known, and every name in it."""

from __future__ import annotations

import pytest

from readonly_guard.domain import Effect
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.libpg_query import parse
from readonly_guard.sql.nodes import ALLOWED_NODES, ANY_NODE, LEAVES, SHAPES, SQLVALUE
from readonly_guard.sql.postgres_key import read_statement
from readonly_guard.sql.postgres_reading import PostgresReading
from readonly_guard.sql.postgres_tree import walk


@pytest.fixture
def found():
    return PostgresReading(ReadingSettings())


def read(text):
    (statement,) = parse(text.encode())
    return read_statement(statement, ReadingSettings())


COLUMN = {"ColumnRef": {"fields": [{"String": {"sval": "a"}}]}}


@pytest.mark.parametrize(
    ("tree", "what"),
    [
        ({"Mystery": {}}, "Mystery"),
        ([COLUMN, {"Mystery": {}}], "Mystery"),
        ({"BoolExpr": {"args": [COLUMN, {"CoerceToDomain": {}}]}}, "CoerceToDomain"),
        ({"BoolExpr": {"mystery": [COLUMN]}}, "an unknown part of BoolExpr"),
        ({"TypeCast": {"arg": COLUMN, "typeName": {"mystery": {}}}}, "an unknown part of TypeName"),
    ],
)
def test_what_is_not_known_is_refused_wherever_it_stands(found, tree, what):
    walk(found, tree)
    assert [(reason.code, reason.what) for reason in found.reasons] == [("RG-W00", what)]
    assert Effect.UNKNOWN in found.effects


def test_a_hole_in_a_list_is_no_node(found):
    walk(found, [{}, COLUMN])
    assert (found.reasons, found.columns) == ([], {"a"})


def test_what_the_walk_does_not_go_below_holds_no_node():
    """`A_Const` holds its value as a node, which is a constant."""
    below = {kind: {shape for shape in SHAPES[kind].values() if shape != SQLVALUE} for kind in LEAVES}
    assert set().union(*below.values()) <= LEAVES
    assert all(
        shape == ANY_NODE or shape in SHAPES
        for kind in ALLOWED_NODES
        for shape in SHAPES[kind].values()
        if shape != SQLVALUE
    )


def test_each_name_stands_once():
    reading = read("SELECT t.b, t.a, t.b, f(1), f(1, 2) FROM t WHERE t.a = 1 AND t.b < 2").reading()
    assert sorted((one.kind, str(one.name), one.arguments or 0) for one in reading.references) == [
        ("attribute", "t.a", 0),
        ("attribute", "t.b", 0),
        ("function", "f", 1),
        ("function", "f", 2),
        ("operator", "<", 0),
        ("operator", "=", 0),
    ]


@pytest.mark.parametrize(
    ("text", "relations"),
    [
        ("WITH a AS (TABLE b) TABLE a", ["b"]),
        ("WITH a AS (TABLE a) TABLE a", ["a"]),
        ("WITH RECURSIVE a AS (TABLE a) TABLE a", []),
        ("WITH a AS (TABLE x), b AS (TABLE a) TABLE b", ["x"]),
        ("WITH b AS (TABLE a), a AS (TABLE x) TABLE b", ["a", "x"]),
        ("SELECT (WITH a AS (TABLE x) SELECT 1 FROM a) FROM a", ["a", "x"]),
        ("WITH a AS (TABLE x) SELECT 1 FROM s.a", ["x", "s.a"]),
    ],
)
def test_a_common_table_expression_is_no_relation_where_it_is_in_sight(text, relations):
    assert sorted(map(str, read(text).relations)) == sorted(relations)
