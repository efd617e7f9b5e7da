"""What repeats a record is spelt without being made: byte for byte what the encoder of whole records writes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard.audit.chain import canonical
from readonly_guard.audit.spelling import RepeatedRecord
from readonly_guard.domain import DecisionRecord
from readonly_guard.errors import LogUnavailable

NASTY = st.sampled_from([
    "", '"', "\\", "\n\x00\x1f\x7f", "ÅÄÖ åäö", "\u2028\U0001f600", '","patients":[', ',"patients":[]', ',"session_id":"',
    '"patients":["x"],"statement":', "</script>",
])  # fmt: skip
WORDS = NASTY | st.text(max_size=20)
LISTS = st.lists(WORDS, max_size=4).map(tuple)
NUMBERS = st.integers() | st.sampled_from([0, 2**63, 2**64, 10**30])


def decisions():
    """Decision records whose every text and list is arbitrary."""
    of = {"str": WORDS, "tuple[str, ...]": LISTS, "bool | None": st.none() | st.booleans()}
    of |= {"str | None": st.none() | WORDS, "int | None": st.none() | NUMBERS}
    return st.builds(DecisionRecord, **{name: of[kind] for name, kind in DecisionRecord.__annotations__.items()})


@given(decisions(), st.lists(st.tuples(WORDS, WORDS, LISTS), min_size=1, max_size=3))
def test_a_repeated_record_is_spelt_as_if_it_were_made(record, repetitions):
    repeated = RepeatedRecord(record)
    for decision_id, time, patients in [*repetitions, (record.decision_id, record.time, record.patients)]:
        made = msgspec.structs.replace(record, decision_id=decision_id, time=time, patients=patients)
        assert repeated.spelt(decision_id, time, patients) == canonical(made)


@pytest.mark.parametrize("wrong", ["id", "time", "patient"])
def test_what_is_no_text_is_refused_and_not_shown(decision, wrong):
    repeated, bad = RepeatedRecord(decision()), "secret\ud800"
    with pytest.raises(LogUnavailable, match=r"cannot be written as JSON \(UnicodeEncodeError\)") as refused:
        repeated.spelt(
            bad if wrong == "id" else "d", bad if wrong == "time" else "t", (bad,) if wrong == "patient" else ()
        )
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
