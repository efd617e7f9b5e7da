import shutil

import pytest

from readonly_guard.audit import Journal, find_chains, read, read_all
from readonly_guard.errors import ConfigurationError


def write(path, completion, *times):
    with Journal.open(path) as journal:
        for time in times:
            journal.append(completion(1, time=f"2026-03-01T08:{time}:00.000000Z"))


@pytest.fixture
def log(tmp_path, completion):
    """Two processes' chains, and one in the directory itself."""
    path = tmp_path / "journal"
    write(path, completion, "01", "04", "05")
    write(path / "worker-1", completion, "02", "03", "07")
    write(path / "worker-2", completion, "06")
    (path / "empty").mkdir()
    (path / "notes.txt").write_text("x")
    (path / "link").symlink_to(path / "worker-1")
    return path


def test_chains_are_the_directory_and_those_below_it(log):
    assert [(chain.name, chain.path) for chain in find_chains(log)] == [
        ("journal", log),
        ("worker-1", log / "worker-1"),
        ("worker-2", log / "worker-2"),
    ]


def test_all_records_come_by_time_each_with_its_chain(log):
    seen = [(entry.record.time[14:16], entry.chain, entry.seq) for entry in read_all(log)]

    assert seen == [
        ("01", "journal", 1),
        ("02", "worker-1", 1),
        ("03", "worker-1", 2),
        ("04", "journal", 2),
        ("05", "journal", 3),
        ("06", "worker-2", 1),
        ("07", "worker-1", 3),
    ]


def test_one_chain_is_read_by_itself(log):
    assert [entry.seq for entry in read(log / "worker-1")] == [1, 2, 3]


def test_within_a_chain_its_order_counts_not_the_clock(log, completion):
    shutil.rmtree(log / "worker-1")
    write(log / "worker-2", completion, "02", "08")

    assert [entry.seq for entry in read_all(log) if entry.chain == "worker-2"] == [1, 2, 3]


def test_a_directory_without_chains_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no journal"):
        find_chains(tmp_path)
