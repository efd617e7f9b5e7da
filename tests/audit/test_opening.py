"""How a journal is taken hold of, and what is said when it cannot be."""

import stat
import tempfile
from pathlib import Path

import pytest

from readonly_guard.audit import Journal
from readonly_guard.errors import ConfigurationError

from .conftest import segments


def test_directory_and_files_are_for_the_owner_only(tmp_path, completion):
    with Journal.open(tmp_path / "a" / "log"):
        pass
    directory = tmp_path / "a" / "log"

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(item.stat().st_mode) for item in directory.iterdir()} == {0o600}
    assert segments(directory) == ["journal-00000000000000000001.jsonl"]


def test_two_processes_never_write_one_journal(tmp_path, child):
    holder = child("holder.py", tmp_path)
    assert holder.stdout.readline() == "open\n"

    with pytest.raises(ConfigurationError, match="another guard; stop that one"):
        Journal.open(tmp_path)

    holder.kill()
    holder.wait()
    Journal.open(tmp_path).close()


def test_one_process_does_not_open_it_twice_either(tmp_path):
    with Journal.open(tmp_path), pytest.raises(ConfigurationError, match="another guard"):
        Journal.open(tmp_path)


def test_a_path_that_is_a_file_is_named(tmp_path):
    (tmp_path / "log").write_text("")

    with pytest.raises(ConfigurationError, match=r"journal\.path: .*/log cannot be written \(Not a directory\)"):
        Journal.open(tmp_path / "log")


def test_a_segment_that_is_a_link_is_not_followed(tmp_path, completion):
    with Journal.open(tmp_path / "log") as journal:
        journal.append(completion())
    segment = next((tmp_path / "log").glob("*.jsonl"))
    segment.rename(tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="symbolic links"):
        Journal.open(tmp_path / "log")


def test_a_directory_without_permission_to_write_is_named(child):
    with tempfile.TemporaryDirectory() as name:  # not tmp_path: other users may not even enter that
        Path(name).chmod(0o555)
        output, _ = child("unprivileged.py", name).communicate(timeout=60)
        Path(name).chmod(0o700)

    assert (
        output
        == f"journal.path: {name} cannot be written (Permission denied); name a directory that this user may write"
    )


def test_opening_lets_go_of_everything_when_it_fails(tmp_path, completion):
    with Journal.open(tmp_path) as journal:
        journal.append(completion(1))
        journal.append(completion(2))
    segment = next(tmp_path.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"d-1", b"d-9"))
    before = sum(1 for _ in Path("/dev/fd").iterdir())

    for _ in range(3):
        with pytest.raises(ConfigurationError, match="audit verify"):
            Journal.open(tmp_path)

    assert sum(1 for _ in Path("/dev/fd").iterdir()) == before


def test_what_must_exist_is_not_begun(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no journal"):
        Journal.open(tmp_path, must_exist=True)
    assert list(tmp_path.iterdir()) == []
