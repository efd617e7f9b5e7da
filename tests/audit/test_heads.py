import msgspec

from readonly_guard.audit.heads import HeadSigner
from readonly_guard.audit.keys import KeyRing
from readonly_guard.domain import SealRecord


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
