"""`readonly-guard classify --jsonl`."""

from __future__ import annotations

import io
import itertools
import json
import os
import select
import subprocess
import sys
import time

import pytest

from readonly_guard_cli.classify import classify_lines


def _lines(*texts: object) -> bytes:
    return b"".join(json.dumps({"sql": text}).encode() + b"\n" for text in texts)


def _judge(source: bytes) -> tuple[int, list[dict]]:
    target = io.BytesIO()
    bad = classify_lines(io.BufferedReader(io.BytesIO(source)), target)
    return bad, [json.loads(line) for line in target.getvalue().splitlines()]


def test_one_line_in_one_line_out(program):
    ended = program("classify", "--jsonl", stdin=_lines("SELECT now(), b FROM s.a", "INSERT INTO person VALUES (1)"))
    assert ended.status == 0
    assert ended.err == ""
    read, denied = map(json.loads, ended.out.splitlines())
    assert read == {
        "verdict": "read",
        "codes": [],
        "statements": [{"kind": "select", "effects": ["read"], "relations": ["s.a"], "functions": ["now"]}],
    }
    assert denied == {
        "verdict": "denied",
        "codes": ["RG-W04"],
        "statements": [{"kind": "insert", "effects": ["write"], "relations": ["person"], "functions": []}],
    }


def test_without_jsonl_it_says_what_to_do(program):
    ended = program("classify", stdin=_lines("SELECT 1"))
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith("error: give --jsonl")


def test_nothing_in_nothing_out(program):
    assert program("classify", "--jsonl") == (0, "", "")


def test_several_statements_and_none():
    bad, (several, none) = _judge(_lines("SELECT 1; SELECT 2", "-- only a remark"))
    assert bad == 0
    assert [reading["kind"] for reading in several["statements"]] == ["select", "select"]
    assert none == {"verdict": "read", "codes": [], "statements": []}


def test_other_keys_are_not_looked_at():
    bad, found = _judge(b'{"source": "psql", "sql": "SELECT 1", "n": [1, {"a": null}]}\n')
    assert bad == 0
    assert found[0]["verdict"] == "read"


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"{",
        b'{"sql": 1}',
        b'{"sql": null}',
        b'{"sql": ["SELECT 1"]}',
        b'{"SQL": "SELECT 1"}',
        b"{}",
        b"[]",
        b'"SELECT 1"',
        b"null",
        b'{"sql": "SELECT 1"',
        b'{"sql": "SELECT 1"} {"sql": "SELECT 1"}',
        b'{"sql": "SELECT \xff"}',
        b'{"sql": "\\ud800"}',
        b'{"sql": "\\u12"}',
        b'{"sql": "a\x01b"}',
        b"[" * 100_000,
        b"\0",
        '{"sql": "SELECT 1"}'.encode("utf-16"),
    ],
)
def test_a_bad_line_is_told_and_the_run_goes_on(line):
    good = _lines("SELECT 1")
    bad, (first, told, last) = _judge(good + line + b"\n" + good)
    assert bad == 1
    assert first["verdict"] == last["verdict"] == "read"
    assert list(told) == ["error", "line"]
    assert told["line"] == 2
    assert len(told["error"]) < 200


def test_a_bad_line_is_not_echoed():
    _, (told,) = _judge(b'{"sql": {"hemligt": "Svartvik"}, "x": "Svartvik\n')
    assert "hemligt" not in str(told)
    assert "Svartvik" not in str(told)


def test_the_status_tells_of_bad_lines(program):
    ended = program("classify", "--jsonl", stdin=b"x\n" + _lines("DELETE FROM a"))
    assert ended.status == 1
    assert [list(json.loads(line)) for line in ended.out.splitlines()] == [
        ["error", "line"],
        ["verdict", "codes", "statements"],
    ]


def test_empty_lines_are_passed_over_and_counted():
    bad, found = _judge(b"\n" + _lines("SELECT 1") + b"  \r\n\nx\n")
    assert bad == 1
    assert [item.get("line") for item in found] == [None, 5]


def test_a_last_line_without_an_end_and_lines_that_end_as_on_windows():
    _, found = _judge(_lines("SELECT 1", "DELETE FROM a").replace(b"\n", b"\r\n").rstrip())
    assert [item["verdict"] for item in found] == ["read", "denied"]


def test_a_nul_cannot_hide_what_follows():
    _, (told,) = _judge(_lines("SELECT 1\0; DELETE FROM person"))
    assert (told["verdict"], told["codes"]) == ("denied", ["RG-T02"])


def test_every_character_comes_through():
    bad, found = _judge(_lines("SELECT '😀\ufeff\u2028\x85 å' FROM \"å\n\u2029\""))
    assert bad == 0
    assert found[0]["statements"][0]["relations"] == ["å\n\u2029"]


def test_a_huge_line():
    huge = _lines("SELECT '" + "x" * 5_000_000 + "'")
    started = time.process_time()
    bad, found = _judge(huge + _lines("SELECT 1") + b'{"sql": "' + b"[" * 5_000_000 + b"\n")
    assert bad == 1
    assert [item.get("codes") for item in found] == [["RG-T04"], [], None]
    assert time.process_time() - started < 5


def test_answers_come_in_order_and_the_same_again():
    texts = [f"SELECT {number} FROM t{number}" if number % 3 else f"DELETE FROM t{number}" for number in range(2_500)]
    bad, found = _judge(_lines(*texts))
    assert bad == 0
    assert [item["statements"][0]["relations"] for item in found] == [[f"t{number}"] for number in range(2_500)]
    assert [item["verdict"] == "denied" for item in found] == [number % 3 == 0 for number in range(2_500)]


@pytest.fixture
def running():
    process = subprocess.Popen(
        [sys.executable, "-m", "readonly_guard_cli", "classify", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        yield process
        process.kill()


def _answers(process, count: int) -> None:
    said = b""
    while said.count(b"\n") < count:
        readable, _, _ = select.select([process.stdout], [], [], 10)
        assert readable, "no answer while the input pauses"
        said += os.read(process.stdout.fileno(), 1_000_000)
    assert said.count(b"\n") == count
    assert said.endswith(b"\n")


def test_an_answer_is_there_before_the_next_question(running):
    for _ in range(3):
        running.stdin.write(_lines("SELECT 1", "DELETE FROM a"))
        _answers(running, 2)
    running.stdin.write(b'{"sql": "SEL')
    running.stdin.write(b'ECT 1"}\n')
    _answers(running, 1)
    running.stdin.close()
    assert running.wait(10) == 0


def test_a_reader_that_goes_away_is_no_crash(running):
    running.stdin.write(_lines("SELECT 1"))
    _answers(running, 1)
    running.stdout.close()
    with pytest.raises(BrokenPipeError):
        for _ in itertools.count():
            running.stdin.write(_lines(*["SELECT 1"] * 1_000))
    assert running.wait(10) == 1
    assert running.stderr.read() == b""


def test_ctrl_c_is_no_crash(running):
    running.stdin.write(_lines("SELECT 1"))
    _answers(running, 1)
    running.send_signal(2)
    assert running.wait(10) == 130
    assert running.stderr.read() == b""


_MIX = (
    "SELECT p.name_full_formatted, e.reg_dt_tm FROM person p JOIN encounter e USING (person_id) WHERE p.person_id = {n}",
    "SELECT count(*) AS c{n} FROM clinical_event WHERE event_cd IN (SELECT code_value FROM code_value WHERE code_set = 72)",
    (
        "SELECT c.relname AS r{n}, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c LEFT JOIN"
        " pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'pg_toast'"
    ),
    "WITH a{n} AS (SELECT person_id, max(reg_dt_tm) AS m FROM encounter GROUP BY 1) SELECT * FROM a{n} ORDER BY m DESC",
    "UPDATE person SET name_last = 'x' WHERE person_id = {n}",
    "SET search_path = millennium, public -- {n}",
)


def test_throughput():
    """A bound that only a collapse breaks: a tenth of what one core does."""
    source = _lines(*(text.format(n=number) for number in range(50) for text in _MIX))
    started = time.process_time()
    bad, found = _judge(source)
    elapsed_s = time.process_time() - started
    assert bad == 0
    assert len(found) == 300
    assert len(found) / elapsed_s > 200
