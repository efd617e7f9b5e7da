"""The matrix of drivers: what tests/drivers found out about each client, as a document that the README's table is made of.

A test says with ``@pytest.mark.client("asyncpg")`` whom it is about and with ``@pytest.mark.shows("cancel")`` which columns
of the table it is evidence for. A cell is ``yes`` when all of its evidence passed, the reason of an expected failure
where there is one, and ``no`` otherwise. A cell without evidence is not in the document.

``--record-drivers`` writes the document. Without it, a run with ``--require-drivers`` fails when it contradicts it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["CLIENTS", "COLUMNS", "Findings", "contradictions"]

DRIVERS: Final = Path(__file__).parents[1] / "drivers"
CONSTRAINTS: Final = Path(__file__).parents[2] / "constraints.txt"
DOCUMENT: Final = DRIVERS / "results.json"
COLUMNS: Final = ("reads", "denial", "large", "prepared", "cancel", "tls")
"""``denial``: a write is refused, and transactions go on after it. ``tls``: verify-full against the guard."""

VERSION: Final = "client version"
"""The property by which a test tells the version of a program that the machine has, as `record_property` takes it."""

YES: Final = "yes"
NO: Final = "no"


def _pinned(name: str) -> Callable[[], str]:
    """A version that is pinned, whether or not the client is installed: `make test` goes without most of them."""
    return lambda: re.findall(rf"^{re.escape(name)}==(.+)$", CONSTRAINTS.read_text(), re.MULTILINE)[0]


def _in(path: str, before: str) -> Callable[[], str]:
    """A version that a file of a program in another language pins."""
    return lambda: str(re.findall(re.escape(before) + r"[\"=v ]*([0-9][0-9.]*)", (DRIVERS / path).read_text())[0])


def _told() -> str:
    return ""


CLIENTS: Final[Mapping[str, Callable[[], str]]] = {
    "psql": _told,
    "pg_dump": _told,
    "asyncpg": _pinned("asyncpg"),
    "psycopg 3": _pinned("psycopg"),
    "psycopg2": _pinned("psycopg2-binary"),
    "SQLAlchemy": _pinned("SQLAlchemy"),
    "Django": _pinned("Django"),
    "psqlODBC": _told,
    "pgjdbc": _in("java/pom.xml", "<artifactId>postgresql</artifactId>\n      <version>"),
    "HikariCP": _in("java/pom.xml", "<artifactId>HikariCP</artifactId>\n      <version>"),
    "node-postgres": _in("node/package.json", '"pg": '),
    "postgres.js": _in("node/package.json", '"postgres": '),
    "Knex": _in("node/package.json", '"knex": '),
    "Sequelize": _in("node/package.json", '"sequelize": '),
    "TypeORM": _in("node/package.json", '"typeorm": '),
    "Kysely": _in("node/package.json", '"kysely": '),
    "pgx": _in("go/go.mod", "jackc/pgx/v5 "),
    "pgx by database/sql": _in("go/go.mod", "jackc/pgx/v5 "),
    "lib/pq": _in("go/go.mod", "lib/pq "),
    "tokio-postgres": _in("rust/Cargo.toml", "\ntokio-postgres = "),
}
"""In the table's order, each with where its version is written; with an empty text where tests tell it."""


class Findings:
    """What the tests of one run found out."""

    def __init__(self) -> None:
        self._evidence: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._versions: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, client: str, columns: Iterable[str], outcome: str, versions: Iterable[str] = ()) -> None:
        """A test about a client ended: with ``yes``, ``no``, or the reason why it is expected to fail."""
        self._versions[client].update(versions)
        for column in columns:
            self._evidence[client][column].add(outcome)

    def document(self) -> dict[str, Any]:
        """By client: its version and its cells."""
        return {
            client: {
                "version": version() or " and ".join(sorted(self._versions[client], key=int)),
                "cells": {
                    name: _cell(self._evidence[client][name]) for name in COLUMNS if name in self._evidence[client]
                },
            }
            for client, version in CLIENTS.items()
            if client in self._evidence
        }


def _cell(outcomes: set[str]) -> str:
    if NO in outcomes:
        return NO
    return "; ".join(sorted(outcomes - {YES})) or YES


def contradictions(found: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[str]:
    """Where a run and the document differ, of the clients that were run.

    Another version is no contradiction: some clients are the machine's.
    """
    for client, now in found.items():
        then = written.get(client, {"cells": {}})
        for column in COLUMNS:
            here, there = (each["cells"].get(column, "nothing") for each in (now, then))
            if here != there:
                yield f"{client}, {column}: {here}, written is {there}"


# ---------------------------------------------------------------------- pytest's hooks

_FINDINGS: Final = pytest.StashKey[Findings]()
_IS_PART: Final = pytest.StashKey[bool]()
_DIFFERENCES: Final = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """To write the document."""
    parser.addoption("--record-drivers", action="store_true", help="write tests/drivers/results.json from this run")


def pytest_configure(config: pytest.Config) -> None:
    """One collection of findings a run, which is made in one process."""
    is_held = config.getoption("--record-drivers") or config.getoption("--require-drivers", default=False)
    if is_held and config.getoption("numprocesses", default=None):
        raise pytest.UsageError("what the clients showed is gathered in one process: without --numprocesses")
    config.stash[_FINDINGS] = Findings()
    config.stash[_IS_PART] = any("::" in argument for argument in config.args)
    config.stash[_DIFFERENCES] = []


def pytest_deselected(items: list[pytest.Item]) -> None:
    """A part of a client's tests says nothing about its cells."""
    for item in items[:1]:
        item.config.stash[_IS_PART] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Note what a test found out."""
    report = yield
    client, shows = item.get_closest_marker("client"), item.get_closest_marker("shows")
    if client is not None and shows is not None and (report.when == "call" or report.failed):
        reason = getattr(report, "wasxfail", "")
        outcome = NO if report.failed else (reason or YES)
        if report.skipped and not reason:
            return report  # nothing was found out
        versions = [str(value) for name, value in item.user_properties if name == VERSION]
        item.config.stash[_FINDINGS].add(client.args[0], shows.args, outcome, versions)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the document, or hold the run against it."""
    config = session.config
    found = config.stash[_FINDINGS].document()
    is_whole = found and not config.stash[_IS_PART] and not session.shouldstop and not session.shouldfail
    if not is_whole:
        return
    written = json.loads(DOCUMENT.read_text(encoding="utf-8")) if DOCUMENT.exists() else {}
    if config.getoption("--record-drivers"):
        merged = {client: (written | found)[client] for client in CLIENTS if client in written | found}
        DOCUMENT.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    elif config.getoption("--require-drivers"):
        config.stash[_DIFFERENCES] = list(contradictions(found, written))
        if config.stash[_DIFFERENCES]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say where the run contradicts the document."""
    differences = config.stash[_DIFFERENCES]
    if differences:
        terminalreporter.section("tests/drivers/results.json says otherwise", red=True)
        terminalreporter.write_line("\n".join(differences))
        terminalreporter.write_line("right? then: make driver-table")
