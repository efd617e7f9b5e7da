"""EXECUTE and FETCH, followed to what they run: as if it stood in the text, and only where it is certain."""

from __future__ import annotations

import pytest

from readonly_guard.domain import Name, creation_window, listed_patients
from readonly_guard.earlier import follow, target_of
from readonly_guard.sql import Analyzer, Opened

BOUND = "SELECT * FROM encounter WHERE person_id = $1"
BROAD = "SELECT * FROM person"


@pytest.fixture(scope="module")
def analyse():
    return Analyzer().analyse


INSIDE = "SELECT * FROM encounter WHERE create_dt_tm >= '2024-11-12 00:00+01' AND create_dt_tm >= $1"


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("EXECUTE p ('2024-11-13 00:00+01')", [INSIDE], "2024-11-11T23:00:00.000000Z"),  # PREPARE says of what type
        ("FETCH c", [INSIDE], "2024-11-12T23:00:00.000000Z"),
        ("FETCH c; SELECT 1", [INSIDE, None], None),
        ("FETCH c", [None], None),
        ("FETCH c", [BROAD], None),
    ],
)
def test_what_is_followed_is_bounded_as_it_was(analyse, text, found, expected):
    class Values:
        def texts(self, number, *, is_array):
            return ("2024-11-13 00:00+01",)

        def type_name(self, number):
            return "timestamptz"

    followed = follow(analyse(text), [None if one is None else (analyse(one), Values()) for one in found])
    since = None if followed.creation is None else creation_window(followed.creation, None).since
    assert since == expected


def patients(analysis):
    return " ".join(listed_patients(analysis.patients))


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("SELECT 1", [None]),
        ("EXECUTE p (1)", [("statement", "p")]),
        ("EXPLAIN EXECUTE p (1)", [("statement", "p")]),
        ('FETCH ALL FROM "C"', [("cursor", "C")]),
        ("MOVE 3 IN c", [("cursor", "c")]),
        ("BEGIN; FETCH c; FETCH d", [None, ("cursor", "c"), None]),
        ("EXECUTE p; FETCH c", [("statement", "p"), None]),
        ("FETCH c; DECLARE c CURSOR FOR SELECT 1", [None, None]),
        ("PREPARE p AS SELECT 1; EXECUTE p", [None, None]),
    ],
)
def test_a_name_that_the_text_may_give_another_meaning_is_not_followed(analyse, text, target):
    analysis = analyse(text)
    assert [target_of(reading, analysis) for reading in analysis.readings] == target


@pytest.mark.parametrize(
    ("text", "found", "expected", "is_bound"),
    [
        ("EXECUTE p (7)", [BOUND], "person_id:7", True),
        ("EXECUTE p ('007')", [BOUND], "person_id:007 person_id:7", True),
        ("EXECUTE p (now())", [BOUND], "person_id:?", True),
        ("EXECUTE p (NULL)", [BOUND], "person_id:?", True),
        ("EXECUTE p", [BOUND], "person_id:?", True),
        ("EXECUTE p (7)", [BROAD], "", False),
        ("EXECUTE p (7)", [None], "*:?", False),
        ("EXECUTE p (7); FETCH c", [BOUND, None], "person_id:7 *:?", False),
        ("EXECUTE p (7); SELECT 1", [BOUND, None], "person_id:7", False),
        ("EXECUTE p (7); EXECUTE p (8)", [BOUND, BOUND], "person_id:7 person_id:8", False),
        ("EXPLAIN EXECUTE p (7); EXECUTE q (8)", [BOUND, BOUND], "person_id:7 person_id:8", False),
        ("SELECT 9; EXECUTE p (7)", [None, BOUND], "person_id:7", False),
        ("EXECUTE p (7); EXECUTE p", [BOUND, BOUND], "person_id:7 person_id:?", False),
    ],
)
def test_what_is_followed_is_as_if_it_stood_in_the_text(analyse, text, found, expected, is_bound):
    analysis = analyse(text)
    assert patients(analysis).endswith("*:?")
    followed = follow(analysis, [None if one is None else (analyse(one), None) for one in found])
    assert patients(followed) == expected
    assert followed.patients.is_bound is is_bound
    assert followed.readings[0].has_patient_predicate is is_bound or len(found) > 1
    if found[0] is not None:
        assert followed.readings[0].relations == analyse(found[0]).readings[0].relations
        assert set(followed.information_sets) == set(analyse(found[0]).information_sets)


def test_what_the_arguments_read_is_read_with_it():
    class ReadsNotes:
        """What EXECUTE calls, as a function of one's own may, reads a table."""

        def judge(self, reading, path):
            return []

        def opens(self, reading, path):
            return Opened(tables=(Name(name="note"),) if reading.functions else ())

    analyse = Analyzer(resolver=ReadsNotes()).analyse
    bounded = "SELECT * FROM encounter WHERE person_id = $1 AND create_dt_tm >= '2024-11-12 00:00+01'"
    for text, is_bound, relations in (
        ("EXECUTE p (7, 8)", True, "encounter"),
        ("EXECUTE p (7, read_note(8))", False, "note encounter"),
        ("EXPLAIN ANALYZE EXECUTE p (7, read_note(8))", False, "note encounter"),
    ):
        followed = follow(analyse(text), [(analyse(bounded), None)])
        (reading,) = followed.readings
        assert " ".join(map(str, reading.relations)) == relations
        assert followed.patients.is_bound is reading.has_patient_predicate is is_bound
        assert (followed.creation is not None) is is_bound
        assert Name(name="read_note") in reading.functions or is_bound


def test_arrays_are_taken_apart(analyse):
    earlier = analyse("SELECT * FROM person WHERE person_id = ANY ($1)")
    assert patients(follow(analyse("EXECUTE p ('{7,8}')"), [(earlier, None)])) == "person_id:7 person_id:8"
    assert patients(follow(analyse("EXECUTE p ('{\"7\"}')"), [(earlier, None)])) == "person_id:?"


def test_the_arguments_are_not_shown(analyse):
    assert "canary" not in repr(analyse("EXECUTE p ('canary')"))
