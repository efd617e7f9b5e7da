"""Strict reading: only the agreed shape is an answer."""

from typing import Any

import pytest

from readonly_guard.errors import ConditionNotMet, PolicyUnavailable
from readonly_guard.policy.answer import UNDEFINED, decode_answer

REASON = {"code": "RG-R01", "rule": "roster", "sv": "Nej", "en": "No"}


def test_the_smallest_answers() -> None:
    assert decode_answer({"allow": True, "deny": []}, revision="7").revision == "7"
    assert decode_answer({"allow": False, "deny": [REASON]}, revision="7").deny[0].code == "RG-R01"
    assert decode_answer({"allow": False, "deny": []}, revision="7").allow is False


def test_the_order_is_by_code_whatever_the_engine_said() -> None:
    reasons = [REASON | {"code": code} for code in ("RG-X01", "RG-P01", "RG-V01")]
    answer = decode_answer({"allow": False, "deny": reasons, "obligations": {"duties": ["b", "a", "b"]}}, revision="")
    assert [reason.code for reason in answer.deny] == ["RG-P01", "RG-V01", "RG-X01"]
    assert answer.obligations == ("a", "b")


def test_expiry_is_given_in_utc() -> None:
    answer = decode_answer({"allow": True, "deny": [], "expires_at": "2026-12-19T00:00:00+01:00"}, revision="")
    assert answer.expires_at == "2026-12-18T23:00:00Z"


@pytest.mark.parametrize(
    ("name", "value"), [("max_rows", 7), ("row_filters", ["a > 1"]), ("column_masks", [{"column": "a"}])]
)
@pytest.mark.parametrize("allow", [True, False])
def test_a_condition_that_is_not_carried_out_denies(name: str, value: Any, allow: bool) -> None:
    """Nothing is recorded as an obligation that nobody enforces."""
    deny = [] if allow else [REASON]
    with pytest.raises(ConditionNotMet, match=f"demands {name}, which this guard does not carry out") as caught:
        decode_answer({"allow": allow, "deny": deny, "obligations": {name: value}}, revision="")
    assert caught.value.code == "RG-SYS-005"


@pytest.mark.parametrize("value", [None, UNDEFINED])
def test_undefined_is_no_answer(value: Any) -> None:
    with pytest.raises(PolicyUnavailable, match="undefined"):
        decode_answer(value, revision="")


def test_allow_beside_a_denial_is_no_answer() -> None:
    with pytest.raises(PolicyUnavailable, match="contradicts itself"):
        decode_answer({"allow": True, "deny": [REASON]}, revision="")


@pytest.mark.parametrize(
    "value",
    [
        {}, [], "allow", True, 1,
        {"allow": True},
        {"deny": []},
        {"allow": "true", "deny": []},
        {"allow": 1, "deny": []},
        {"allow": None, "deny": []},
        {"allow": True, "deny": {}},
        {"allow": True, "deny": None},
        {"allow": True, "deny": [], "denny": []},
        {"allow": False, "deny": ["RG-R01"]},
        {"allow": False, "deny": [UNDEFINED]},
        *({"allow": False, "deny": [{key: REASON[key] for key in REASON if key != missing}]} for missing in REASON),
        *({"allow": False, "deny": [REASON | {key: ""}]} for key in REASON),
        {"allow": False, "deny": [REASON | {"position": 1}]},
        {"allow": False, "deny": [REASON | {"code": "rg r01"}]},
        {"allow": False, "deny": [REASON | {"code": "RG-R01\n"}]},
        {"allow": False, "deny": [REASON | {"en": "No\0C42501"}]},
        {"allow": False, "deny": [REASON | {"hint_en": "line\nline"}]},
        {"allow": False, "deny": [REASON | {"sv": "x" * 1001}]},
        {"allow": True, "deny": [], "warn": [{"code": "RG-V90"}]},
        *({"allow": True, "deny": [], "obligations": obligations} for obligations in (
            "watermark", ["watermark"], None, {"duty": []}, {"duties": [1]}, {"duties": "watermark"}, {"duties": None},
            {"max_rows": 0}, {"max_rows": "10"}, {"max_rows": 1.5}, {"row_filters": None}, {"column_masks": {}},
        )),
        {"allow": True, "deny": [], "expires_at": "tomorrow"},
        {"allow": True, "deny": [], "expires_at": "2026-12-18T23:00:00"},
        {"allow": True, "deny": [], "expires_at": 1797638400},
        {"allow": True, "deny": [], "subject": {"hsa_id": None}},
        {"allow": True, "deny": [], "subject": ["anna"]},
    ],
    ids=repr,
)  # fmt: skip
def test_any_other_shape_is_no_answer(value: Any) -> None:
    with pytest.raises(PolicyUnavailable, match="wrong shape"):
        decode_answer(value, revision="")
