"""Who is read about: the patients that a text names, also when its shape was read in another text; no other literal."""

from __future__ import annotations

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.domain import MOST_PATIENTS, UNKNOWN_TYPE, Analysis, listed_patients, patient_names
from readonly_guard.settings import InformationSetSettings, ReadingSettings
from readonly_guard.sql import Analyzer
from readonly_guard.sql.resolution import unplaced

RULES = ReadingSettings(
    information_sets=(
        InformationSetSettings(name="Events", table="clinical_event"),
        InformationSetSettings(name="Vaccines", table="clinical_event", when={"event_class_cd": (5,)}),
        InformationSetSettings(
            name="Kemi", table="clinical_event", when={"event_class_cd": (1, 2), "discipline": ("kemi",)}
        ),
        InformationSetSettings(name="Visits", table="encounter"),
        InformationSetSettings(name="Codes", table="code_value"),
    )
)


def analyse(text):
    return Analyzer(RULES).analyse(text)


def listed(text):
    return " ".join(listed_patients(analyse(text).patients))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", ""),
        ("SELECT * FROM person", ""),
        ("SELECT * FROM person WHERE name_last = 'Lind'", ""),
        ("SELECT * FROM person WHERE person_id = 7", "person_id:7"),
        ("SELECT * FROM person WHERE person_id = -7", "person_id:-7"),
        ("SELECT * FROM person WHERE person_id = - (- 7)", "person_id:7"),
        ("SELECT * FROM person WHERE person_id = -(-(-99999999999))", "person_id:-99999999999"),
        ("SELECT * FROM person WHERE person_id = 7.00", "person_id:7"),
        ("SELECT * FROM person WHERE person_id = 7e1", "person_id:70"),
        ("SELECT * FROM person WHERE person_id = 1e400", "person_id:1e400"),
        ("SELECT * FROM person WHERE person_id = 7.0::int8", "person_id:7"),
        ("SELECT * FROM person WHERE person_id = 7.6::int8", ""),
        ("SELECT * FROM person WHERE person_id = 7.0::text", ""),
        ("SELECT * FROM person WHERE person_id = '007'::int8", "person_id:7"),
        ("SELECT * FROM person WHERE alias = '007'", "alias:007 alias:7"),
        ("SELECT * FROM person WHERE person_id = ' 7'", "person_id: 7 person_id:7"),
        ("SELECT * FROM person WHERE alias = 'it''s'", "alias:it's"),
        ("SELECT * FROM person WHERE alias = $a$it's$a$", "alias:it's"),
        ("SELECT * FROM person WHERE alias = 'a'\n'b'", "alias:ab"),
        ("SELECT * FROM person WHERE alias = 'a\nb'", "alias:?"),
        (f"SELECT * FROM person WHERE alias = '{'x' * 65}'", "alias:?"),
        ("SELECT * FROM person WHERE person_id IN (7, 8, 7)", "person_id:7 person_id:8"),
        ("SELECT * FROM person WHERE person_id = ANY('{7,8, 9}')", "person_id:7 person_id:8 person_id:9"),
        ("SELECT * FROM person WHERE person_id = ANY(ARRAY[7, 8])", "person_id:7 person_id:8"),
        ("SELECT * FROM person p JOIN encounter e USING (person_id) WHERE p.person_id = 7", "person_id:7"),
        ("SELECT * FROM person WHERE person_id = 7 AND name_last = 'Lind'", "person_id:7"),
        ("SELECT * FROM person p, person q WHERE p.person_id = 7", "person_id:7"),
        ("SELECT * FROM person WHERE person_id = $2 AND alias = $1", "person_id:$2 alias:$1"),
        ("SELECT * FROM person WHERE person_id = ANY($1)", "person_id:$1"),
        (
            "SELECT * FROM person WHERE person_id = 7; SELECT * FROM encounter WHERE encntr_id = 8",
            "person_id:7 encntr_id:8",
        ),
        ("COPY (SELECT * FROM person WHERE person_id = 7) TO STDOUT", "person_id:7"),
        ("EXPLAIN SELECT * FROM person WHERE person_id = 7", "person_id:7"),
        ("DECLARE c CURSOR FOR SELECT * FROM person WHERE person_id = 7", "person_id:7"),
        ("PREPARE p AS SELECT * FROM person WHERE person_id = $1", "person_id:$1"),
        ("EXECUTE p(7)", "*:?"),
        ("FETCH ALL FROM c", "*:?"),
        ("SELECT * FROM code_value WHERE alias = 'x'", ""),
    ],
)
def test_a_read_names_its_patients_and_nothing_else(text, expected):
    assert analyse(text).is_read
    assert listed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UPDATE person SET name_last = 'Lind' WHERE person_id = 7", "person_id:7"),
        ("DELETE FROM encounter e USING person p WHERE e.person_id = p.person_id AND p.person_id = 7", "person_id:7"),
        ("INSERT INTO clinical_event (event_cd, person_id) VALUES (1, 7), (2, 8)", "person_id:7 person_id:8"),
        ("INSERT INTO clinical_event SELECT * FROM person WHERE person_id = 7", "person_id:7"),
        ("INSERT INTO clinical_event VALUES (7)", ""),
        ("INSERT INTO clinical_event DEFAULT VALUES", ""),
        ("MERGE INTO person p USING encounter e ON p.person_id = e.person_id AND e.person_id = 7 WHEN MATCHED THEN DELETE",
         "person_id:7"),
        ("SELECT * FROM person WHERE person_id = 7 FOR UPDATE", "person_id:7"),
        ("SELECT mine('s') FROM person WHERE person_id = 7 FOR UPDATE", "person_id:7"),
        ("SELECT * INTO t FROM person WHERE person_id = 7", "person_id:7"),
        ("CREATE TABLE t AS SELECT * FROM person WHERE person_id = 7", "person_id:7"),
        ("WITH gone AS (DELETE FROM person WHERE person_id = 7 RETURNING *) SELECT * FROM gone", "person_id:7"),
        ("EXPLAIN UPDATE person SET name_last = 'Lind' WHERE person_id = $1", "person_id:$1"),
        ("UPDATE person SET name_last = 'Lind' WHERE CURRENT OF c", ""),
        ("DROP TABLE person", ""),
    ],
)  # fmt: skip
def test_a_denied_statement_names_its_patients_too(text, expected):
    analysis = analyse(text)
    assert not analysis.is_read
    assert not analysis.patients.is_bound
    assert " ".join(listed_patients(analysis.patients)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM person WHERE person_id = 7", True),
        ("SELECT * FROM person JOIN code_value ON true WHERE person_id = 7", False),
        ("SELECT * FROM person p JOIN code_value c ON true WHERE p.person_id = 7", True),
        ("BEGIN; SELECT * FROM person WHERE person_id = 7; COMMIT", True),
        ("SELECT * FROM person WHERE person_id = 7; SELECT 1", True),
        ("SELECT * FROM person WHERE person_id = 7; SELECT * FROM encounter", False),
        ("SELECT * FROM person WHERE person_id = 7; COPY encounter TO STDOUT", False),
        ("SELECT * FROM person WHERE person_id = 7; EXECUTE p", False),
        ("SELECT * FROM person", False),
        ("SELECT 1", False),
        ("BEGIN", False),
    ],
)
def test_a_text_is_bound_when_all_it_reads_is_of_named_patients(text, expected):
    assert analyse(text).patients.is_bound is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM person", ()),
        ("SELECT * FROM code_value", ()),
        ("SELECT * FROM clinical_event", ("Events", "Vaccines", "Kemi")),
        ("SELECT * FROM clinical_event WHERE event_class_cd = 5", ("Events", "Vaccines")),
        ("SELECT * FROM clinical_event WHERE event_class_cd = 1 AND discipline = 'serologi'", ("Events",)),
        ("SELECT * FROM clinical_event WHERE event_class_cd = $1", ("Events", "Vaccines", "Kemi")),
        (
            "SELECT * FROM clinical_event c, (SELECT 5::oid) x(f) WHERE x.f = '-4294967291' AND c.event_class_cd = x.f",
            ("Events", "Vaccines", "Kemi"),
        ),
        ("SELECT * FROM encounter; COPY clinical_event TO STDOUT", ("Events", "Vaccines", "Kemi", "Visits")),
        ("UPDATE encounter SET a = 1", ("Visits",)),
        ("LOCK TABLE encounter IN ACCESS SHARE MODE", ()),
        ("EXECUTE p", ()),
    ],
)
def test_information_sets_are_told_by_table_and_predicate(text, expected):
    assert set(analyse(text).information_sets) == set(expected)


SPELLINGS = [
    ("boolean", "true", "t TRUE yes y on 1 f no"),
    ("boolean", "0", "false n off 0 t"),
    ("numeric", "3", "3 03 3.0 3e0 +3 300e-2 0x3 4 3.1"),
    ("int4", "3", "3 03 +3 4"),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{A0EEBC999C0B4EF8BB6D6BB9BD380A11} a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "member", "written"), SPELLINGS)
def test_a_set_is_read_however_a_predicate_spells_its_value(millennium, kind, member, written):
    rules = ReadingSettings(
        information_sets=(InformationSetSettings(name="Psykiatri", table="note", when={"closed": (member,)}),)
    )
    analyzer, seen = Analyzer(rules), set()
    with psycopg.connect(millennium.admin_dsn, autocommit=True) as connection:
        for literal in written.split():
            (same,) = connection.execute(f"SELECT '{member}'::{kind} = '{literal}'").fetchone()
            for predicate in (f"closed = '{literal}'", f"closed IN ('{literal}')", f"'{literal}' = closed"):
                sets = analyzer.analyse(f"SELECT * FROM note WHERE {predicate}").information_sets
                assert bool(sets) == same, (predicate, sets)
            seen.add(same)
    assert seen == {True, False}


def test_a_shape_gives_each_text_its_own_patients():
    analyzer = Analyzer(RULES)
    analyzer.analyse("SELECT * FROM person WHERE person_id = 7 AND name_last = 'Lind'")
    known = analyzer.recall("SELECT * FROM person WHERE person_id = 8 AND name_last = 'Ek'")
    assert known is not None
    assert known.patients.named == ("person_id:8",)
    assert analyzer.recall("SELECT * FROM person WHERE person_id = 7 AND name_last = 'Lind'").patients.named == (
        "person_id:7",
    )


def test_a_value_that_only_the_grammar_can_tell_is_read_by_itself():
    analyzer = Analyzer(RULES)
    analyzer.analyse("SELECT * FROM person WHERE alias = 'a'")
    for written in ("E'\\x61'", "$$a$$", "'a'\n'b'"):
        assert analyzer.recall(f"SELECT * FROM person WHERE alias = {written}") is None


def test_a_shape_stands_for_texts_with_the_same_telling_literals():
    analyzer = Analyzer(RULES)
    text = "SELECT * FROM clinical_event WHERE person_id = {} AND event_class_cd = {}"
    analyzer.analyse(text.format(7, 5))
    assert analyzer.recall(text.format(8, 1)) is None
    assert analyzer.recall(text.format(8, 5)).information_sets == ("Events", "Vaccines")
    assert analyzer.analyse(text.format(9, 1)).information_sets == ("Events", "Kemi")
    assert analyzer.recall(text.format(9, 5)).patients.named == ("person_id:9",)


def test_no_more_than_a_hundred_patients_are_listed_and_the_rest_are_counted():
    names = listed_patients(
        analyse(f"SELECT * FROM person WHERE person_id IN ({', '.join(map(str, range(130)))})").patients
    )
    assert len(names) == MOST_PATIENTS + 1
    assert names[0] == "person_id:0"
    assert names[-1] == "*:30"


class Bound:
    def __init__(self, values):
        self.values = values

    def texts(self, number, *, is_array):
        return self.values.get((number, is_array))

    def type_name(self, number):
        return UNKNOWN_TYPE


def test_parameters_name_patients_once_they_are_bound():
    scope = analyse("SELECT * FROM person WHERE person_id = ANY($1) AND alias = $2 AND person_id = $3").patients
    bound = Bound({(1, True): ("7", "8", "7"), (3, False): ()})
    assert listed_patients(scope, bound) == ("person_id:7", "person_id:8", "alias:?")
    many = Bound({(1, True): tuple(map(str, range(200))), (2, False): ("x",), (3, False): ("7",)})
    assert listed_patients(scope, many)[-1] == "*:101"
    assert len(listed_patients(scope, many)) == MOST_PATIENTS + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM person WHERE person_id = $1", "7"),
        ("SELECT * FROM person WHERE person_id = $1::int8", "7"),
        ("SELECT * FROM person AS p, encounter AS e WHERE p.person_id = $1 AND e.person_id IN ($1, 8)", "7 8"),
        ("PREPARE q(int8) AS SELECT $1 FROM person WHERE person_id = $1", "7"),
        ("PREPARE q(varchar(9)) AS SELECT $1 FROM person WHERE person_id::text = $1", "7"),
        ("UPDATE person SET name_last = 'A' WHERE person_id = $1", "7"),
        ("SELECT * FROM person WHERE $1::real > 0 AND person_id = $1", "?"),
        (
            "SELECT * FROM person AS p, (SELECT 1::real) AS x(person_id) WHERE x.person_id = $1 AND p.person_id = $1",
            "?",
        ),
        ("PREPARE q(real) AS SELECT * FROM person WHERE person_id = $1", "?"),
        ("PREPARE p(int8) AS SELECT 1; PREPARE q(real) AS SELECT * FROM person WHERE person_id = $1", "?"),
        ("PREPARE q(public.own) AS SELECT * FROM person WHERE person_id = $1", "?"),
        ("PREPARE q(int8[]) AS SELECT * FROM person WHERE person_id = $1", "?"),
    ],
)
def test_a_parameter_is_told_where_nothing_gives_it_another_type_than_the_columns(text, expected):
    found = listed_patients(analyse(text).patients, Bound({(1, False): ("7",)}))
    assert " ".join(sorted(name.removeprefix("person_id:") for name in found)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "7"),
        (-7, "-7"),
        ("7", "7"),
        ("19121212-1212", "19121212-1212"),
        ("Lind", "Lind"),
        ("007", "007 7"),
        ("-0", "-0 0"),
        ("+7", "+7 7"),
        ("7 ", "7  7"),
        ("\t7", "? 7"),
        ("7.00", "7.00 7"),
        ("7.50", "7.50 7.5 ?"),
        (".5", ".5 0.5 ?"),
        ("12.a", "12.a"),
        ("7e1", "7e1 70"),
        ("7_0", "7_0 70"),
        ("0x0F", "0x0F 15"),
        ("-0b11", "-0b11 -3"),
        ("0x_", "0x_"),
        ("1e400", "1e400"),
        ("1e999999999999999999999", "1e999999999999999999999"),
        ("٧", "٧"),
        ("ab ", "ab  ab"),
        ("{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}",
         "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11} a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("7" * 65, "?"),
    ],
)  # fmt: skip
def test_a_value_is_named_in_every_spelling_that_a_column_may_read(value, expected):
    assert " ".join(name.removeprefix("k:") for name in patient_names("k", value)) == expected


def test_the_server_reads_a_spelling_as_the_value_that_is_named(millennium):
    with psycopg.connect(millennium.admin_dsn) as connection:
        for written in (" 7", "+7", "007", "\t7\n", "-0", "7_0", "0x0F", "-0b11", "7.50", "7e1", ".5"):
            kind = "numeric" if any(sign in written for sign in ".e") else "int8"
            (value,) = connection.execute(f"SELECT trim_scale(%s::text::{kind}::numeric)::text", (written,)).fetchone()
            assert patient_names("k", written)[1] == f"k:{value}", written


def test_no_value_is_shown_by_repr():
    assert "191212121212" not in repr(analyse("SELECT * FROM person WHERE alias = '191212121212'"))


# --- through the memory of shapes, exactly as read anew -------------------------------------------------------------

KINDS = [
    ["7", "07", "5", "1", "123456"],
    ["-7", "- 8", "-(9)"],
    ["7.0", "7.5", "99999999999", "1e2", "1e400", ".5"],
    ["'7'", "' 7'", "'007'", "'it''s'", "'a\\b'", "E'\\x37'", "$$7$$", "$a$7$a$", "'7'\n'8'", "'7\n8'", "'kemi'", "''"],
    ["'{7,8}'", "'{}'", "'{7,NULL}'", "'{\"7\"}'", "'{9}'", "$${7}$$"],
    ["- -7", "U&'\\0037'", "NULL", "$1"],
]
PREDICATES = st.sampled_from(
    [
        "e.person_id = {}", "{} = e.person_id", "e.person_id IN ({}, {})", "e.person_id = ANY({})", "alias = {}::text",
        "e.person_id = {}::int8", "e.person_id = ANY({}::int8[])", "e.person_id = ANY(ARRAY[{}, {}::int4])",
        "e.event_class_cd = {}", "e.event_class_cd IN ({}, {})", "e.discipline = {}", "e.event_class_cd = {}::int4",
        "(e.person_id, e.event_class_cd) = ({}, {})", "e.person_id = (SELECT {})", "e.encntr_id = {}",
        "e.person_id IN (SELECT p.person_id FROM person p WHERE p.person_id = {})", "e.name = {}", "NOT e.person_id = {}",
    ]
)  # fmt: skip
FROM = st.sampled_from(
    [
        "clinical_event e",
        "clinical_event e JOIN person p ON p.person_id = e.person_id AND p.person_id = {}",
        "(SELECT * FROM clinical_event WHERE person_id = {}) e",
        "clinical_event e LEFT JOIN encounter v ON v.encntr_id = e.encntr_id AND v.encntr_id = {}",
    ]
)


@st.composite
def texts_of_one_shape(draw):
    source = draw(FROM)
    where = " AND ".join(draw(st.lists(PREDICATES, min_size=1, max_size=3)))
    shape = f"SELECT {{}} FROM {source} WHERE {where}"
    kinds = [draw(st.sampled_from(KINDS)) for _ in range(shape.count("{}"))]
    return [shape.format(*(draw(st.sampled_from(kind)) for kind in kinds)) for _ in range(3)]


@settings(max_examples=200)
@given(texts_of_one_shape())
def test_a_text_is_traced_through_the_memory_as_it_is_anew(texts):
    analyzer = Analyzer(RULES)
    for text in texts:
        assert without_places(analyzer.analyse(text)) == without_places(Analyzer(RULES).analyse(text))


def without_places(analysis):
    return msgspec.structs.replace(analysis, readings=tuple(map(unplaced, analysis.readings)))


@settings(max_examples=80)
@given(texts_of_one_shape())
def test_the_reading_and_the_full_lineage_tell_the_same(texts):
    analyzer = Analyzer(RULES)
    for text in texts:
        analysis, full = analyzer.analyse(text), analyzer.lineage(text)
        if full.relations:
            assert analysis.information_sets == full.information_sets
            assert analysis.patients.is_bound == full.is_bound
            names = {f"{one.column}:{one.literal}" for one in full.patient_bindings if one.literal is not None}
            assert {name for name in names if name.isprintable()} <= set(analysis.patients.named)
            assert bool(names) == bool(analysis.patients.named)


def test_what_a_worker_sends_back_is_kept_whole():
    analysis = analyse("SELECT * FROM clinical_event WHERE person_id = 7 AND event_class_cd = 5 AND encntr_id = $1")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(analysis), type=Analysis) == analysis
