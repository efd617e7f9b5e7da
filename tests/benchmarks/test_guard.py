"""What is counted in the journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.wire.guard import Ledger, Variant


def _line(**record: Any) -> str:
    allowed = {"type": "decision", "phase": "query", "verdict": "allow", "relations": ["pgbench_accounts"]}
    return json.dumps({"seq": 1, "prev": "", "hash": "", "record": allowed | record}) + "\n"


def _segment(journal: Path, number: int) -> Path:
    journal.mkdir(parents=True, exist_ok=True)
    return journal / f"journal-{number:020}.jsonl"


def test_what_is_run_for_a_patient_is_counted_once(tmp_path: Path) -> None:
    _segment(tmp_path, 1).write_text(
        _line()
        + _line(phase="parse")
        + _line(phase="execute")
        + _line(verdict="deny")
        + _line(relations=["pg_catalog.pg_class", "pgbench_branches"])
        + _line(relations=[])
        + json.dumps({"record": {"type": "completion", "rows": 1}})
        + "\n"
    )
    assert Ledger(tmp_path).allowed() == 2


def test_it_reads_on_where_it_stopped_through_every_chain_and_segment(tmp_path: Path) -> None:
    first = _segment(tmp_path / "worker-1", 1)
    first.write_text(_line() + _line()[:-20])  # the second is being written
    ledger = Ledger(tmp_path)
    assert ledger.allowed() == 1
    first.write_text(_line() * 2)
    _segment(tmp_path / "worker-1", 3).write_text(_line())
    _segment(tmp_path / "worker-2", 1).write_text(_line() * 3)
    assert ledger.allowed() == 5
    assert ledger.allowed() == 0


def test_a_variant_is_called_by_what_differs_from_the_default() -> None:
    assert Variant().name == "guard"
    assert Variant(durability="buffered", engine="opa", workers=2).name == "guard, buffered, opa, 2 workers"
