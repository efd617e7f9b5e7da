"""The server's other clients: pg_isready and pgbench, which reads in each of the protocol's ways."""

from __future__ import annotations

import pytest

SCRIPT = r"""
\set id random(900001, 900003)
SELECT name_last FROM person WHERE person_id = :id;
SELECT count(*) AS contacts FROM encounter WHERE person_id = :id \gset
BEGIN;
SELECT org_name FROM organization LIMIT 1;
END;
"""


def test_pg_isready(gate) -> None:
    done = gate.run(gate.binaries / "pg_isready")
    assert (done.returncode, done.stdout) == (0, f"{gate.host}:{gate.port} - accepting connections\n")


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_pgbench(gate, tmp_path, protocol) -> None:
    (tmp_path / "script.sql").write_text(SCRIPT, encoding="utf-8")
    arguments = ["--no-vacuum", f"--protocol={protocol}", "--client=4", "--transactions=5", "--file"]
    with gate.without_denials() as asked:
        done = gate.run(gate.binaries / "pgbench", *arguments, tmp_path / "script.sql")
    assert done.returncode == 0, done.stderr
    assert "number of failed transactions: 0" in done.stdout
    assert len(asked) >= 4 * 5 * 5
