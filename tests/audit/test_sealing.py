from hypothesis import given
from hypothesis import strategies as st

from readonly_guard.audit.chain import canonical
from readonly_guard.audit.sealing import GENESIS, MOST_AROUND_BYTES, is_seal, seal
from readonly_guard.domain import SealRecord


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 10**19), st.integers(1, 10**19))
def test_different_content_or_place_gives_another_hash(one, other, first, second):
    if (first, one) != (second, other):
        assert seal(first, GENESIS, one).hash != seal(second, GENESIS, other).hash


def test_a_line_is_longer_than_its_record_by_no_more_than_is_said(decision):
    record = canonical(decision())

    assert len(seal(10**20 - 1, "f" * 64, record).data) - len(record) == MOST_AROUND_BYTES


def test_a_signed_head_is_told_from_a_record_that_holds_one(decision):
    signed = SealRecord(time="2026-03-01T08:15:00Z", chain="journal", head_seq=1, head_hash=GENESIS, key_id="k")
    assert is_seal(seal(2, GENESIS, canonical(signed)).data)
    assert not is_seal(seal(2, GENESIS, canonical(decision(statement=canonical(signed).decode()))).data)
