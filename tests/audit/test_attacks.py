"""What an administrator of the machine can do to the log, and what a check with keys and anchors says of it.

The auditor has the public key and the anchors from elsewhere. The administrator has everything on the machine; where a test
says so, the signing key as well.
"""

import shutil

import msgspec
import pytest

from readonly_guard.audit import Journal, KeyRing, SigningKey, read_anchors, record_reading, sign_custody, verify_all
from readonly_guard.audit.chain import content
from readonly_guard.audit.sealing import GENESIS, seal
from readonly_guard.domain import SealRecord
from readonly_guard.errors import ConfigurationError, LogUnavailable


class Gate:
    """A guard's log with two workers, its anchors, and the auditor's means."""

    def __init__(self, directory, key, completion):
        self.path = directory / "journal"
        self.key = key
        self.anchors = directory / "anchors.jsonl"
        self.public_keys = KeyRing.load([key.publish(directory)])
        self._completion = completion
        self.write("worker-1", range(1, 20))
        self.write("worker-2", range(101, 120))

    def write(self, chain, numbers):
        with Journal.open(self.path / chain, segment_bytes=2_000, signing_key=self.key) as journal:
            for number in numbers:
                journal.append(self._completion(number))
                journal.commit()
                if number % 5 == 0:
                    journal.sign()
        self.carry_anchors()

    def carry_anchors(self):
        """What the feed does with signed heads: those that are not there yet go elsewhere."""
        kept = self.anchors.read_bytes().splitlines(keepends=True) if self.anchors.exists() else []
        seals = [
            content(line) + b"\n"
            for segment in sorted(self.path.rglob("journal-*.jsonl"))
            for line in segment.read_bytes().splitlines(keepends=True)
            if b'"record":{"type":"seal"' in line
        ]
        self.anchors.write_bytes(b"".join(dict.fromkeys([*kept, *seals])))

    def check(self):
        """The auditor's: what is wrong, by chain."""
        anchors = read_anchors(self.anchors, public_keys=self.public_keys)
        found = verify_all(self.path, anchors=anchors, public_keys=self.public_keys)
        return {item.chain: item.first_fault.what for item in found if item.first_fault is not None}

    def segments(self, chain):
        return sorted((self.path / chain).glob("journal-*.jsonl"))

    def forge(self, chain, change, key=None):
        """Compute a chain anew with other records; with a key, its heads are signed anew as well."""
        before, seq = GENESIS, 0
        for segment in self.segments(chain):
            forged = b""
            for line in segment.read_bytes().splitlines(keepends=True):
                record = change(content(line))
                if record is None:
                    continue
                seq += 1
                if key is not None and record.startswith(b'{"type":"seal"'):
                    old = msgspec.json.decode(record, type=SealRecord)
                    new = msgspec.structs.replace(old, head_seq=seq - 1, head_hash=before)
                    record = msgspec.json.encode(key.sign(new))
                sealed = seal(seq, before, record)
                before, forged = sealed.hash, forged + sealed.data
            segment.write_bytes(forged)


@pytest.fixture
def gate(tmp_path, signing_key, completion):
    gate = Gate(tmp_path, signing_key, completion)
    assert gate.check() == {}
    return gate


def test_a_record_is_changed_with_all_hashes_behind_it(gate):
    gate.forge("worker-1", lambda record: record.replace(b'"d-3"', b'"d-0"'))
    assert "signs another head" in gate.check()["worker-1"]


def test_the_signed_heads_are_left_out_as_well(gate):
    gate.forge("worker-1", lambda record: None if b'"type":"seal"' in record else record.replace(b'"d-3"', b'"d-0"'))
    assert set(gate.check()) == {"worker-1"}


def test_everything_is_signed_anew_with_a_key_of_the_administrators_own(gate, tmp_path):
    own = SigningKey.generate(tmp_path / "own.key")
    gate.forge("worker-1", lambda record: record.replace(b'"d-3"', b'"d-0"'), own)
    for published in (gate.path / "worker-1").glob("*.pub"):
        published.unlink()
    own.publish(gate.path / "worker-1")

    assert verify_all(gate.path)[0].ok, "by the word of the key beside the log it is"
    assert "which is not among the keys" in gate.check()["worker-1"]


def test_everything_is_signed_anew_with_the_stolen_key(gate):
    gate.forge("worker-1", lambda record: record.replace(b'"d-3"', b'"d-0"'), gate.key)
    assert "computed anew" in gate.check()["worker-1"]


def test_the_published_key_is_replaced(gate, tmp_path):
    (published,) = (gate.path / "worker-1").glob("*.pub")
    published.write_bytes(SigningKey.generate(tmp_path / "own.key").public_text())
    assert gate.check() == {}, "the auditor's own key counts"
    assert not verify_all(gate.path)[0].ok


@pytest.mark.parametrize("chain", ["worker-1", "worker-2"])
def test_the_tail_is_cut_off_at_a_signed_head(gate, chain):
    last = gate.segments(chain)[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    heads = [number for number, line in enumerate(lines) if b'"type":"seal"' in line]
    last.write_bytes(b"".join(lines[: heads[-2] + 1] if len(heads) > 1 else b""))
    assert "its end was cut off" in gate.check()[chain]


def test_the_whole_directory_is_rolled_back_and_the_guard_goes_on(gate, tmp_path):
    shutil.copytree(gate.path, tmp_path / "backup")
    gate.write("worker-1", range(20, 40))
    shutil.rmtree(gate.path)
    shutil.copytree(tmp_path / "backup", gate.path)
    assert "its end was cut off" in gate.check()["worker-1"]
    gate.write("worker-1", range(40, 80))
    assert "computed anew" in gate.check()["worker-1"]


def test_a_chain_is_removed_altogether(gate):
    shutil.rmtree(gate.path / "worker-2")
    assert "it was removed" in gate.check()["worker-2"]


def test_a_chain_is_put_in_the_place_of_another(gate):
    shutil.rmtree(gate.path / "worker-2")
    shutil.copytree(gate.path / "worker-1", gate.path / "worker-2")
    assert gate.check()["worker-2"] == "the chain begins as the chain 'worker-1' does: one of the two is a copy"


def test_a_copy_of_a_chain_makes_everything_count_twice(gate):
    shutil.copytree(gate.path / "worker-1", gate.path / "worker-9")
    assert "one of the two is a copy" in gate.check()["worker-9"]


def test_segments_change_places(gate):
    first, second = gate.segments("worker-1")[:2]
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    assert "stands where record 1 belongs" in gate.check()["worker-1"]


@pytest.mark.parametrize("harm", ["removed", "emptied", "cut", "forged"])
def test_the_anchors_are_harmed_too(gate, tmp_path, harm):
    lines = gate.anchors.read_bytes().splitlines(keepends=True)
    match harm:
        case "removed":
            gate.anchors.unlink()
        case "emptied":
            gate.anchors.write_bytes(b"")
        case "cut":
            gate.anchors.write_bytes(b"".join(lines)[:-40])
        case "forged":
            own = SigningKey.generate(tmp_path / "own.key")
            forged = own.sign(msgspec.json.decode(lines[-1], type=SealRecord))
            gate.anchors.write_bytes(b"".join(lines[:-1]) + msgspec.json.encode(forged) + b"\n")
    with pytest.raises(ConfigurationError, match=r"anchors\.jsonl: "):
        gate.check()


def test_since_when_nothing_is_signed_is_told(gate, clock, completion):
    with Journal.open(gate.path / "worker-1", segment_bytes=10_000) as journal:  # somebody took the key away
        journal.append(completion(20, time="2026-03-02T00:00:00.000000Z"))
        journal.append(completion(21, time="2026-03-09T00:00:00.000000Z"))
    found = {item.chain: item for item in verify_all(gate.path, public_keys=gate.public_keys)}
    assert found["worker-1"].ok
    assert found["worker-1"].unsigned_since == "2026-03-02T00:00:00.000000Z"
    assert found["worker-2"].unsigned_since == ""


def test_two_guards_on_one_directory_stop_each_other(gate, completion):
    place = gate.path / "worker-1"
    with Journal.open(place) as one:
        (place / "journal.lock").unlink()  # what keeps the second one out
        with Journal.open(place) as other:
            other.append(completion(1))
            other.commit()
            one.append(completion(2))
            with pytest.raises(LogUnavailable, match="changed by another program"):
                one.commit()
    assert gate.check() == {}


def test_what_people_did_with_the_log_is_anchored_once_it_is_signed(gate):
    for command in ("show", "tail", "export"):
        record_reading(gate.path, command=command, selection={})
    sign_custody(gate.path / "custody", gate.key)  # as `audit forward` does
    sign_custody(gate.path / "custody", gate.key)
    gate.carry_anchors()
    assert gate.check() == {}
    (segment,) = gate.segments("custody")
    segment.write_bytes(segment.read_bytes().splitlines(keepends=True)[0])
    assert "its end was cut off" in gate.check()["custody"]
