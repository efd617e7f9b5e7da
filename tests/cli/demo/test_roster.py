"""The demo's policy data, against the shipped data and its schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from readonly_guard_cli.demo import DEMO_VALID_TO, NOT_LISTED, PERSONAS, STAFF, policy_data, write_policy_data

_PARTS = ("nurse", "outside_the_south", "not_care", "private_provider")
POLICIES = Path(__file__).parents[3] / "policies"


def shipped(path: str) -> dict:
    return json.loads((POLICIES / path).read_text(encoding="utf-8"))


def test_the_routine_is_the_real_one_but_for_its_last_day_and_says_so() -> None:
    demo, real = policy_data()["routine"], shipped("routine/data.json")
    assert {name for name in demo.keys() | real.keys() if demo.get(name) != real.get(name)} == {"title", "valid_to"}
    assert demo["valid_to"] == DEMO_VALID_TO > real["valid_to"]
    assert demo["title"].startswith(real["title"])
    assert DEMO_VALID_TO in demo["title"]
    assert real["valid_to"] in demo["title"]


@pytest.mark.parametrize("root", ["routine", "roster", "units"])
def test_the_fields_are_those_of_the_schema(root: str) -> None:
    def check(value: object, schema: dict, where: str) -> None:
        if schema.get("type") == "object" and isinstance(value, dict):
            known, other = schema.get("properties", {}), schema.get("additionalProperties")
            assert set(schema.get("required", ())) <= value.keys(), where
            for name, part in value.items():
                assert name in known or isinstance(other, dict), f"{where}.{name}"
                check(part, known.get(name, other), f"{where}.{name}")

    check(policy_data()[root], shipped(f"schema/{root}/schema.json"), root)


def test_every_purpose_in_the_roster_is_a_known_one() -> None:
    known = shipped("purposes/data.json")
    users = policy_data()["roster"]["users"]
    assert all(set(entry["purposes"]) <= known.keys() for entry in users.values())
    assert {purpose for entry in users.values() for purpose in entry["purposes"]} >= {"TREAT", "ETREAT", "HQUALIMP"}


def test_all_staff_are_listed_but_those_who_are_left_out_on_purpose() -> None:
    users = policy_data()["roster"]["users"]
    assert users.keys() == {one.username for one in STAFF} - NOT_LISTED
    by_name = {one.username: one for one in STAFF}
    assert all(entry["hsa_id"] == by_name[name].hsa_id for name, entry in users.items())


def test_the_personas_stand_in_the_roster_as_their_names_say() -> None:
    users = policy_data()["roster"]["users"]
    frozen_at = policy_data()["routine"]["frozen_at"]
    assert users[PERSONAS["revoked"]]["revoked_at"] is not None
    assert users[PERSONAS["granted_after_freeze"]]["granted_at"] > frozen_at
    assert users[PERSONAS["has_not_acknowledged"]]["acknowledged_at"] is None
    assert PERSONAS["never_listed"] not in users
    late = {name for name, entry in users.items() if entry["granted_at"] > frozen_at}
    assert late == {PERSONAS["granted_after_freeze"]}
    assert {name for name, entry in users.items() if entry["revoked_at"]} == {PERSONAS["revoked"]}


def test_everybodys_unit_is_a_known_one() -> None:
    demo = policy_data()
    assert {entry["care_unit"] for entry in demo["roster"]["users"].values()} <= demo["units"].keys()
    unit = {part: demo["units"][demo["roster"]["users"][PERSONAS[part]]["care_unit"]] for part in _PARTS}
    assert [unit[part]["is_southern"] for part in _PARTS] == [True, False, True, True]
    assert [unit[part]["is_care"] for part in _PARTS] == [True, True, False, True]
    assert unit["nurse"]["provider"] == unit["not_care"]["provider"] != unit["private_provider"]["provider"]


def test_the_overlay_is_written_as_json(tmp_path: Path) -> None:
    path = write_policy_data(tmp_path / "demo.json")
    assert json.loads(path.read_text(encoding="utf-8")) == policy_data()
