"""pg_dump and pg_dumpall: a copy of everything is a print, so it wants a print reason; and then it is a read."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.client("pg_dump")
PRINTING = "-c readonly_guard.purpose=TREAT -c readonly_guard.print_reason=MEDICAL_NEED"


@pytest.fixture(autouse=True)
def version(gate, record_property):
    told = gate.run(gate.binaries / "pg_dump", "--version").stdout.split()[2]
    record_property("client version", int(told.partition(".")[0]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format=plain"],
        ["--format=custom"],
        ["--format=tar"],
        ["--schema-only", "--create", "--clean", "--if-exists"],
        ["--data-only", "--table=person", "--no-sync"],
        ["--data-only", "--exclude-table-data=ce_blob", "--rows-per-insert=50", "--column-inserts"],
        ["--serializable-deferrable", "--schema=millennium"],
        ["--statistics"],
        ["--large-objects", "--lock-wait-timeout=5000"],
        ["--enable-row-security", "--table=allergy"],
        ["--extension=plpgsql"],
    ],
    ids=" ".join,
)
@pytest.mark.shows("reads")
def test_pg_dump(gate, tmp_path, arguments) -> None:
    with gate.without_denials():
        done = gate.run(gate.binaries / "pg_dump", *arguments, "--file", tmp_path / "dump", options=PRINTING)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "dump").stat().st_size > 500


@pytest.mark.shows("reads")
def test_pg_dump_is_the_database(gate) -> None:
    done = gate.run(gate.binaries / "pg_dump", "--data-only", "--table=clinical_event", options=PRINTING)
    assert done.stdout.partition("FROM stdin;\n")[2].partition("\n\\.")[0].count("\n") + 1 == gate.events


@pytest.mark.shows("reads")
def test_pg_dump_in_parallel(gate, tmp_path) -> None:
    with gate.without_denials():
        done = gate.run(
            gate.binaries / "pg_dump", "--jobs=3", "--format=directory", "--file", tmp_path / "dump", options=PRINTING
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--no-role-passwords"], ["--no-role-passwords", "--schema-only"]], ids=" ".join)
@pytest.mark.shows("reads")
def test_pg_dumpall(gate, arguments) -> None:
    with gate.without_denials():
        done = gate.run(gate.binaries / "pg_dumpall", *arguments, "--exclude-database=millennium_*", options=PRINTING)
    assert (done.returncode, done.stderr) == (0, "")
    assert "CREATE TABLE millennium.person" in done.stdout


def test_a_dump_without_a_print_reason_is_refused(gate) -> None:
    done = gate.run(gate.binaries / "pg_dump", "--data-only")
    assert done.returncode != 0
    assert "RG-X01" in done.stderr
