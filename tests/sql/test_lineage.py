"""What a read touches: relations, columns, patients, information sets; and that tracing never raises."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.domain import Binding, Lineage, Name
from readonly_guard.settings import InformationSetSettings, ReadingSettings
from readonly_guard.sql import Analyzer, Opened

CORPUS = Path(__file__).parents[1] / "corpus"
SEEDS = [
    chunk.partition("\n")[2].rstrip("\n")
    for path in sorted(CORPUS.glob("*.sql"))
    for chunk in path.read_text(encoding="utf-8").split("-- expect: ")[1:]
]


def table(names):
    return dict.fromkeys(names.split(), "text")


CATALOG = {
    "millennium": {
        "person": table("person_id name_last name_first"),
        "person_alias": table("person_alias_id person_id alias"),
        "encounter": table("encntr_id person_id organization_id reg_dt_tm"),
        "organization": table("organization_id org_name"),
        "clinical_event": table("event_id person_id encntr_id event_class_cd discipline"),
        "ce_blob": table("event_id format_cd blob_contents"),
        "Odd Name": table("person_id Column"),
    },
    "other": {"person": table("person_id note")},
}


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


def columns(lineage):
    return " ".join(f"{use.relation}.{use.column}" for use in lineage.columns)


def values(lineage):
    return [
        (str(one.relation), one.column, one.operator, one.literal if one.parameter is None else f"${one.parameter}")
        for one in lineage.patient_bindings
    ]


# --- columns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", ""),
        ("SHOW work_mem", ""),
        ("BEGIN", ""),
        ("SELECT * FROM person", "person.*"),
        ("TABLE person", "person.*"),
        ("COPY person TO STDOUT", "person.*"),
        ("SELECT p FROM person AS p", "person.*"),
        ("SELECT row_to_json(p) FROM person AS p", "person.*"),
        ("SELECT count(p.*) FROM person AS p", "person.*"),
        ("SELECT count(*) FROM person", ""),
        ("SELECT name_last FROM person WHERE person_id = 1", "person.name_last person.person_id"),
        ("SELECT name_last AS n FROM person ORDER BY n, 1", "person.name_last"),
        ("SELECT name_last FROM person GROUP BY 1 HAVING max(sex_cd) > 1", "person.name_last person.sex_cd"),
        ("SELECT p.name_last FROM millennium.person AS p", "millennium.person.name_last"),
        ("SELECT millennium.person.name_last FROM millennium.person", "millennium.person.name_last"),
        ('SELECT "Column" FROM "Odd Name"', "Odd Name.Column"),
        ("SELECT p.a, e.b FROM person AS p JOIN encounter AS e ON e.c = p.d", "encounter.b encounter.c person.a person.d"),
        ("SELECT p.a FROM person AS p JOIN encounter AS e USING (k)", "encounter.k person.a person.k"),
        ("SELECT s.x FROM (SELECT name_last AS x FROM person) AS s", "person.name_last"),
        ("WITH s AS (SELECT name_last AS x FROM person) SELECT x FROM s", "person.name_last"),
        ("WITH s(x) AS (SELECT name_last FROM person) SELECT s.x FROM s", "person.name_last"),
        ("SELECT p.a FROM person AS p WHERE EXISTS (SELECT FROM encounter AS e WHERE e.b = p.c)", "encounter.b person.a person.c"),
        ("SELECT p.a, x.b FROM person AS p, LATERAL (SELECT e.b FROM encounter AS e WHERE e.c = p.d) AS x", "encounter.b encounter.c person.a person.d"),
        ("SELECT a FROM person UNION ALL SELECT b FROM encounter", "encounter.b person.a"),
        ("EXPLAIN SELECT a FROM person", "person.a"),
        ("DECLARE c CURSOR FOR SELECT a FROM person", "person.a"),
        ("PREPARE s AS SELECT a FROM person WHERE b = $1", "person.a person.b"),
        ("COPY (SELECT a FROM person) TO STDOUT", "person.a"),
        ("SELECT 1; SELECT a FROM person; SELECT b FROM person", "person.a person.b"),
        ("SELECT a FROM person UNION SELECT b FROM encounter ORDER BY a", "encounter.b person.a"),
        ("SELECT sum(a) OVER w FROM person WINDOW w AS (PARTITION BY b ORDER BY c)", "person.a person.b person.c"),
        ("SELECT a FROM person WHERE b = 1 GROUP BY c, a HAVING max(d) > 1 ORDER BY e", "person.a person.b person.c person.d person.e"),
        ("SELECT a AS b FROM person WHERE b = 1", "person.a person.b"),
        ("WITH s AS (SELECT 1) SELECT a FROM person", "person.a"),
        ("SELECT x.a FROM person AS x, person AS y WHERE y.b = x.a", "person.a person.b"),
    ],
)  # fmt: skip
def test_columns(analyzer, text, expected):
    lineage = analyzer.lineage(text)
    assert columns(lineage) == expected
    assert lineage.complete


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM encounter", "encounter.encntr_id encounter.organization_id encounter.person_id encounter.reg_dt_tm"),
        ("SELECT * FROM millennium.person", "millennium.person.name_first millennium.person.name_last millennium.person.person_id"),
        ("SELECT * FROM other.person", "other.person.note other.person.person_id"),
        ('SELECT * FROM "Odd Name"', "Odd Name.Column Odd Name.person_id"),
        ("SELECT org_name, reg_dt_tm FROM encounter JOIN organization USING (organization_id)",
         "encounter.organization_id encounter.reg_dt_tm organization.org_name organization.organization_id"),
        ("SELECT b.* FROM encounter NATURAL JOIN ce_blob AS b", "ce_blob.blob_contents ce_blob.event_id ce_blob.format_cd"),
        ("SELECT s.org_name FROM (SELECT * FROM organization) AS s", "organization.org_name organization.organization_id"),
        ("SELECT (SELECT org_name) FROM organization", "organization.org_name"),
    ],
)  # fmt: skip
def test_columns_with_a_catalog(analyzer, text, expected):
    lineage = analyzer.lineage(text, catalog=CATALOG)
    assert columns(lineage) == expected


@pytest.mark.parametrize(
    "text",
    [
        "EXECUTE s (1)",
        "EXPLAIN EXECUTE s",
        "FETCH 10 FROM c",
        "SELECT a FROM person, encounter",
        "SELECT (SELECT a FROM encounter) FROM person",
        "SELECT a AS b FROM person GROUP BY b",
        "VALUES ((SELECT a FROM person))",
        'SELECT U&"d\\0061ta" FROM person',
        "DELETE FROM person",
        "not SQL",
        "",
        "SELECT " + ", ".join(f"a{number}" for number in range(600)) + " FROM person",
    ],
)
def test_what_cannot_be_told_is_incomplete(analyzer, text):
    assert not analyzer.lineage(text).complete


# --- relations and patients -----------------------------------------------------------------------------------------


def test_every_use_of_a_relation_is_told_by_its_alias(analyzer):
    lineage = analyzer.lineage(
        "SELECT * FROM millennium.person AS p JOIN person USING (person_id) JOIN code_value AS c ON true, pg_class"
        " WHERE p.person_id = 1"
    )
    told = [(str(use.relation), use.alias, use.is_bound, use.is_reference) for use in lineage.relations]
    assert told == [
        ("millennium.person", "p", True, False),
        ("person", None, True, False),
        ("code_value", "c", False, True),
        ("pg_class", None, False, True),
    ]
    assert lineage.is_bound


def test_functions_are_told(analyzer):
    lineage = analyzer.lineage("SELECT upper(name_last), now() FROM person")
    assert sorted(map(str, lineage.functions)) == ["now", "upper"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("person_id = 7", [("=", 7)]),
        ("person_id = -7", [("=", -7)]),
        ("person_id = 99999999999", [("=", 99999999999)]),
        ("person_id = '7'", [("=", "7")]),
        ("person_id = '7'::int8", [("=", 7)]),
        ("person_id = E'\\x37'", [("=", "7")]),
        ("person_id = U&'\\0037'", [("=", "7")]),
        ("person_id = $$7$$", [("=", "7")]),
        ("person_id = $3", [("=", "$3")]),
        ("person_id = $3::bigint", [("=", "$3")]),
        ("person_id IN (7, $1, '9')", [("in", 7), ("in", "$1"), ("in", "9")]),
        ("person_id IN (7)", [("=", 7)]),
        ("person_id = ANY ($1)", [("any", "$1")]),
        ("person_id = ANY ('{7, 8}')", [("any", "7"), ("any", "8")]),
        ("person_id = ANY (ARRAY[7, 8])", [("any", 7), ("any", 8)]),
        ("(name_last, person_id) = ('A', 7)", [("=", 7)]),
        ("(name_last, person_id) IN (('A', 7), ('B', $1))", [("in", 7), ("in", "$1")]),
        ("person_id = 7 AND person_id = $1", [("=", 7), ("=", "$1")]),
        ("person_id = 7.6::int8", []),
        ("person_id = ANY ('{\"7\"}')", []),
        ("person_id = 7 OR person_id = 8", []),
    ],
)
def test_the_values_of_a_patient_key(analyzer, where, expected):
    lineage = analyzer.lineage(f"SELECT * FROM person WHERE {where}")
    assert sorted(map(str, values(lineage))) == sorted(str(("person", "person_id", *one)) for one in expected)
    assert lineage.is_bound is bool(expected)


def test_values_are_carried_by_joins_and_each_text_has_its_own(analyzer):
    text = "SELECT * FROM person AS p LEFT JOIN encounter AS e ON e.person_id = p.person_id WHERE p.person_id = {}"
    for patient in (7, 8):
        assert values(analyzer.lineage(text.format(patient))) == [
            ("person", "person_id", "=", patient),
            ("encounter", "person_id", "=", patient),
        ]


def test_a_bound_relation_may_have_no_value_of_its_own(analyzer):
    lineage = analyzer.lineage(
        "SELECT * FROM clinical_event AS c JOIN ce_blob AS b ON b.event_id = c.event_id WHERE c.person_id = 7"
    )
    assert values(lineage) == [("clinical_event", "person_id", "=", 7)]
    assert lineage.is_bound


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM person WHERE person_id IN (SELECT person_id FROM person_alias WHERE alias = '191212121212')",
        "SELECT * FROM encounter NATURAL JOIN person_alias WHERE alias = '191212121212'",
        "SELECT * FROM ce_blob JOIN clinical_event USING (event_id) WHERE person_id = 7",
        "SELECT * FROM encounter JOIN organization USING (organization_id) WHERE person_id = 7",
        "SELECT * FROM organization, (encounter NATURAL LEFT JOIN clinical_event) WHERE person_id = 7",
    ],
)
def test_a_catalog_tells_whose_an_unqualified_column_is(analyzer, text):
    catalog = {"millennium": CATALOG["millennium"]}
    assert not analyzer.lineage(text).is_bound
    assert analyzer.lineage(text, catalog=catalog).is_bound


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM ce_blob, organization, encounter WHERE person_id = 7",
        "SELECT * FROM ce_blob NATURAL JOIN organization JOIN encounter ON true WHERE person_id = 7",
        "SELECT * FROM encounter AS e WHERE e.person_id = 7 AND EXISTS (SELECT FROM ce_blob WHERE person_id = 7)",
        "SELECT * FROM encounter, person WHERE person_id = 7",
    ],
)
def test_a_catalog_does_not_bind_too_much(analyzer, text):
    assert not analyzer.lineage(text, catalog=CATALOG).is_bound


def test_several_statements_are_bound_only_together(analyzer):
    one = "SELECT * FROM person WHERE person_id = 7"
    assert analyzer.lineage(f"{one}; SHOW work_mem; SELECT * FROM code_value").is_bound
    assert not analyzer.lineage(f"{one}; SELECT * FROM encounter").is_bound
    assert not analyzer.lineage(f"{one}; EXECUTE s").is_bound
    assert not analyzer.lineage(f"{one}; COPY person TO STDOUT").is_bound


def test_a_patient_is_shown_by_no_repr(analyzer):
    lineage = analyzer.lineage("SELECT * FROM person WHERE person_id IN (191212121212, '191212121213')")
    assert len(lineage.patient_bindings) == 2
    assert "1912" not in repr(lineage) + str(lineage)
    assert repr(Binding(relation=Name(name="person"), column="person_id", operator="=", parameter=2)).endswith("= $2)")


# --- information sets -----------------------------------------------------------------------------------------------

EVENTS = (
    "Vaccinationer",
    "Laboratoriesvar",
    "Anteckningar",
    "Längd och vikt",
    "Laboratoriesvar i PDF",
    "Mikrobiologiska odlingar",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM allergy", ("Uppmärksamhetsinformation",)),
        ("COPY diagnosis TO STDOUT", ("Diagnoser",)),
        ("SELECT * FROM person, code_value", ()),
        ("SELECT * FROM sch_appt, allergy", ("Uppmärksamhetsinformation", "Bokningar")),
        ("SELECT * FROM clinical_event", EVENTS),
        ("SELECT * FROM clinical_event WHERE event_class_cd = 53005", ("Vaccinationer",)),
        ("SELECT * FROM clinical_event WHERE event_class_cd = '053005'", ("Vaccinationer",)),
        ("SELECT * FROM clinical_event WHERE event_class_cd IN (53005, 53006)", ("Vaccinationer", "Mikrobiologiska odlingar")),
        ("SELECT * FROM clinical_event WHERE event_class_cd = 53001 AND event_cd = 72001", ("Laboratoriesvar", "Längd och vikt")),
        ("SELECT * FROM clinical_event WHERE event_class_cd = 53001 AND discipline = 'kemi'", ("Laboratoriesvar", "Längd och vikt")),
        ("SELECT * FROM clinical_event WHERE event_class_cd = $1", EVENTS),
        ("SELECT * FROM clinical_event WHERE event_class_cd IN (53005, $1)", EVENTS),
        ("SELECT * FROM clinical_event WHERE event_class_cd = 53005 OR person_id = 1", EVENTS),
        ("SELECT * FROM clinical_event WHERE NOT event_class_cd = 53005", EVENTS),
        ("SELECT * FROM clinical_event WHERE event_class_cd = '0xCF0D'", EVENTS),
        ("SELECT * FROM clinical_event AS c(event_class_cd) WHERE event_class_cd = 53005", EVENTS),
        ("SELECT * FROM clinical_event AS c LEFT JOIN allergy AS a ON c.event_class_cd = 53005", ("Vaccinationer", "Laboratoriesvar", "Uppmärksamhetsinformation", *EVENTS[2:])),
        ("SELECT * FROM ce_blob WHERE format_cd = 23002", ("Laboratoriesvar i PDF",)),
        ("SELECT * FROM clinical_event WHERE discipline = ' Mikrobiologi'", ("Vaccinationer", "Anteckningar", "Längd och vikt", "Mikrobiologiska odlingar")),
    ],
)  # fmt: skip
def test_information_sets(analyzer, text, expected):
    assert analyzer.lineage(text).information_sets == expected


def test_information_sets_are_configuration():
    rules = ReadingSettings(information_sets=())
    assert Analyzer(rules).lineage("SELECT * FROM allergy").information_sets == ()


# --- robustness -----------------------------------------------------------------------------------------------------


def test_a_text_that_defeats_the_tracing_says_so(analyzer, monkeypatch):
    def fails(*_arguments, **_named):
        raise RuntimeError("191212121212")

    monkeypatch.setattr("readonly_guard.sql.lineage.parse", fails)
    assert analyzer.lineage("SELECT * FROM person WHERE person_id = 1") == Lineage()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 AS a0" + "".join(f", a{n - 1} + a{n - 1} AS a{n}" for n in range(1, 60)) + " FROM person",
        "SELECT " + "+".join(["a"] * 220) + " FROM person GROUP BY " + ", ".join(["1"] * 200),
        "SELECT * FROM person AS p0 " + " ".join(f"FULL JOIN person AS p{n} USING (a, b, c)" for n in range(1, 60)),
        "SELECT * FROM " + "(SELECT * FROM " * 50 + "person" + ") AS s" * 50,
        "WITH c0 AS (SELECT * FROM encounter)"
        + "".join(f", c{n} AS (SELECT a.*, b.* FROM c{n - 1} AS a, c{n - 1} AS b)" for n in range(1, 40))
        + " SELECT * FROM c39",
        " UNION ALL ".join(["SELECT * FROM encounter"] * 300),
    ],
    ids=["aliases", "ordinals", "merged", "nested", "doubling", "unions"],
)
def test_the_work_is_bounded(analyzer, text):
    assert analyzer.analyse(text).is_read
    started = time.process_time()
    analyzer.lineage(text, catalog=CATALOG)
    assert time.process_time() - started < 1


def test_what_a_function_reads_is_part_of_it():
    class ReadsNotes:
        """A function of one's own that reads a table, as the catalog tells."""

        def judge(self, reading, path):
            return []

        def opens(self, reading, path):
            return Opened(tables=(Name(name="note", schema="millennium"),) if reading.functions else ())

    rules = ReadingSettings(information_sets=(InformationSetSettings(name="Notes", table="note"),))
    analyzer = Analyzer(rules, resolver=ReadsNotes())
    lineage = analyzer.lineage("SELECT name_last, read_note(8) FROM person WHERE person_id = 7", catalog=CATALOG)
    assert [(str(use.relation), use.is_bound) for use in lineage.relations] == [
        ("person", True),
        ("millennium.note", False),
    ]
    assert lineage.information_sets == ("Notes",)
    assert (lineage.is_bound, lineage.complete) == (False, False)
    assert analyzer.lineage("SELECT name_last FROM person WHERE person_id = 7").is_bound


def test_reads_of_the_corpus_are_traced(analyzer):
    reads = [text for text in SEEDS if (one := analyzer.analyse(text)).is_read and one.readings]
    for text in reads:
        lineage = analyzer.lineage(text)
        analysis = analyzer.analyse(text)
        told = {use.relation for use in lineage.relations}
        read = {name for one in analysis.readings if one.kind != "lock" for name in one.relations}
        assert told == read, text
        assert lineage.is_bound or not all(one.has_patient_predicate for one in analysis.readings)
        assert {use.relation for use in lineage.columns} <= read, text
    assert sum(analyzer.lineage(text).complete for text in reads) > len(reads) // 2


@settings(max_examples=300, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_tracing_never_raises(chance: random.Random):
    analyzer = Analyzer()
    text = chance.choice(SEEDS)
    for _ in range(chance.randint(0, 3)):
        other, at = chance.choice(SEEDS), chance.randint(0, len(text))
        words = other.split(" ")
        start = chance.randint(0, len(words))
        piece = " ".join(words[start : start + chance.randint(1, 6)])
        text = text[:at] + " " + piece + " " + text[at + chance.choice([0, 0, len(piece)]) :]
    lineage = analyzer.lineage(text, catalog=chance.choice([None, CATALOG]))
    analysis = analyzer.analyse(text)
    assert isinstance(lineage, Lineage)
    if not analysis.is_read:
        assert lineage == Lineage()
