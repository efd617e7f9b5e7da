"""Clients in other languages: each folder here is one program that prints ``ok STEP`` or ``not ok STEP: why``.

They are built with ``--require-drivers`` only, in .tools/drivers: that fetches packages and takes a minute.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

BUILD_S = 300.0
SOURCES = Path(__file__).parent
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class Program(NamedTuple):
    """How a folder becomes a running client; commands are run in a copy of it.

    ``steps``: for each client of the matrix what the program tries, and what of the matrix that is evidence for.
    """

    tools: tuple[str, ...]
    build: tuple[str, ...]
    run: tuple[str, ...]
    steps: dict[str, dict[str, str]]

    @property
    def names(self) -> list[str]:
        return [step for steps in self.steps.values() for step in steps]


EVERY_COLUMN = {"large": "large", "after a denial": "denial", "cancel": "cancel", "tls": "tls"}
BY_DATABASE_SQL = {
    "connect": "reads", "parameters": "reads", "prepared": "prepared", "refused": "denial", "transactions": "reads",
} | EVERY_COLUMN  # fmt: skip

PROGRAMS = {
    "node": Program(
        ("node", "npm"),
        ("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
        ("node", "client.js"),
        {
            "node-postgres": {
                "pg reads": "reads prepared", "pg refused": "denial", "pg transactions": "reads", "pg cursor": "reads",
                "pg pool": "reads", **{f"pg {step}": column for step, column in EVERY_COLUMN.items()},
            },
            "postgres.js": {
                "postgres reads": "reads prepared", "postgres pipeline": "reads", "postgres cursor": "reads",
                "postgres transactions": "reads", "postgres refused": "denial", "postgres listen": "",
                **{f"postgres {step}": column for step, column in EVERY_COLUMN.items()},
            },
            "Knex": {"knex": "reads denial"},
            "Sequelize": {"sequelize introspection": "reads", "sequelize reads and a refused write": "reads denial"},
            "TypeORM": {"typeorm introspection": "reads denial"},
            "Kysely": {"kysely": "reads denial"},
        },
    ),
    "java": Program(
        ("java", "mvn"),
        ("mvn", "--quiet", "--batch-mode", MAVEN_COPY, "-DoutputDirectory=jars"),
        ("java", "-cp", "jars/*", "Client.java"),
        {
            "pgjdbc": {
                **dict.fromkeys(("metadata", "metadata that hides", "descriptions", "types", "transactions"), "reads"),
                **dict.fromkeys(("reads", "reads by simple protocol", "every parameter"), "reads"),
                **dict.fromkeys(("readOnlyMode=always", "readOnlyMode=always and back"), "reads"),
                **dict.fromkeys(("reads prepared at once", "reads in binary", "reads, extended for prepared"), "prepared"),
                **dict.fromkeys(("cursor", "cursor, autosave", "adaptive cursor", "copy"), "reads"),
                **dict.fromkeys(("refused", "refused by simple protocol"), "denial"),
                **EVERY_COLUMN,
            },
            "HikariCP": {"pool": "reads"},
        },
    ),
    "go": Program(
        ("go",),
        ("go", "build", "-o", "client", "."),
        ("./client",),
        {
            "pgx": {
                **{f"pgx {mode}": "reads prepared denial" for mode in ("cache_statement", "cache_describe")},
                **{f"pgx {mode}": "reads denial" for mode in ("describe_exec", "exec", "simple_protocol")},
                **{f"pgx {name}": "reads" for name in ("transactions", "batch", "types", "listen", "pool")},
                "pgx prepare": "prepared", "pgx copy in refused": "denial",
                **{f"pgx {step}": column for step, column in EVERY_COLUMN.items()},
            },
            "pgx by database/sql": {f"pgx by database/sql {step}": column for step, column in BY_DATABASE_SQL.items()},
            "lib/pq": {f"pq {step}": column for step, column in BY_DATABASE_SQL.items()},
        },
    ),
    "rust": Program(
        ("cargo",),
        ("cargo", "build", "--quiet"),
        ("target/debug/client",),
        {
            "tokio-postgres": {
                **dict.fromkeys(("parameters", "types", "transactions", "pipeline"), "reads"),
                "prepared": "prepared", "refused": "denial", **EVERY_COLUMN,
            },
        },
    ),
}  # fmt: skip

DENIED = {
    (
        "go",
        "pq transactions",
    ): "lib/pq begins every ordinary transaction with BEGIN READ WRITE, which is denied (RG-T06)",
    ("java", "readOnlyMode=always and back"): (
        "with readOnlyMode=always, setReadOnly(false) sends SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE, which "
        "is denied (RG-T06)"
    ),
}


def steps():
    for language, program in PROGRAMS.items():
        for client, tried in program.steps.items():
            for step, columns in tried.items():
                marks = [pytest.mark.client(client), pytest.mark.shows(*columns.split())]
                if (language, step) in DENIED:
                    marks.append(pytest.mark.xfail(strict=True, reason=DENIED[language, step]))
                yield pytest.param(language, step, marks=marks)


@pytest.fixture(scope="session")
def built(pytestconfig, tool, tmp_path_factory):
    """The folder where a program stands ready to run."""
    is_required = pytestconfig.getoption("--require-drivers")

    def build(language: str) -> Path:
        program = PROGRAMS[language]
        for name in program.tools:
            tool(name)
        sources = sorted(path for path in (SOURCES / language).rglob("*") if path.is_file())
        digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
        folder = pytestconfig.rootpath / ".tools" / "drivers" / language
        stamp = folder / "built"
        if stamp.is_file() and stamp.read_text() == digest:
            return folder
        if not is_required:
            pytest.skip(f"the {language} clients are not built: make drivers")
        shutil.copytree(SOURCES / language, folder, dirs_exist_ok=True)
        done = subprocess.run(program.build, cwd=folder, capture_output=True, text=True, timeout=BUILD_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        stamp.write_text(digest)
        return folder

    return build


@pytest.fixture(scope="session")
def said_by(built, tls_gate):
    """What a program says of each of its steps: nothing where it went well."""

    def run(gate, language: str) -> dict[str, str]:
        program = PROGRAMS[language]
        given = {
            "EVENTS": str(gate.events), "ENDLESS": gate.endless, "LARGE": gate.large, "LARGE_ROWS": str(gate.large_rows),
            "TLS_PORT": str(tls_gate.port), "TLS_ROOT": tls_gate.root,
        }  # fmt: skip
        folder = built(language)
        try:
            done = gate.run(*program.run, cwd=folder, **given)
            out, error = done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            out, error = (late.stdout or b"").decode(), "it did not end"
        lines = [line for line in out.splitlines() if line.startswith(("ok ", "not ok "))]
        said = (line.removeprefix("not ").removeprefix("ok ").partition(": ") for line in lines)
        known = {step: why for step, _, why in said}
        missing = dict.fromkeys(set(program.names) - set(known), f"not reached: {out}{error}")
        assert set(known) <= set(program.names)
        return known | missing

    return run


@pytest.fixture(scope="session")
def outcomes(gate, said_by):
    """What a program says of each of its steps; it is run once."""
    known: dict[str, dict[str, str]] = {}

    def run(language: str) -> dict[str, str]:
        if language not in known:
            known[language] = said_by(gate, language)
        return known[language]

    return run


@pytest.mark.parametrize(("language", "step"), list(steps()))
def test_a_client(outcomes, language, step) -> None:
    assert outcomes(language)[step] == ""


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_client_that_logs_in_at_the_guard(login_gate, said_by, language) -> None:
    """Each driver has a SCRAM of its own, and all of them get on with the guard's."""
    said = said_by(login_gate, language)
    assert {step for step, why in said.items() if why} == {step for name, step in DENIED if name == language}
