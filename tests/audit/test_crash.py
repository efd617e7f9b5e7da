"""Real processes that are killed while they write, and a kernel that refuses to let the file grow."""

import json

import pytest

from readonly_guard.audit import read, verify


def test_whatever_was_acknowledged_survives_kill_9(tmp_path, child):
    rounds = 20

    output, _ = child("killed.py", tmp_path, rounds, 20260301).communicate(timeout=120)

    results = [json.loads(line) for line in output.splitlines()]
    assert len(results) == rounds
    for result in results:
        assert result["ok"]
        assert result["recovered"] == result["head"] >= result["acknowledged"]
    assert max(result["acknowledged"] for result in results) > 100
    assert results[-1]["segments"] > 1
    assert [entry.seq for entry in read(tmp_path)] == list(range(1, results[-1]["head"] + 1))


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_a_full_disk_refuses_and_forgets_and_then_goes_on(tmp_path, child, batch):
    output, _ = child("full.py", tmp_path, 20_011, batch).communicate(timeout=60)

    result = json.loads(output)
    assert len(result["refusals"]) == 3
    assert all(refusal.endswith("File too large") for refusal in result["refusals"])
    assert result["size_when_full"] == result["size_before"], "what stopped short was cut off again"
    assert result["after"] == result["durable"] + 1
    names = [entry.record.decision_id for entry in read(tmp_path)]
    assert names == ["written"] * result["durable"] + ["after"]
    assert verify(tmp_path).ok
