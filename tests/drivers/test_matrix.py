"""The matrix itself: what becomes of evidence, what contradicts it, and that the document is about today's clients."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from driver_matrix import CLIENTS, COLUMNS, DOCUMENT, Findings, contradictions

WRITTEN = json.loads(DOCUMENT.read_text(encoding="utf-8"))
EVERYWHERE = ("reads", "denial", "large", "prepared", "cancel", "tls")
DRIVERS = (
    "psql", "asyncpg", "psycopg 3", "psycopg2", "psqlODBC", "pgjdbc", "node-postgres", "postgres.js", "pgx",
    "pgx by database/sql", "lib/pq", "tokio-postgres",
)  # fmt: skip


def _document(*evidence: tuple[str, str]) -> dict:
    findings = Findings()
    for column, outcome in evidence:
        findings.add("psql", [column], outcome, ["18"])
    return findings.document()


def test_a_cell_is_as_good_as_its_worst_evidence() -> None:
    cells = _document(("reads", "yes"), ("reads", "no"), ("tls", "yes"), ("cancel", "why"), ("cancel", "yes"))
    assert cells == {"psql": {"version": "18", "cells": {"reads": "no", "cancel": "why", "tls": "yes"}}}


def test_a_run_that_finds_something_else_contradicts() -> None:
    before = _document(("reads", "yes"), ("tls", "yes"))
    assert list(contradictions(before, before)) == []
    assert list(contradictions({}, before)) == []  # other clients were run
    assert list(contradictions(_document(("reads", "no")), before)) == [
        "psql, reads: no, written is yes",
        "psql, tls: nothing, written is yes",
    ]
    assert len(list(contradictions(before, {}))) == 2


def test_the_document_knows_every_client_and_nothing_failed() -> None:
    assert list(WRITTEN) == list(CLIENTS)
    for told in WRITTEN.values():
        assert set(told["cells"]) <= set(COLUMNS)
        assert "no" not in told["cells"].values()
        assert told["version"]


@pytest.mark.parametrize("client", [name for name, version in CLIENTS.items() if version()])
def test_the_versions_are_those_that_are_pinned(client) -> None:
    assert WRITTEN[client]["version"] == CLIENTS[client]()


@pytest.mark.parametrize("client", DRIVERS)
def test_every_driver_was_tried_with_everything(client) -> None:
    assert tuple(WRITTEN[client]["cells"]) == EVERYWHERE


WITHOUT_DRIVERS = """
import importlib.metadata, sys, pytest

version = importlib.metadata.version
absent = {"psycopg2-binary", "Django", "pyodbc"}

def installed(name):
    if name in absent:
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)

importlib.metadata.version = installed
for module in ("psycopg2", "django", "pyodbc"):
    sys.modules[module] = None  # importing it raises ImportError
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests/drivers"]))
"""


def test_tests_are_collected_where_the_drivers_are_not_installed() -> None:
    """As `make test` does in a clean clone; `.ci/run` has them installed."""
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", WITHOUT_DRIVERS], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "test_django.py::test_" in run.stdout
