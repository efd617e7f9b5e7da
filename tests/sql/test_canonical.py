"""What the second key sees, and what the log keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postgast.pg_query_pb2 import Token

from readonly_guard.sql import Analyzer, Bounds
from readonly_guard.sql.canonical import canonical_text, log_text
from readonly_guard.sql.libpg_query import KEYWORDS
from readonly_guard.sql.scan import Scanned, scan_text
from readonly_guard.sql.sqlglot_key import read_text

CORPUS = Path(__file__).parents[1] / "corpus"


def scan(sql):
    scanned = scan_text(sql, Bounds())
    assert isinstance(scanned, Scanned)
    return scanned


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 'a' /*/* */ || ' */ ; DELETE FROM t --'", None),
        ("SELECT $å$ ; $å$ -- x", "SELECT 'a'"),
        ("SELECT E'\\'; --', U&'d!0061' UESCAPE '!', B'1'", "SELECT 'a' , 'a' , 'a'"),
        (
            'SELECT Count(*), "Odd""Name", qualify, åäö FROM T',
            'SELECT "count" ( * ) , "Odd""Name" , "qualify" , "åäö" FROM t',
        ),
        ("TABLE t", "SELECT * FROM t"),
        ("LOCK TABLE t IN ACCESS SHARE MODE", "LOCK TABLE t IN ACCESS SHARE MODE"),
        ("SELECT a::int[], b::timestamptz(3)", "SELECT a , b :: timestamptz ( 3 )"),
        (
            'SELECT a::pg_catalog.text[][] = $1::VARCHAR, b::"char" AS c, d::s.t',
            "SELECT a = 1 , b AS c , d",
        ),
        (  # a type of several words is not cut in two
            "SELECT a::double precision, b::timestamp with time zone, c::interval day, d::int ARRAY[3]",
            "SELECT a :: double precision , b :: timestamp with time zone , c :: interval day , d :: int ARRAY [ 1 ]",
        ),
        (
            "SELECT a IN (1, $2::text, 'x'::s.t[], B'1'), b = ANY (ARRAY[$1::VARCHAR, E'\\''])",
            "SELECT a IN ( 1 ) , b = ANY ( 1 )",
        ),
        (  # nothing but constants makes a list of constants
            "SELECT a IN (1, nextval('s')), b IN (SELECT 1), c IN (1, -2), d IN (1, 2::numeric(3))",
            "SELECT a IN ( 1 , \"nextval\" ( 'a' ) ) , b IN ( SELECT 1 ) , c IN ( 1 , - 2 ) , d IN ( 1 , 2 :: numeric ( 3 ) )",
        ),
        ("SELECT position('a' IN 'b'), position(1 IN 2)", "SELECT position ( 'a' IN 'a' ) , position ( 1 IN 2 )"),
        (
            "SELECT a LIKE $1 ESCAPE $2, json_object($1), $1[2], $1.f",
            "SELECT a LIKE 1 ESCAPE $2 , json_object ( $1 ) , $1 [ 2 ] , $1 . f",
        ),
        (
            "SELECT a::int; DELETE FROM t WHERE b IN (1, 2); SELECT 1",
            "SELECT a ; DELETE FROM t WHERE b IN ( 1 ) ; SELECT 1",
        ),
        (
            "SELECT 1 FROM t JOIN u ON t.b = u.delete AND (u.c < $1::int) WHERE d = 'x' AND (e <> 1 OR f.g >= 2) HAVING a = b",
            "SELECT 1 FROM t JOIN u ON 1 AND ( 1 ) WHERE 1 AND ( 1 ) HAVING 1",
        ),
        (  # what goes on behind it, or begins before it, is no comparison of two values
            "SELECT 1 WHERE a = b + 1 AND 2 + c = d AND e = f(g) AND h = i COLLATE j AND k = (SELECT 1) AND l = ANY (m)",
            'SELECT 1 WHERE a = b + 1 AND 2 + c = d AND e = "f" ( g ) AND h = i COLLATE j AND k = ( SELECT 1 ) AND l = ANY ( m )',
        ),
        ("SELECT 1 WHERE a BETWEEN b AND c = d AND e = f", "SELECT 1 WHERE a BETWEEN b AND 1"),
        ("SELECT 'x'::float4 (a = b), f(a = b)", "SELECT 'a' :: float4 ( a = b ) , \"f\" ( a = b )"),
        ("SELECT 1 WHERE a = date '2024-11-12' AND b = $1[2]", "SELECT 1 WHERE a = 'a' AND b = $1 [ 2 ]"),
        (  # the columns before the first that is more than a name, but never the last
            'SELECT a, s.b AS c, t."d" AS select, e AS f, count(*), g FROM h, i',
            'SELECT "count" ( * ) , g FROM h , i',
        ),
        ("SELECT a, b FROM (SELECT c AS d, e f, g FROM h) AS i", "SELECT b FROM ( SELECT e f , g FROM h ) AS i"),
        ("SELECT DISTINCT a, b FROM c, d", "SELECT DISTINCT a , b FROM c , d"),
        ("SELECT t.select a, b FROM t", 'SELECT "select" a , b FROM t'),
        ("SELECT a OPERATOR(pg_catalog.~) b COLLATE s.default", 'SELECT a ~ b COLLATE "default"'),
        (
            "SELECT 1, n.a, s.t.b, c.*, pg_catalog.f(n.left), x::pg_catalog.oid BETWEEN 1 AND 2, (d).e, name.f FROM S.T",
            'SELECT 1 , "a" , "b" , c . * , "f" ( "left" ) , x :: oid BETWEEN 1 AND 2 , ( d ) . e , name . f FROM "t"',
        ),
        ("SELECT pg_catalog.point '(0,0)', name.point '(0,0)'", "SELECT 'a' , name . point 'a'"),
        ('SELECT 1, "a.b"."c".d, U&"a".b', 'SELECT 1 , "d" , "u" . b'),
        ("SELECT point '(0,0)' <-> b, @ -5", "SELECT 'a' || b , ~ - 5"),
        ("SELECT a FROM t ORDER BY a USING <", "SELECT a FROM t ORDER BY a"),
        ("SELECT a FROM t ORDER BY a USING OPERATOR(s.<), b", "SELECT a FROM t ORDER BY a , b"),
        (  # a name that is too long is left to be refused, and hides nothing behind it
            "SELECT a FROM t ORDER BY a USING OPERATOR(s.s.s.s.s.s.<), f(b)",
            'SELECT a FROM t ORDER BY a "operator" ( "s" . < ) , "f" ( b )',
        ),
        ("SELECT * FROM a JOIN b USING (i) AS x", "SELECT * FROM a JOIN b USING ( i )"),
        ("SELECT a IS NOT JSON OBJECT WITH UNIQUE KEYS", "SELECT a IS NOT NULL"),
        ("SELECT a IS NFC NORMALIZED, b IS NORMALIZED", "SELECT a IS NULL , b IS NULL"),
        ("SELECT SUBSTRING(a SIMILAR b ESCAPE c)", "SELECT SUBSTRING ( a , b , c )"),
        ("SELECT a SIMILAR TO b ESCAPE c", "SELECT a SIMILAR TO b ESCAPE c"),
        ("SELECT xmlparse(DOCUMENT a), xmlpi(NAME b)", 'SELECT "xmlparse" ( a ) , "xmlpi" ( b )'),
        ("SELECT xmlserialize(CONTENT a AS text NO INDENT)", 'SELECT "xmlserialize" ( a :: text )'),
        ("SELECT xmlroot(a, version no value, standalone yes)", 'SELECT "xmlroot" ( a , NULL , NULL )'),
        ("SELECT xmlexists(a PASSING BY REF b)", 'SELECT "xmlexists" ( a , b )'),
        (
            "WITH RECURSIVE r AS (SELECT 1 a) SEARCH DEPTH FIRST BY a SET o CYCLE a SET c USING p SELECT * FROM r",
            "WITH RECURSIVE r AS ( SELECT 1 a ) SELECT * FROM r",
        ),
    ],
)
def test_canonical_text(sql, expected):
    if expected is None:
        with pytest.raises(AssertionError):
            assert "DELETE" not in canonical_text(scan(sql))
    else:
        assert canonical_text(scan(sql)) == expected


def test_what_is_left_out_makes_no_difference_to_the_second_key():
    texts = [path.read_text(encoding="utf-8") for path in CORPUS.glob("*.sql")]
    chunks = [chunk.partition("\n")[2] for text in texts for chunk in text.split("-- expect: ")[1:]]
    scans = [scanned for chunk in chunks if isinstance(scanned := scan_text(chunk, Bounds()), Scanned)]
    qualified = 0
    for scanned in scans:
        whole, parts = canonical_text(scanned, is_whole=True), canonical_text(scanned)
        assert read_text(whole) == read_text(parts), whole
        qualified += whole != parts
    assert qualified > 20


def test_the_log_keeps_no_literal_and_no_comment():
    log = log_text(
        scan("SELECT * FROM person /* secret */ WHERE alias = '191212121212' AND x = 42 AND y IN (E'a', $$b$$)")
    )
    assert log == "SELECT * FROM person WHERE alias = ? AND x = ? AND y IN ( ? , ? )"


def test_the_value_of_a_setting_is_a_literal_without_quotes_too():
    assert log_text(scan("SET a.b = canary; SELECT canary")) == "SET a . b = ? ; SELECT canary"
    assert log_text(scan("SET SESSION search_path TO canary, public")) == "SET SESSION search_path TO ? , ?"


CANARY = "canary191212121212"
WRAPPED = st.sampled_from(
    [
        "'{}'",
        "E'{}'",
        "$${}$$",
        "$t${}$t$",
        "U&'{}'",
        "/* {} */ 1",
        "1 -- {}\n",
        "N'{}'",
        "'{}' 'x'",
        "('{}')",
        "'{}'::text",
    ]
)


@given(st.lists(WRAPPED, min_size=1, max_size=5))
@settings(max_examples=150)
def test_no_literal_reaches_the_analysis(wrapped):
    sql = "SELECT " + ", ".join(one.format(CANARY) for one in wrapped)
    analysis = Analyzer().analyse(sql)
    assert CANARY not in repr(analysis)


def keywords():
    names = {value.name.lower().removesuffix("_p").removesuffix("_la") for value in Token.DESCRIPTOR.values}
    found = {name: scan(name).tokens.kinds for name in names if name.isidentifier()}
    return sorted(name for name, kinds in found.items() if len(kinds) == 1 and kinds[0] in KEYWORDS)


def test_every_keyword_may_be_a_label_a_field_and_an_alias():
    analyzer = Analyzer()
    assert len(keywords()) > 480
    for template, odd in (
        ("SELECT 1 AS {}", set()),
        ("SELECT t.{} FROM t", {"as", "similar"}),  # sqlglot reads these as words of its own all the same
        ("SELECT * FROM t AS {}", set()),
    ):
        for word in set(keywords()) - odd:
            analysis = analyzer.read(template.format(word))
            assert not {"RG-T01", "RG-T03"}.intersection(reason.code for reason in analysis.reasons), (template, word)
