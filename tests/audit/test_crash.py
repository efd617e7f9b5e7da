"""Real processes that are killed while they write, and a kernel that refuses to let the file grow."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from readonly_guard.audit import Journal, read, verify

ROUNDS = int(os.environ.get("READONLY_GUARD_KILLS", "20"))
"""How often a writer is killed; a campaign of hundreds is run by hand when the journal changes."""


def test_whatever_was_acknowledged_survives_kill_9(tmp_path, child):
    output, _ = child("killed.py", tmp_path, ROUNDS, 20260301).communicate(timeout=60 + 5 * ROUNDS)

    results = [json.loads(line) for line in output.splitlines()]
    assert len(results) == ROUNDS
    for result in results:
        assert result["ok"]
        assert result["is_in_order"]
        assert result["kept"] >= result["acknowledged"]
    assert max(result["acknowledged"] for result in results) > 100
    assert results[-1]["segments"] > 5
    assert results[-1]["seals"] > 20
    assert [entry.seq for entry in read(tmp_path)] == list(range(1, results[-1]["head"] + 1))


@pytest.fixture
def memory(tmp_path):
    """A directory whose fsync costs nothing, where there is one: for a thousand journals whose content is looked at."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if os.access(place, os.W_OK) else tmp_path) as name:
        yield Path(name)


def test_power_loss_tears_the_last_commit_at_any_byte(memory, completion):
    path = memory / "journal"
    with Journal.open(path) as journal:
        for number in range(5):
            journal.append(completion(number))
        journal.commit()
        durable = journal.head
        segment = next(path.glob("*.jsonl"))
        size = segment.stat().st_size
        for record in (completion(6), completion(7), completion(8)):
            journal.append(record)
    whole = segment.read_bytes()

    for length in range(size, len(whole) + 1):
        shutil.rmtree(path)
        path.mkdir()
        segment.write_bytes(whole[:length])
        with Journal.open(path) as journal:
            found = journal.recovery
            kept = whole[size:length].count(b"\n")
            assert found.head.seq == durable.seq + kept
            assert found.torn_bytes == len(whole[size:length].rpartition(b"\n")[2])
        entries = list(read(path))
        assert len(entries) == durable.seq + kept + (found.torn_file is not None)
        assert entries[durable.seq - 1].hash == durable.hash
        assert verify(path).ok


def test_a_disk_that_is_full_or_read_only_refuses_and_then_goes_on(tmp_path, in_a_mount_namespace):
    output = in_a_mount_namespace("small_disk.py", tmp_path)

    result = json.loads(output)
    assert result["is_writing"] == [True, True]
    full, read_only = result["refused"]
    assert full.endswith("No space left on device")
    assert "cannot be written (Read-only file system)" in read_only
    assert result["is_whole"]
    assert result["is_what_was_acknowledged"]
    assert result["segments"] > 1
    assert result["records"] > 100


def test_rights_taken_away_while_it_runs_refuse_until_they_are_back(child):
    with tempfile.TemporaryDirectory() as name:  # not tmp_path: other users may not even enter that
        Path(name).chmod(0o777)
        output, _ = child("locked_out.py", name).communicate(timeout=60)

    result = json.loads(output)
    assert all(texts and all("Permission denied" in text for text in texts) for texts in result["refusals"].values())
    assert result["last"] == "after"
    assert result["is_what_was_acknowledged"]
    assert result["ok"]


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
