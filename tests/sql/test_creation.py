"""A bound of creation is told only where every row that is read keeps it; the oracle of that is the real server."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from struct import pack

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import pq

from readonly_guard.domain import UNKNOWN_TYPE, Analysis, creation_window
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Analyzer
from readonly_guard.sql.resolution import unplaced
from readonly_guard_proxy.session.names import Portal, Prepared
from readonly_guard_proxy.session.parameters import BoundParameters

SEED = int(os.environ.get("READONLY_GUARD_FUZZ_SEED", "20241112"))
TEXTS = int(os.environ.get("READONLY_GUARD_CREATION_TEXTS", "2500"))

RULES = ReadingSettings(created_keys={"at": "timestamptz", "wall": "timestamp", "day": "date"})


def window(text, parameters=None):
    analysis = Analyzer(RULES).analyse(text)
    assert analysis.is_read, analysis.reasons
    return creation_window(analysis.creation, parameters) if analysis.creation is not None else (None, None, False)


def shown(text):
    since, until, is_awaited = window(text)
    assert not is_awaited
    return " ".join("-" if moment is None else moment.removesuffix(".000000Z") for moment in (since, until))


NOTHING = "- -"
WHOLE = "2024-11-11T23:00:00 2024-11-20T23:00:00"
FROM, UNTIL = "'2024-11-12 00:00+01'", "'2024-11-21 00:00+01'"
INSIDE = f"at >= {FROM} AND at < {UNTIL}"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (INSIDE, WHOLE),
        (f"{FROM} <= at AND {UNTIL} > at", WHOLE),
        (f"at OPERATOR(pg_catalog.>=) {FROM}", "2024-11-11T23:00:00 -"),
        (f"at > {FROM}", "2024-11-11T23:00:00.000001Z -"),
        (f"at <= {UNTIL}", "- 2024-11-20T23:00:00.000001Z"),
        (f"at = {FROM}", "2024-11-11T23:00:00 2024-11-11T23:00:00.000001Z"),
        (f"at IN ({FROM}, {UNTIL})", "2024-11-11T23:00:00 2024-11-20T23:00:00.000001Z"),
        (f"at BETWEEN {FROM} AND {UNTIL}", "2024-11-11T23:00:00 2024-11-20T23:00:00.000001Z"),
        (f"at >= timestamptz {FROM} AND at < CAST({UNTIL} AS timestamp with time zone)", WHOLE),
        (f"at::timestamptz >= {FROM}", "2024-11-11T23:00:00 -"),
        ("at >= '2024-11-11T18:00:00.25-05:00'", "2024-11-11T23:00:00.250000Z -"),
        ("at >= '2024-11-12 00:00+0100'", "2024-11-11T23:00:00 -"),
        (f"at >= {FROM} AND id = 7 AND note ~ 'x'", "2024-11-11T23:00:00 -"),
        (f"at >= {FROM} AND at >= '2024-11-13 00:00+00'", "2024-11-13T00:00:00 -"),
        (f"({INSIDE}) OR ({INSIDE} AND id = 7)", WHOLE),
        (f"({INSIDE}) OR at < '2024-11-01 00:00+01' AND at >= '2024-10-31 00:00+01'",
         "2024-10-30T23:00:00 2024-11-20T23:00:00"),
        # a clock on the wall is Sweden's
        ("wall >= '2024-11-12' AND wall < '2024-11-21'", WHOLE),
        ("wall >= date '2024-11-12' AND wall < timestamp '2024-11-21 00:00:00'", WHOLE),
        ("wall <= '2024-11-20'", "- 2024-11-19T23:00:00.000001Z"),
        ("wall::date BETWEEN '2024-11-12' AND '2024-11-20'", WHOLE),
        ("day BETWEEN '2024-11-12' AND '2024-11-20'", WHOLE),
        ("day = '2024-11-12'", "2024-11-11T23:00:00 2024-11-12T23:00:00"),
        ("day > '2024-11-12' AND day < '2024-11-14'", "2024-11-12T23:00:00 2024-11-13T23:00:00"),
        # an hour that it shows twice may be either
        ("wall >= '2024-10-27 02:30' AND wall < '2024-10-27 02:30'", "2024-10-27T00:30:00 2024-10-27T01:30:00"),
        ("day = '2024-10-27'", "2024-10-26T22:00:00 2024-10-27T23:00:00"),
        ("day = '2024-03-31'", "2024-03-30T23:00:00 2024-03-31T22:00:00"),
    ],
)  # fmt: skip
def test_a_bound_that_every_row_keeps_is_told(where, expected):
    assert shown(f"SELECT * FROM event WHERE {where}") == expected


@pytest.mark.parametrize(
    "where",
    [
        "true",
        f"at >= {FROM} OR true",
        f"({INSIDE}) OR id = 7",
        f"NOT (at >= {FROM})",
        f"(at >= {FROM}) IS NOT TRUE",
        f"(at >= {FROM}) IS NOT NULL",
        f"at <> {FROM}",
        f"at NOT IN ({FROM}, {UNTIL})",
        f"at NOT BETWEEN {FROM} AND {UNTIL}",
        f"at BETWEEN SYMMETRIC {UNTIL} AND {FROM}",
        f"at IS DISTINCT FROM {FROM}",
        f"at >= ANY (ARRAY[{FROM}]::timestamptz[])",
        f"at >= (SELECT {FROM}::timestamptz)",
        f"at >= (SELECT max(at) FROM event WHERE at >= {FROM})",
        f"at >= coalesce({FROM}::timestamptz, at)",
        f"at + interval '1 day' >= {FROM}",
        f"coalesce(at, {FROM}) >= {FROM}",
        f"CASE WHEN at >= {FROM} THEN true ELSE true END",
        f"(at, id) >= ({FROM}, 7)",
        f"made >= {FROM}",
        f"EXISTS (SELECT WHERE event.at >= {FROM})",
        "at >= at",
        # read by the session's TimeZone, or by its DateStyle
        "at >= '2024-11-12'",
        "at >= '2024-11-12 00:00'",
        "at >= '2024-11-12 00:00Z'",
        "at >= '2024-11-12 00:00 UTC'",
        "at >= '2024-11-12 00:00 Europe/Stockholm'",
        "at >= '12.11.2024 00:00+01'",
        "at >= '2024-11-12 00:00+1'",
        "at >= '20241112T000000+01'",
        "at >= '2024-11-12 00:00+16'",
        "at >= '2024-11-12 00:00 +01'",
        "at >= '2024-11-12 00:00+01 BC'",
        "at >= '0001-01-01 00:00+14'",
        "at < '9999-12-31 23:59-14'",
        "at <= '9999-12-31 23:59:59.999999+00'",
        "at >= '0000-01-01 00:00+00'",
        "wall >= '0001-01-01'",
        "day <= '9999-12-31'",
        "day = '0001-01-01'",
        "at >= 'now'",
        "at >= '-infinity'",
        "at >= timestamp '2024-11-12 00:00'",
        f"at >= timestamp {FROM}",
        "at >= date '2024-11-12'",
        "at::date >= '2024-11-12'",
        "at::timestamp >= '2024-11-12'",
        f"at::timestamptz(0) >= {FROM}",
        f"at >= {FROM}::timestamptz(0)",
        f"wall >= {FROM}",
        f"wall >= timestamptz {FROM}",
        f"wall::timestamptz >= {FROM}",
        "wall >= '2024-02-30'",
        "wall >= '2024-11-12 00:00:00.1234567'",
        "wall >= 'tomorrow'",
        "wall >= '9999-12-31'",
        "day >= timestamp '2024-11-12'",
        "day >= timestamptz '2024-11-12 00:00+01'",
        "day::timestamp >= '2024-11-12'",
        "day >= '2024-11-12 10:00'",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_bound_is_none(where):
    assert shown(f"SELECT * FROM event WHERE {where}") in {NOTHING, "9999-12-30T23:00:00 -"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"SELECT * FROM event e JOIN note n USING (id) WHERE e.{INSIDE.replace('AND ', 'AND e.')}", NOTHING),
        (f"SELECT * FROM event e JOIN note n ON n.at >= {FROM} WHERE e.at > {UNTIL}", "2024-11-11T23:00:00 -"),
        (f"SELECT * FROM event e JOIN note n USING (at) WHERE at >= {FROM}", NOTHING),
        (f"SELECT * FROM event e LEFT JOIN note n ON n.at >= {FROM} WHERE e.at >= {FROM}", "2024-11-11T23:00:00 -"),
        (f"SELECT * FROM event e LEFT JOIN note n ON n.at >= {FROM} AND e.at >= {FROM}", NOTHING),
        (f"SELECT * FROM event e RIGHT JOIN note n ON e.at >= {FROM} AND n.at >= {FROM}", NOTHING),
        (f"SELECT * FROM event e FULL JOIN note n ON e.at >= {FROM} AND n.at >= {FROM}", NOTHING),
        (f"SELECT * FROM event e FULL JOIN note n ON true WHERE e.at >= {FROM} AND n.at >= {FROM}",
         "2024-11-11T23:00:00 -"),
        (f"SELECT * FROM event WHERE {INSIDE} UNION ALL SELECT * FROM event WHERE {INSIDE} AND id = 7", WHOLE),
        (f"SELECT * FROM event WHERE {INSIDE} UNION SELECT * FROM event WHERE at >= {FROM}", "2024-11-11T23:00:00 -"),
        (f"SELECT * FROM event WHERE {INSIDE} UNION SELECT * FROM event", NOTHING),
        (f"SELECT * FROM event WHERE {INSIDE} EXCEPT SELECT * FROM note", NOTHING),
        (f"SELECT * FROM (SELECT * FROM event WHERE {INSIDE}) s", WHOLE),
        (f"SELECT * FROM (SELECT * FROM event) s WHERE {INSIDE}", NOTHING),
        (f"SELECT * FROM (SELECT max(note) AS note, {FROM}::timestamptz AS at FROM event) s WHERE {INSIDE}", NOTHING),
        (f"WITH s AS (SELECT * FROM event WHERE {INSIDE}) SELECT * FROM s", WHOLE),
        (f"WITH s AS (SELECT * FROM event) SELECT * FROM s WHERE {INSIDE}", NOTHING),
        (f"SELECT DISTINCT note FROM event WHERE {INSIDE} ORDER BY note LIMIT 1", WHOLE),
        (f"SELECT at FROM event GROUP BY at HAVING {INSIDE}", NOTHING),
        (f"SELECT count(*) FILTER (WHERE {INSIDE}) FROM event", NOTHING),
        (f"SELECT (SELECT max(note) FROM note) FROM event WHERE {INSIDE}", NOTHING),
        # there it may be the other's, where no catalog tells
        (f"SELECT (SELECT max(note) FROM note WHERE {INSIDE}) FROM event WHERE {INSIDE}", NOTHING),
        (f"SELECT (SELECT max(note) FROM note n WHERE n.at > {FROM}) FROM event WHERE {INSIDE}", "2024-11-11T23:00:00 -"),
        (f"SELECT * FROM event WHERE {INSIDE} AND EXISTS (SELECT FROM note)", NOTHING),
        (f"SELECT * FROM event e WHERE EXISTS (SELECT FROM note n WHERE n.at >= {FROM} AND e.at >= {FROM})", NOTHING),
        (f"SELECT * FROM event AS e(id, at) WHERE {INSIDE}", NOTHING),
        (f"SELECT * FROM event, (SELECT {FROM}::timestamptz AS at) s WHERE s.at >= {FROM}", NOTHING),
        (f"SELECT * FROM event, generate_series(1, 2) AS at WHERE {INSIDE}", NOTHING),
        (f"SELECT * FROM event e, LATERAL (SELECT 1 WHERE e.at >= {FROM}) s", NOTHING),
        (f"SELECT * FROM event, code_value WHERE event.{INSIDE.replace('AND ', 'AND event.')}", WHOLE),
        (f"SELECT * FROM code_value WHERE {INSIDE}", NOTHING),
        (f"SELECT * FROM event WHERE {INSIDE}; SELECT * FROM note", NOTHING),
        (f"SELECT * FROM event WHERE {INSIDE}; SELECT * FROM note WHERE {INSIDE}", WHOLE),
        (f"COPY (SELECT * FROM event WHERE {INSIDE}) TO STDOUT", WHOLE),
        ("COPY event TO STDOUT", NOTHING),
        (f"EXPLAIN ANALYZE SELECT * FROM event WHERE {INSIDE}", WHOLE),
        (f"DECLARE c CURSOR FOR SELECT * FROM event WHERE {INSIDE}", WHOLE),
        ("FETCH ALL FROM c", NOTHING),
        ("EXECUTE s", NOTHING),
        ("SELECT 1", NOTHING),
    ],
)  # fmt: skip
def test_every_relation_that_is_read_must_be_bounded(text, expected):
    assert shown(text) == expected


def test_without_columns_of_creation_nothing_is_told():
    analyzer = Analyzer(ReadingSettings(created_keys={}))
    assert analyzer.analyse(f"SELECT * FROM event WHERE {INSIDE}").creation is None


def test_a_denied_text_tells_none():
    analysis = Analyzer(RULES).analyse(f"DELETE FROM event WHERE {INSIDE}")
    assert not analysis.is_read
    assert analysis.creation is None


def test_what_a_worker_sends_back_is_kept_whole():
    analysis = Analyzer(RULES).analyse(f"SELECT * FROM event WHERE {INSIDE} AND at >= $1")
    assert analysis.creation is not None
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(analysis), type=Analysis) == analysis


# --- literals are never another text's ------------------------------------------------------------------------------

LITERALS = ["'2024-11-12 00:00+01'", "'2024-11-12 00:00'", "'2024-11-21 00:00+01'", "'1999-01-01 00:00+01'", "'now'"]


def test_a_text_of_a_known_shape_has_its_own_bounds():
    """Through every memory: by text, by shape, by outline; in any order."""
    choice = random.Random(SEED)
    shapes = [
        "SELECT * FROM event WHERE person_id = {id} AND at >= {one} AND at < {other}",
        "SELECT * FROM event WHERE person_id = {id} AND (at >= {one} OR at BETWEEN {other} AND {one})",
        "SELECT * FROM event WHERE at IN ({one}, {other}) AND id = {id}",
        "SELECT * FROM event e JOIN note n ON n.at >= {one} WHERE e.at >= {other}::timestamptz AND e.id = {id}",
        "SELECT * FROM event WHERE wall >= {one} AND person_id = {id} AND wall < {other}",
    ]
    analyzer = Analyzer(RULES)
    seen = set()
    for _ in range(600):
        one, other = choice.choice(LITERALS), choice.choice(LITERALS)
        text = choice.choice(shapes).format(id=choice.randrange(5), one=one, other=other)
        found, anew = (without_places(one.analyse(text)) for one in (analyzer, Analyzer(RULES)))
        assert found == anew, text
        seen.add(found.creation)
    assert len(seen) > 20
    assert len(analyzer._by_shape) < 200  # they were remembered, not read anew


def without_places(analysis):
    return msgspec.structs.replace(analysis, readings=tuple(map(unplaced, analysis.readings)))


# --- what comes with Bind -------------------------------------------------------------------------------------------

TIMESTAMPTZ, TIMESTAMP, DATE, TEXT = 1184, 1114, 1082, 25
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
NIGHT = int((datetime(2024, 11, 11, 23, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000
HOUR = 3_600_000_000


def bind(*values):
    """What Bind says of values: bytes are binary, strings are text, None is NULL."""
    formats = b"".join(pack("!h", isinstance(value, bytes)) for value in values)
    data = [None if value is None else value if isinstance(value, bytes) else value.encode() for value in values]
    counted = b"".join(pack("!i", -1) if one is None else pack("!i", len(one)) + one for one in data)
    return pack("!h", len(values)) + formats + pack("!h", len(values)) + counted


def bound(text, types, *values):
    return BoundParameters(Portal(Prepared(text, types), bind(*values)), "utf-8")


@pytest.mark.parametrize(
    ("where", "types", "value", "expected"),
    [
        ("at >= $1", (TIMESTAMPTZ,), pack("!q", NIGHT), "2024-11-11T23:00:00"),
        ("at >= $1", (TIMESTAMPTZ,), "2024-11-12 00:00:00+01", "2024-11-11T23:00:00"),
        ("at >= $1", (), "2024-11-12 00:00:00+01", "2024-11-11T23:00:00"),
        ("at >= $1", (0,), "2024-11-12 00:00:00+01", "2024-11-11T23:00:00"),
        ("at >= $1", (), pack("!q", NIGHT), "-"),  # of what type, only the server knows
        ("at >= $1::timestamptz", (), "2024-11-12 00:00:00+01", "2024-11-11T23:00:00"),
        ("at >= $1::timestamptz", (TIMESTAMPTZ,), pack("!q", NIGHT), "2024-11-11T23:00:00"),
        ("at >= $1::timestamptz", (TEXT,), "2024-11-12 00:00:00+01", "-"),
        ("at >= $1::timestamptz", (TIMESTAMP,), pack("!q", NIGHT), "-"),
        ("at >= $1", (TIMESTAMP,), pack("!q", NIGHT), "-"),
        ("at >= $1", (TIMESTAMP,), "2024-11-12 00:00:00+01", "-"),
        ("at >= $1", (DATE,), pack("!i", 9082), "-"),
        ("at >= $1", (TIMESTAMPTZ,), "2024-11-12 00:00:00", "-"),
        ("at >= $1", (TIMESTAMPTZ,), pack("!q", -(2**63)), "-"),  # -infinity
        ("at >= $1", (TIMESTAMPTZ,), pack("!i", 7), "-"),
        ("at >= $1", (TIMESTAMPTZ,), None, "-"),
        # elsewhere the server may have made it a timestamp, whose offset is not heeded
        ("at >= $1 AND $1::timestamp IS NOT NULL", (), "2024-11-12 00:00:00+01", "-"),
        ("at >= $1 AND $01::timestamp IS NOT NULL", (), "2024-11-12 00:00:00+01", "-"),
        ("at >= $1 AND $1::timestamp IS NOT NULL", (TIMESTAMPTZ,), "2024-11-12 00:00:00+01", "2024-11-11T23:00:00"),
        ("wall >= $1", (TIMESTAMP,), pack("!q", NIGHT + HOUR), "2024-11-11T23:00:00"),
        ("wall >= $1", (), "2024-11-12", "2024-11-11T23:00:00"),
        ("wall >= $1", (DATE,), pack("!i", 9082), "2024-11-11T23:00:00"),
        ("wall >= $1", (TIMESTAMPTZ,), pack("!q", NIGHT), "-"),
        ("wall::date >= $1", (DATE,), "2024-11-12", "2024-11-11T23:00:00"),
        ("day >= $1", (DATE,), pack("!i", 9082), "2024-11-11T23:00:00"),
        ("day >= $1", (), "2024-11-12", "2024-11-11T23:00:00"),
        ("day >= $1", (DATE,), pack("!i", 2**31 - 1), "-"),  # infinity
        ("at >= $1 OR at >= '2024-11-12 00:00+01'", (), "2024-11-12 00:00:00+01", "-"),
    ],
)
def test_what_comes_with_bind_bounds_where_its_type_is_sure(where, types, value, expected):
    text = f"SELECT * FROM event WHERE {where}"
    since, until, is_awaited = window(text, bound(text, types, value))
    assert ("-" if since is None else since.removesuffix(".000000Z")) == expected
    assert until is None
    assert not is_awaited


@settings(max_examples=300)
@given(
    st.sampled_from(["at", "wall", "day"]),
    st.sampled_from(["<", "<=", "=", ">=", ">"]),
    st.one_of(
        st.integers(-(2**63), 2**63 - 1).map(lambda moment: pack("!q", moment)),
        st.integers(-(2**31), 2**31 - 1).map(lambda day: pack("!i", day)),
        st.datetimes(timezones=st.timezones()).map(str),
        st.datetimes().map(str),
        st.dates().map(str),
        st.text(max_size=30),
        st.binary(max_size=9),
    ),
    st.sampled_from([0, TIMESTAMPTZ, TIMESTAMP, DATE]),
)
def test_whatever_comes_with_bind_is_a_bound_or_none(column, operator, value, oid):
    text = f"SELECT * FROM event WHERE {column} {operator} $1"
    for moment in window(text, bound(text, (oid,), value))[:2]:
        assert moment is None or datetime.fromisoformat(moment).tzinfo is not None


def test_until_bind_a_bound_is_awaited():
    assert window("SELECT * FROM event WHERE at >= $1") == (None, None, True)
    # PREPARE may name a type of its own, and Bind may bind what SQL prepared
    text = "PREPARE s (timestamp) AS SELECT * FROM event WHERE at >= $1"
    assert window(text) == (None, None, True)
    assert window(text, bound(text, (), "2024-11-12 00:00:00+01")) == (None, None, False)
    assert bound(text, (), "x").type_name(1) == UNKNOWN_TYPE


# --- the real server is the judge -----------------------------------------------------------------------------------

ZONES = ["UTC", "Europe/Stockholm", "Pacific/Kiritimati", "America/New_York", "<Z>-10", "<+01>9", "<CET>-9"]
STYLES = ["ISO, MDY", "German, DMY", "SQL, DMY", "Postgres, YMD"]
MOMENTS = [
    datetime(2024, 11, 11, 23, tzinfo=UTC), datetime(2024, 11, 20, 23, tzinfo=UTC), datetime(2024, 11, 15, tzinfo=UTC),
    datetime(2024, 10, 27, 0, 30, tzinfo=UTC), datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC), datetime(2024, 3, 31, 1, tzinfo=UTC),
]  # fmt: skip
STEPS = [timedelta(0), *(sign * timedelta(**one) for one in ({"microseconds": 1}, {"hours": 1}, {"hours": 11}, {"days": 1}) for sign in (1, -1))]  # fmt: skip


@pytest.fixture(scope="module")
def events(postgres):
    """Two tables of the same columns; ``moment`` is when a row was really created, and no column of creation."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS creation")
        admin.execute("CREATE DATABASE creation")
    with psycopg.connect(postgres.dsn("creation"), autocommit=True) as connection:
        for table in ("event", "note"):
            connection.execute(
                f"CREATE TABLE {table} (id int, at timestamptz, wall timestamp, day date, moment timestamptz)"
            )
            rows = [moment + step for moment in MOMENTS for step in STEPS]
            with connection.cursor().copy(f"COPY {table} (id, moment) FROM STDIN") as copy:
                for number, moment in enumerate(rows):
                    copy.write_row((number % 9, moment))
            connection.execute(
                f"UPDATE {table} SET at = moment, wall = moment AT TIME ZONE 'Europe/Stockholm',"
                " day = (moment AT TIME ZONE 'Europe/Stockholm')::date"
            )
        yield connection


PLAIN = [
    "column >= {one}", "column > {one}", "column < {one}", "column <= {one}", "column = {one}", "{one} <= column",
    "{one} > column", "column BETWEEN {one} AND {other}", "column IN ({one}, {other})",
    "(column >= {one} AND column < {other})", "(column > {one} AND column <= {other})",
]  # fmt: skip
ODD = [
    "column NOT BETWEEN {one} AND {other}", "column BETWEEN SYMMETRIC {one} AND {other}", "true", "column IS NULL",
    "column NOT IN ({one}, {other})", "column <> {one}", "column IS DISTINCT FROM {one}", "(column >= {one}) IS NOT TRUE",
    "coalesce(column, {one}) >= {one}", "column >= ALL (SELECT n.at FROM note n WHERE n.at < {one})",
]  # fmt: skip


class Writer:
    """Writes queries whose every output is the moment of a row that was read."""

    def __init__(self, choice):
        self.choice = choice
        self.values = []

    def constant(self, column, *, is_parameter):
        moment = self.choice.choice(MOMENTS) + self.choice.choice(STEPS)
        forms = ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M"]
        offsets = ["+00", "+01", "-05:30", "+0100", "", "Z", " CET"]
        if self.choice.random() < 0.7:  # one that suits the column
            forms = forms[:1] if "day" in column or "date" in column else forms[1:] if "at" in column else forms
            offsets = offsets[:4] if "at" in column else [""]
        form = self.choice.choice(forms)
        written = moment.strftime(form) + (self.choice.choice(offsets) if "%H" in form else "")
        kind = self.choice.choice(["", "", "", "timestamptz", "timestamp", "date"])
        if not is_parameter:
            return f"{kind} '{written}'"
        oid = self.choice.choice([0, 0, TIMESTAMPTZ, TIMESTAMP, DATE])
        value = written
        if oid and self.choice.random() < 0.5:
            since = moment - EPOCH
            value = pack("!i", since.days) if oid == DATE else pack("!q", since // timedelta(microseconds=1))
        if self.values and self.choice.random() < 0.4:
            number = self.choice.randrange(len(self.values)) + 1
        else:
            self.values.append((oid, value))
            number = len(self.values)
        return f"${number}::{kind}" if kind else f"${number}"

    def column(self, alias):
        name = self.choice.choice(["at", "at", "wall", "day"])
        cast = self.choice.choice([*[""] * 8, "::date", "::timestamp", "::timestamptz"])
        return f"{alias}{name}{cast}"

    def condition(self, aliases, depth=2):
        pick = self.choice.random()
        if depth and pick < 0.7:
            parts = [self.condition(aliases, depth - 1) for _ in range(self.choice.randint(2, 4))]
            return "(" + self.choice.choice([" AND ", " AND ", " AND ", " OR "]).join(parts) + ")"
        if depth and pick < 0.73:
            return f"NOT {self.condition(aliases, depth - 1)}"
        column = self.column(self.choice.choice(aliases))
        form = self.choice.choice(PLAIN if self.choice.random() < 0.85 else ODD)
        constants = {
            key: self.constant(column, is_parameter=self.choice.random() < 0.2)
            for key in ("one", "other")
            if key in form
        }
        return form.replace("column", column).format(**constants)

    def query(self):
        one = lambda: self.condition([""])  # noqa: E731
        both = lambda: self.condition(["e.", "n."])  # noqa: E731
        join = self.choice.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        kind = self.choice.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
        full = " AND e.id = n.id" if join == "FULL JOIN" else ""
        on = lambda: f"e.id = n.id {'AND ' + both() if join != 'FULL JOIN' and self.choice.random() < 0.7 else ''}"  # noqa: E731
        return self.choice.choice(
            [
                *[lambda: f"SELECT moment FROM event WHERE {one()}"] * 10,
                lambda: f"SELECT DISTINCT moment FROM event WHERE {one()} ORDER BY moment LIMIT 5",
                lambda: f"SELECT e.moment, n.moment FROM event e {join} note n ON {on()} WHERE {both()}{full}",
                lambda: f"SELECT e.moment, n.moment FROM event e {join} note n ON {on()}",
                lambda: f"SELECT e.moment, n.moment FROM event e {join} note n USING (id, at) WHERE e.at >= {self.constant('at', is_parameter=False)}",
                lambda: f"SELECT e.moment, n.moment FROM event e, note n WHERE e.id = n.id AND {both()}",
                lambda: f"SELECT moment FROM (SELECT * FROM event WHERE {one()}) s WHERE {one()}",
                lambda: f"WITH s AS (SELECT * FROM event WHERE {one()}) SELECT s.moment, n.moment FROM s JOIN note n USING (id) WHERE {self.condition(['n.', 's.'])}",
                lambda: f"SELECT moment FROM event WHERE {one()} {kind} SELECT moment FROM note WHERE {one()}",
                lambda: f"SELECT moment FROM event GROUP BY moment, at, wall, day HAVING {one()}",
                lambda: f"SELECT moment, (SELECT min(n.moment) FROM note n WHERE {self.condition(['n.'])}) FROM event WHERE {one()}",
                lambda: f"SELECT moment FROM event AS e(id, wall, at, day) WHERE {one()}",
                lambda: f"SELECT e.moment FROM event e WHERE EXISTS (SELECT FROM note n WHERE {both()})",
                lambda: f"SELECT e.moment, s.moment FROM event e, LATERAL (SELECT n.* FROM note n WHERE n.id = e.id AND {both()}) s",
                lambda: f"SELECT moment, lag(moment) OVER (ORDER BY moment) FROM event WHERE {one()}",
            ]
        )()  # fmt: skip


def test_no_row_comes_from_outside_the_window_that_is_told(events):
    """Whatever a session's TimeZone and DateStyle, whatever types a client gives its parameters."""
    choice = random.Random(SEED)
    analyzer = Analyzer(RULES)
    told = rows = 0
    for number in range(TEXTS):
        if number % 50 == 0:
            zone, style = choice.choice(ZONES), choice.choice(STYLES)
            events.execute(
                "SELECT set_config('TimeZone', %s, false), set_config('DateStyle', %s, false)", (zone, style)
            )
        writer = Writer(choice)
        text = writer.query()
        analysis = analyzer.analyse(text)
        assert analysis.is_read, text
        types = tuple(oid for oid, _ in writer.values)
        values = [value for _, value in writer.values]
        window = analysis.creation and creation_window(analysis.creation, bound(text, types, *values))
        if window is None or (window.since is None and window.until is None):
            continue
        moments = outputs(events.pgconn, text, types, values)
        if moments is None:  # types that cannot be compared
            continue
        told += 1
        rows += len(moments)
        for moment in moments:
            assert window.since is None or window.since <= moment, (text, values, zone, moment)
            assert window.until is None or moment < window.until, (text, values, zone, moment)
    assert told > TEXTS / 10
    assert rows > TEXTS


@pytest.mark.parametrize(
    ("zone", "condition", "types", "values"),
    [
        ("America/New_York", "at < '2024-11-12 00:00'", (), ()),
        ("<Z>10", "at < '2024-11-12 00:00Z'", (), ()),  # since PostgreSQL 18
        ("America/New_York", "at < timestamp '2024-11-12 00:00+01'", (), ()),
        ("Pacific/Kiritimati", "wall < timestamptz '2024-11-12 00:00+01'", (), ()),
        ("America/New_York", "at::date < '2024-11-12'", (), ()),
        ("America/New_York", "at < $1", (TIMESTAMP,), ("2024-11-12 00:00+01",)),
        ("America/New_York", "at < $1", (DATE,), ("2024-11-12",)),
        ("America/New_York", "$1::timestamp IS NOT NULL AND at < $1", (0,), ("2024-11-12 00:00+01",)),
    ],
)
def test_what_a_session_could_have_made_of_it_is_no_bound(events, zone, condition, types, values):
    """Each gives rows of after the Swedish midnight that it seems to end at."""
    events.execute("SELECT set_config('TimeZone', %s, false)", (zone,))
    text = f"SELECT moment FROM event WHERE {condition} AND moment >= '2024-11-11 23:00+00' ORDER BY 1"
    assert outputs(events.pgconn, text, types, values)
    found = Analyzer(RULES).analyse(text).creation
    assert found is None or creation_window(found, bound(text, types, *values)).until is None


def outputs(connection, text, types, values):
    """The moments that a query gives, RFC 3339 in UTC; None where the server refuses it."""
    data = [value if isinstance(value, bytes) else value.encode() for value in values]
    formats = [isinstance(value, bytes) for value in values]
    result = connection.exec_params(text.encode(), data, types, formats, 1)
    if result.status != pq.ExecStatus.TUPLES_OK:
        return None
    found = (result.get_value(row, column) for row in range(result.ntuples) for column in range(result.nfields))
    return [
        (EPOCH + timedelta(microseconds=int.from_bytes(one, "big", signed=True))).isoformat(timespec="microseconds")[:26] + "Z"
        for one in found
        if one is not None
    ]  # fmt: skip
