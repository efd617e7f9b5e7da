import errno

import msgspec
import pytest

from readonly_guard.audit import Journal, read, verify
from readonly_guard.audit.heads import HeadSigner
from readonly_guard.audit.keys import KeyRing
from readonly_guard.domain import SealRecord
from readonly_guard.errors import LogUnavailable

from .conftest import Disk, segments


def test_a_head_is_due_some_time_after_the_last(signing_key, clock):
    signer = HeadSigner(signing_key, "log", 60, clock)
    assert not signer.is_due
    clock.pass_by(seconds=60)
    assert signer.is_due
    signer.signed(7, "ab" * 32)
    assert not signer.is_due


def test_the_record_says_which_head_of_which_chain_and_by_whom(tmp_path, signing_key, clock):
    record = msgspec.json.decode(HeadSigner(signing_key, "log", 60, clock).signed(7, "ab" * 32), type=SealRecord)

    assert (record.chain, record.head_seq, record.head_hash) == ("log", 7, "ab" * 32)
    assert KeyRing.load([signing_key.publish(tmp_path)]).objection(record) is None


def seals(path):
    return [(entry.seq, entry.record.head_seq) for entry in read(path) if isinstance(entry.record, SealRecord)]


def test_a_closed_journal_ends_with_a_signed_head_and_its_key_is_beside_it(tmp_path, completion, signing_key):
    path = tmp_path / "log"
    with Journal.open(path, signing_key=signing_key) as journal:
        journal.append(completion(1))
        journal.append(completion(2))
    with Journal.open(path, signing_key=signing_key):
        pass  # nothing was added, so nothing is signed again

    checked = verify(path)
    assert seals(path) == [(3, 2)]
    assert (checked.ok, checked.seals, checked.signed.seq, checked.key_ids) == (True, 1, 2, (signing_key.key_id,))
    assert (path / f"{signing_key.key_id}.pub").read_bytes() == signing_key.public_text()
    last = list(read(path))[-1].record
    assert last.chain == "log"


def test_the_head_is_signed_now_and_then_with_the_commit_that_is_due(tmp_path, completion, signing_key, clock):
    disk = Disk()
    with Journal.open(tmp_path, signing_key=signing_key, seal_every_s=60, clock=clock, sync=disk) as journal:
        for number in range(1, 5):
            journal.append(completion(number))
            journal.commit()
            clock.pass_by(seconds=25)

        assert disk.calls == 4, "a signature rides along"
    assert seals(tmp_path) == [(5, 4)]


def test_nothing_is_signed_without_a_key(tmp_path, completion, clock):
    with Journal.open(tmp_path, clock=clock, seal_every_s=1) as journal:
        journal.append(completion(1))
        clock.pass_by(seconds=60)
        journal.commit()
        journal.sign()
        assert journal.is_signed

    assert seals(tmp_path) == []


def test_every_closed_segment_ends_with_a_signed_head(tmp_path, completion, signing_key):
    with Journal.open(tmp_path, segment_bytes=2_000, signing_key=signing_key) as journal:
        for number in range(1, 31):
            for part in range(number % 3 + 1):
                journal.append(completion(number * 10 + part))
            journal.commit()
        journal.append(completion(999))
    checked = verify(tmp_path)
    decided = [entry.record.decision_id for entry in read(tmp_path) if not isinstance(entry.record, SealRecord)]

    assert checked.ok
    assert checked.segments == checked.seals > 5
    assert decided == [f"d-{number * 10 + part}" for number in range(1, 31) for part in range(number % 3 + 1)] + [
        "d-999"
    ]
    for name in segments(tmp_path):
        assert b'"type":"seal"' in (tmp_path / name).read_bytes().splitlines()[-1]


def test_a_rotation_that_failed_does_not_sign_twice(tmp_path, completion, signing_key):
    journal = Journal.open(tmp_path, segment_bytes=500, signing_key=signing_key)
    journal.append(completion(1))
    journal.commit()
    following = tmp_path / "journal-00000000000000000003.jsonl"
    following.mkdir()
    for number in (2, 3):
        journal.append(completion(number))
        with pytest.raises(LogUnavailable):
            journal.commit()
    following.rmdir()
    journal.append(completion(4))
    journal.close()

    assert seals(tmp_path) == [(2, 1), (4, 3)]
    assert verify(tmp_path).ok


def test_a_signature_that_cannot_be_written_is_not_there(tmp_path, completion, signing_key):
    disk = Disk()
    journal = Journal.open(tmp_path, signing_key=signing_key, sync=disk)
    journal.append(completion(1))
    journal.commit()
    disk.failures.append(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(LogUnavailable):
        journal.sign()

    assert not journal.is_signed
    assert seals(tmp_path) == []
    journal.sign()
    assert journal.is_signed
    journal.close()
    assert seals(tmp_path) == [(2, 1)]
