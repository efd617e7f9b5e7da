"""What ships with PostgreSQL: the stored facts are of every supported major, and those of a live server."""

from __future__ import annotations

import json
import runpy
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from readonly_guard.case import Case
from readonly_guard.domain import StatementRequest, Subject
from readonly_guard.sql import Analyzer
from readonly_guard.sql.builtins import FUNCTIONS, OPERATORS, RELATIONS, TYPES

SCRIPT = Path(__file__).parents[2] / "scripts/generate_builtins.py"


def test_the_facts_are_of_every_supported_major():
    document = json.loads(files("readonly_guard.sql").joinpath("builtins.json").read_text(encoding="utf-8"))
    assert [server.partition(".")[0] for server in document["servers"]] == ["15", "16", "17", "18"]


@pytest.fixture(scope="module")
def live(millennium):
    """The facts of the server that the tests run."""
    script = runpy.run_path(str(SCRIPT))
    with psycopg.connect(millennium.server.dsn("template1")) as connection:  # in which nobody has put anything
        return {
            name: connection.execute(script[name]).fetchall()
            for name in ("FUNCTIONS", "TYPES", "OPERATORS", "RELATIONS")
        }


def test_a_live_server_has_nothing_that_is_not_known(live):
    assert [row for row in live["FUNCTIONS"] if not set(row[2]) <= set(FUNCTIONS[row[0]].get(row[1], ""))] == []
    assert [row for row in live["TYPES"] if row[1] not in TYPES[row[0]]] == []
    assert [row for row in live["RELATIONS"] if row[1] not in RELATIONS[row[0]]] == []
    assert {name for (name,) in live["OPERATORS"]} <= OPERATORS


@pytest.mark.parametrize(
    ("sql", "action"),
    [
        ("SELECT query FROM pg_stat_activity", "search"),
        ("SELECT query FROM pg_catalog.pg_stat_activity AS a, pg_database AS d WHERE a.datid = d.oid", "search"),
        ("SELECT pg_stat_get_activity(NULL)", "write"),
        ("SELECT query FROM pg_stat_get_activity(NULL) AS a", "write"),
        ("SELECT pg_stat_get_backend_activity(7)", "write"),
        ("SELECT * FROM pg_stat_ssl, pg_locks", "catalog"),
    ],
)
def test_what_other_sessions_ask_is_no_question_to_the_catalog(sql, action):
    case = Case(
        StatementRequest(text=sql, subject=Subject(id="alind")), Analyzer().analyse(sql), "id", "2024-11-12T00:00:00Z"
    )
    assert case.question.action.name == action
