import hashlib
import json
import stat
import tracemalloc

import pytest

from readonly_guard.audit import Entry, read_all
from readonly_guard.audit.export import FORMATS, Origin, write_export
from readonly_guard.errors import ConfigurationError


def write(entries, path, name="jsonl"):
    return write_export(
        entries,
        path,
        name=name,
        into=FORMATS[name](Origin(version="1")),
        selection={"user": "a"},
        created="t",
        version="1",
    )


def test_the_manifest_tells_what_arrived_and_where_it_stood(journal, tmp_path):
    written = write(read_all(journal), tmp_path / "out.jsonl")
    data = (tmp_path / "out.jsonl").read_bytes()
    manifest = json.loads((tmp_path / "out.jsonl.manifest.json").read_bytes())

    assert manifest["sha256"] == hashlib.sha256(data).hexdigest() == written.sha256
    assert (manifest["bytes"], manifest["records"], manifest["format"]) == (len(data), 10, "jsonl")
    entries = list(read_all(journal))
    assert manifest["first"] == {"journal": f"1:{entries[0].hash}"}
    assert manifest["last"] == {"journal": f"10:{entries[-1].hash}"}
    assert manifest["selection"] == {"user": "a"}
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600


def test_nothing_is_overwritten(journal, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ConfigurationError, match="never overwritten"):
        write(read_all(journal), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_an_export_that_breaks_off_leaves_no_file(journal, tmp_path):
    def breaking():
        yield from list(read_all(journal))[:3]
        raise ConfigurationError("line 4 is not a record")

    with pytest.raises(ConfigurationError, match="line 4"):
        write(breaking(), tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write([], tmp_path / "nowhere" / "out")


@pytest.mark.parametrize("name", ["csv", "fhir", "jsonl", "ocsf", "opa"])
def test_memory_does_not_grow_with_the_log(tmp_path, decision, name):
    def entries(count):
        for number in range(count):
            yield Entry(seq=number + 1, hash="ab" * 32, record=decision(number), chain="journal")

    def peak(count):
        tracemalloc.start()
        write(entries(count), tmp_path / f"{count}", name)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(3_000) < 2 * peak(300)
