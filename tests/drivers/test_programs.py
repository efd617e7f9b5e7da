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
    """How a folder becomes a running client; commands are run in a copy of it."""

    tools: tuple[str, ...]
    build: tuple[str, ...]
    run: tuple[str, ...]
    steps: tuple[str, ...]


PROGRAMS = {
    "node": Program(
        ("node", "npm"),
        ("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
        ("node", "client.js"),
        (
            "pg reads", "pg refused", "pg transactions", "pg cursor", "pg cancel", "pg pool",
            "postgres reads", "postgres pipeline", "postgres cursor", "postgres transactions", "postgres refused",
            "postgres cancel", "postgres listen",
            "knex", "sequelize introspection", "sequelize reads and a refused write", "typeorm introspection", "kysely",
        ),
    ),
    "java": Program(
        ("java", "mvn"),
        ("mvn", "--quiet", "--batch-mode", MAVEN_COPY, "-DoutputDirectory=jars"),
        ("java", "-cp", "jars/*", "Client.java"),
        (
            "metadata", "metadata that hides", "reads", "reads prepared at once", "reads in binary",
            "reads by simple protocol", "reads, extended for prepared", "descriptions", "types", "transactions",
            "cursor", "cursor, autosave", "adaptive cursor", "refused", "refused by simple protocol", "copy", "cancel",
            "readOnlyMode=always", "readOnlyMode=always and back", "every parameter", "pool",
        ),
    ),
    "go": Program(
        ("go",),
        ("go", "build", "-o", "client", "."),
        ("./client",),
        (
            *(f"pgx {mode}" for mode in ("cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol")),
            *(f"pgx {name}" for name in ("batch", "types", "prepare", "copy in refused", "listen", "pool")),
            *(
                f"{driver} {name}"
                for driver in ("pgx", "pgx by database/sql", "pq")
                for name in ("transactions", "cancel")
            ),
            *(
                f"{driver} {name}"
                for driver in ("pgx by database/sql", "pq")
                for name in ("connect", "parameters", "prepared", "large", "refused")
            ),
        ),
    ),
    "rust": Program(
        ("cargo",),
        ("cargo", "build", "--quiet"),
        ("target/debug/client",),
        ("parameters", "prepared", "types", "refused", "transactions", "large", "pipeline", "cancel"),
    ),
}  # fmt: skip

DENIED = {
    ("go", "pq transactions"): "BEGIN READ WRITE is denied, RG-T06; lib/pq begins every ordinary transaction so",
    ("java", "readOnlyMode=always and back"): (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE is denied, RG-T06; setReadOnly(false) sends it"
    ),
}
STEPS = [
    pytest.param(
        language, step,
        marks=[pytest.mark.xfail(strict=True, reason=DENIED[language, step])] if (language, step) in DENIED else [],
    )
    for language, program in PROGRAMS.items()
    for step in program.steps
]  # fmt: skip


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


def said_by(gate, folder: Path, language: str) -> dict[str, str]:
    """What a program says of each of its steps: nothing where it went well."""
    done = gate.run(*PROGRAMS[language].run, cwd=folder, EVENTS=str(gate.events), ENDLESS=gate.endless)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "not ok "))]
    said = (line.removeprefix("not ").removeprefix("ok ").partition(": ") for line in lines)
    known = {step: why for step, _, why in said}
    assert sorted(known) == sorted(PROGRAMS[language].steps), done.stdout + done.stderr
    return known


@pytest.fixture(scope="session")
def outcomes(gate, built):
    """What a program says of each of its steps; it is run once."""
    known: dict[str, dict[str, str]] = {}

    def run(language: str) -> dict[str, str]:
        if language not in known:
            known[language] = said_by(gate, built(language), language)
        return known[language]

    return run


@pytest.mark.parametrize(("language", "step"), STEPS)
def test_a_client(outcomes, language, step) -> None:
    assert outcomes(language)[step] == ""


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_client_that_logs_in_at_the_guard(login_gate, built, language) -> None:
    """Each driver has a SCRAM of its own, and all of them get on with the guard's."""
    said = said_by(login_gate, built(language), language)
    assert {step for step, why in said.items() if why} == {step for name, step in DENIED if name == language}
