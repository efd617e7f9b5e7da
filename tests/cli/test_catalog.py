"""`readonly-guard catalog`, on the synthetic Millennium and its traps."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="session")
def dsn(millennium):
    return millennium.guard_dsn


def test_the_report_lists_the_traps_and_why(run, dsn):
    ended = run("catalog", "report", "--dsn", dsn)
    assert ended.status == 1
    text = " ".join(ended.out.split())
    assert "view millennium.visited_person" in text
    assert "function millennium.log_visit(bigint): it is volatile; declare it STABLE if it only reads" in text
    assert "5 of 56 objects are denied" in text
    assert "millennium.person " not in text


def test_the_report_as_json(run, dsn):
    ended = run("catalog", "report", "--dsn", dsn, "--json")
    findings = [json.loads(line) for line in ended.out.splitlines()]
    by_object = {finding["object"]: finding for finding in findings}
    chain = by_object["function millennium.patient_summary(bigint)"]["chain"]
    assert chain[-1] == "function millennium.log_visit(bigint)"
    assert {finding["code"] for finding in findings} == {"RG-F02"}


def test_explain_shows_the_chain_as_a_tree(run, dsn):
    ended = run("catalog", "explain", "--dsn", dsn, "millennium.visited_person")
    assert ended.status == 1
    lines = ended.out.splitlines()
    assert lines[0] == "view millennium.visited_person"
    assert "view definition: function millennium.log_visit(bigint)" in lines[1]
    assert "it is volatile" in lines[2]


@pytest.mark.parametrize("name", ["millennium.person", 'millennium."person"', "millennium.journal_overview"])
def test_explain_says_what_only_reads(run, dsn, name):
    ended = run("catalog", "explain", "--dsn", dsn, name)
    assert ended.status == 0
    assert "only reads" in ended.out


def test_a_snapshot_stands_in_for_the_server(run, dsn, tmp_path):
    file = tmp_path / "catalog.json"
    taken = run("catalog", "snapshot", "--dsn", dsn, "--out", file)
    assert taken.status == 0
    assert "56 objects" in taken.out
    assert run("catalog", "report", "--catalog", file).out == run("catalog", "report", "--dsn", dsn).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report",), "give one of --dsn, --catalog, or --config"),
        (("report", "--dsn", "postgresql://nobody@127.0.0.1:1/x"), "the catalog cannot be read"),
        (("report", "--catalog", "missing.json"), "missing.json: cannot be read"),
        (("explain", "--catalog", "{json}", "x"), "is not a catalog snapshot"),
        (("explain", "--dsn", "{dsn}", "nothing_of_this_name"), "there is no nothing_of_this_name"),
        (("explain", "--dsn", "{dsn}", "a.b.c"), "is not a name"),
        (("explain", "--dsn", "{dsn}", '"unclosed'), 'there is no "unclosed'),
        (("snapshot", "--dsn", "{dsn}", "--out", "/nowhere/at/all.json"), "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, dsn, tmp_path, arguments, said):
    other = tmp_path / "other.json"
    other.write_text("[]")
    ended = run("catalog", *(item.format(dsn=dsn, json=other) for item in arguments))
    assert ended.status == 2
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_check_looks_names_up_in_a_catalog(run, dsn, tmp_path):
    file, config = tmp_path / "catalog.json", tmp_path / "guard.toml"
    run("catalog", "snapshot", "--dsn", dsn, "--out", file)
    text = "SELECT * FROM millennium.visited_person"
    assert run("check", text).status == 0
    denied = run("check", "--explain", "--catalog", file, text)
    assert denied.status == 1
    assert "RG-F03" in denied.out
    assert "log_visit" in denied.out
    # as the proxy with this file would: a catalog of its own, from a file or from the server
    for where in ('snapshot = "catalog.json"', f'dsn = "{dsn}"'):
        config.write_text(f'[upstream]\nhost = "h"\n[journal]\npath = "j"\n[catalog]\n{where}\n')
        assert run("check", "--config", config, text).status == 1
        assert run("check", "--config", config, "SELECT * FROM millennium.person").status == 0
