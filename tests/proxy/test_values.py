"""Values of parameters, decoded as the real server sends and reads them; what cannot be told is unknown, never an error."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard.domain import listed_patients
from readonly_guard.sql import Analyzer
from readonly_guard_proxy.session.names import Portal, Prepared
from readonly_guard_proxy.session.parameters import BoundParameters
from readonly_guard_proxy.wire.values import Value, array_texts, bound_values, text_of

INT4, INT8, NUMERIC, TEXT, UUID, INT8S, TEXTS = 23, 20, 1700, 25, 2950, 1016, 1009


def text(data, oid=0, codec="utf-8"):
    return text_of(Value(is_binary=False, data=data), oid, codec)


def binary(data, oid=0, codec="utf-8"):
    return text_of(Value(is_binary=True, data=data), oid, codec)


@pytest.fixture(scope="module")
def server(postgres):
    folder = str(Path(postgres).parent)
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7::int2", "7"),
        ("-900001::int4", "-900001"),
        ("9000000000000000001::int8", "9000000000000000001"),
        ("4294967295::oid", "4294967295"),
        ("900001::numeric", "900001"),
        ("-900001.500::numeric", "-900001.5"),
        ("0.00012::numeric", "0.00012"),
        ("120000::numeric", "120000"),
        ("0::numeric", "0"),
        ("'NaN'::numeric", None),
        ("'Infinity'::numeric", None),
        ("1e100::numeric", None),
        ("'åäö 7'::text", "åäö 7"),
        ("''::text", ""),
        ("'x'::varchar(9)", "x"),
        ("'x'::char(3)", "x  "),
        ("'191212121212'::name", "191212121212"),
        ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'2024-11-12 00:00+01'::timestamptz", "2024-11-11T23:00:00+00:00"),
        ("'1999-12-31 23:59:59.999999'::timestamp", "1999-12-31T23:59:59.999999"),
        ("'2024-11-12'::date", "2024-11-12"),
        ("'infinity'::timestamptz", None),
        ("'-infinity'::date", None),
        ("'20241-11-12'::date", None),
        ("7::float8", None),
        ("true", None),
    ],
)
def test_what_the_server_sends_in_binary_is_what_it_says_in_text(server, expression, expected):
    result = server.cursor(binary=True).execute(f"SELECT {expression}").pgresult
    found = binary(result.get_value(0, 0), result.ftype(0))
    assert found == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ARRAY[7, NULL, -8]::int8[]", ("7", "-8")),
        ("ARRAY[7]::int2[]", ("7",)),
        ("'{}'::int4[]", ()),
        ("ARRAY['a,b', 'NULL', NULL, '', '\"', '\\', '{}', ' x ']", ("a,b", "NULL", "", '"', "\\", "{}", " x ")),
        ("ARRAY['7.50', '8']::numeric[]", ("7.5", "8")),
        ("ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']::uuid[]", ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",)),
        ("ARRAY[[1, 2], [3, 4]]", None),
        ("'[2:3]={1,2}'::int4[]", "differs"),
        ("ARRAY[true]", None),
    ],
)
@pytest.mark.parametrize("is_binary", [True, False])
def test_arrays_of_the_server(server, expression, expected, is_binary):
    result = server.cursor(binary=is_binary).execute(f"SELECT {expression}").pgresult
    value = Value(is_binary=is_binary, data=result.get_value(0, 0))
    if expected == "differs":
        expected = ("1", "2") if is_binary else None
    assert array_texts(value, result.ftype(0), "utf-8") == expected


def test_text_is_shortened_where_the_type_is_a_number():
    assert [text(written, NUMERIC) for written in (b" 7.0 ", b"+7", b"7e0", b"x", b"1e999999999")] == [
        *("7", "7", "7"),
        *(None, None),
    ]
    assert text(b" 7.0 ") == " 7.0 "
    assert text(b"007", TEXT) == "007"
    assert text("ö".encode("latin-1"), TEXT, "latin-1") == "ö"
    assert text("ö".encode("latin-1"), TEXT, "utf-8") is None
    assert text(b"{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", UUID) == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    assert text(b"x", UUID) is None


def test_binary_of_an_unknown_type_is_unknown():
    assert binary(struct.pack("!q", 7)) is None
    assert binary(b"\0\7", INT8) is None
    assert array_texts(Value(is_binary=True, data=b"x"), INT8S, "utf-8") is None
    assert array_texts(Value(is_binary=False, data=b"{7}"), INT8, "utf-8") is None


@pytest.mark.parametrize(
    "written", [b"", b"7", b"{7", b"{7,}", b"{,7}", b'{"7}', b"{7 8", b"{a b}x", b"{\\7}", b"{{7}}"]
)
def test_what_is_no_flat_array_is_unknown(written):
    assert array_texts(Value(is_binary=False, data=written), 0, "utf-8") is None


def bind(*values, formats=()):
    body = struct.pack(f"!h{len(formats)}hh", len(formats), *formats, len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return body + struct.pack("!h", 0)


def test_one_format_is_every_values_and_none_is_text():
    assert [value.is_binary for value in bound_values(bind(b"7", None))] == [False, False]
    assert [value.is_binary for value in bound_values(bind(b"7", b"8", formats=[1]))] == [True, True]
    assert [value.is_binary for value in bound_values(bind(b"7", b"8", formats=[0, 1]))] == [False, True]
    [null] = bound_values(bind(None))
    assert (null.is_binary, null.data) == (False, None)


@given(st.binary(max_size=60))
def test_malformed_values_are_unknown(noise):
    portal = Portal(Prepared("", (INT8, TEXTS)), noise)
    for is_array in (True, False):
        for number in range(-1, 4):
            BoundParameters(portal, "utf-8").texts(number, is_array=is_array)
    for oid in (0, INT4, INT8, NUMERIC, TEXT, UUID, INT8S):
        for is_binary in (True, False):
            text_of(Value(is_binary=is_binary, data=noise), oid, "utf-8")
            array_texts(Value(is_binary=is_binary, data=noise), oid, "utf-8")


def test_parameters_of_a_portal():
    portal = Portal(
        Prepared("", (INT8, 0, INT8S)), bind(struct.pack("!q", 7), b"x", b"{8,9}", None, formats=[1, 0, 0, 0])
    )
    parameters = BoundParameters(portal, "utf-8")
    assert parameters.texts(1, is_array=False) == ("7",)
    assert parameters.texts(2, is_array=False) == ("x",)
    assert parameters.texts(3, is_array=True) == ("8", "9")
    assert parameters.texts(4, is_array=False) == ()
    assert parameters.texts(5, is_array=False) is None
    assert parameters.texts(0, is_array=False) is None


def test_values_too_large_to_keep_are_unknown():
    parameters = BoundParameters(Portal(Prepared(""), bind(b"x" * 300_000)), "utf-8")
    assert parameters.texts(1, is_array=False) is None


# --- whom a value is about, against the server ------------------------------------------------------------------------

IDS = (7, 8, 4_294_967_295, 16_777_216, 16_777_217, 16_777_218, 9_007_199_254_740_992, 9_007_199_254_740_993)
TYPES = {
    0: "", 705: "unknown", 20: "int8", 21: "int2", 23: "int4", 26: "oid", 1700: "numeric", 700: "float4",
    701: "float8", 25: "text", 1043: "varchar", 1042: "bpchar", 19: "name", 18: '"char"', 1560: "bit", 1562: "varbit",
    2205: "regclass", 16: "bool", 790: "money", 1016: "int8[]", 1021: "float4[]", 1231: "numeric[]",
}  # fmt: skip
READS = (
    "SELECT person_id FROM person WHERE person_id = $1",
    "SELECT person_id FROM person WHERE person_id IN ($1, 8)",
    "SELECT person_id FROM person WHERE person_id = $1::int8",
    "SELECT person_id FROM person WHERE person_id = $1::numeric",
    "SELECT person_id FROM person WHERE person_id::text = $1",
    "SELECT person_id FROM person WHERE person_id::varchar = $1::text",
    "SELECT person_id FROM person WHERE person_id = ANY ($1)",
    "SELECT person_id FROM person WHERE person_id = ANY ($1::int8[])",
    "SELECT p.person_id FROM person AS p LEFT JOIN person AS q ON q.person_id = $1::numeric WHERE p.person_id = $1::int8",
    *(
        f"SELECT person_id FROM person WHERE $1::{name} IS NOT NULL AND person_id = $1"
        for name in TYPES.values()
        if name
    ),
    *(
        f"SELECT person_id FROM person WHERE $1::{name} IS NOT NULL AND person_id = $1::int8"
        for name in TYPES.values()
        if name and "[" not in name
    ),
)
WRITTEN = (
    *map(str, IDS), "7.4", "6.5", "7.000000000000000000001", " 7 ", "+7", "0x7", "7e0", "-1", "0111", "111", "7abc", "t",
    "{7}", "{7.4}", "{16777217}", "{ 7 ,8}", "7" * 70, "person",
)  # fmt: skip


def test_whom_the_server_reads_about_is_named_whatever_the_client_says_of_types(server):
    analyzer = Analyzer()
    server.execute("CREATE TEMP TABLE person AS SELECT unnest(%s::int8[]) AS person_id", (list(IDS),))
    ran = told = 0
    for read, (oid, _), written in itertools.product(READS, TYPES.items(), WRITTEN):
        result = server.pgconn.exec_params(read.encode(), [written.encode()], [oid])
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            continue
        found = {result.get_value(row, 0).decode() for row in range(result.ntuples)}
        portal = Portal(Prepared(read, (oid,)), bind(written.encode()))
        analysis = analyzer.analyse(read)
        assert analysis.patients.is_bound
        named = {
            name.partition(":")[2] for name in listed_patients(analysis.patients, BoundParameters(portal, "utf-8"))
        }
        ran += bool(found)
        told += bool(found) and "?" not in named
        assert found <= named or "?" in named, (read, oid, written)
    assert told > 100
    assert ran > told
