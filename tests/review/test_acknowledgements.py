"""Who has confirmed the routine: from the roster, and from reports that are imported whole or not at all."""

from __future__ import annotations

import json
from datetime import date

import pytest

from readonly_guard import ConfigurationError
from readonly_guard.policy import load_policies
from readonly_guard.review import (
    Actor,
    Desk,
    acknowledgements,
    enter_in_roster,
    import_acknowledgements,
    read_acknowledgements,
)

from .conftest import MANAGER, SUPERIOR, UNIT

_TODAY = date(2026, 11, 2)
_NOW = "2026-11-02T08:00:00.000000Z"


@pytest.fixture
def unconfirmed(directory) -> Desk:
    """alind and bberg have not confirmed."""
    path = directory / "roster.json"
    document = json.loads(path.read_text())
    for user in ("alind", "bberg"):
        document["roster"]["users"][user]["acknowledged_at"] = None
    path.write_text(json.dumps(document))
    return Desk.open(directory)


def _state(desk, actor=MANAGER):
    return {one.user: one.on for one in acknowledgements(desk, desk.ledger.history(), actor, _TODAY)}


def test_those_who_have_not_come_first_and_only_of_ones_own_units(unconfirmed):
    people = acknowledgements(unconfirmed, unconfirmed.ledger.history(), MANAGER, _TODAY)
    assert [one.user for one in people][:2] == ["alind", "bberg"]
    assert {one.unit for one in people} == {UNIT}
    assert {one.unit for one in acknowledgements(unconfirmed, unconfirmed.ledger.history(), SUPERIOR, _TODAY)} == {
        UNIT, "Akutmottagning",
    }  # fmt: skip
    assert _state(unconfirmed, Actor(user="alind", via="test")) == {}
    assert "hstrand" not in _state(unconfirmed, SUPERIOR)  # revoked: has no use for it


def test_a_report_is_kept_and_can_be_entered_in_the_roster(unconfirmed, directory):
    hsa_id = unconfirmed.knowledge.members["bberg"].hsa_id
    report = f"\ufeffAnvändare;Datum\r\nalind;2025-01-07\r\n\r\n{hsa_id} ; 2025-01-08\r\n"
    dates = read_acknowledgements(unconfirmed, report)
    assert dates == {"alind": date(2025, 1, 7), "bberg": date(2025, 1, 8)}
    import_acknowledgements(unconfirmed, MANAGER, dates, _NOW)
    assert (_state(unconfirmed)["alind"], _state(unconfirmed)["bberg"]) == ("2025-01-07", "2025-01-08")

    enter_in_roster(directory / "roster.json", dates)
    policies = load_policies(None, [str(directory / "roster.json")])  # as the guard loads it, schema and all
    assert policies.data["roster"]["users"]["alind"]["acknowledged_at"] == "2025-01-07"
    assert not list(directory.glob("*.part"))


@pytest.mark.parametrize(
    ("report", "what"),
    [
        ("alind;2025-01-07\nnobody;2025-01-07", "line 2: nobody of the roster"),
        ("alind;7 januari", "line 1: write a user"),
        ("alind", "line 1: write a user"),
        ("alind;2025-01-07;x", "line 1: write a user"),
        ("", "names nobody"),
        ("user,date\n", "names nobody"),
    ],
)
def test_a_report_with_a_wrong_line_is_refused_whole(unconfirmed, report, what):
    with pytest.raises(ConfigurationError, match=what):
        read_acknowledgements(unconfirmed, report)


def test_nobody_has_confirmed_tomorrow(unconfirmed):
    with pytest.raises(ConfigurationError, match="alind: the date is still to come"):
        import_acknowledgements(unconfirmed, MANAGER, {"alind": date(2026, 11, 3)}, _NOW)
    assert _state(unconfirmed)["alind"] is None


@pytest.mark.parametrize("text", ["[]", "{", '{"roster": {"users": {}}}', '{"roster": []}'])
def test_what_is_no_roster_stays_as_it_is(tmp_path, text):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="is no JSON document with roster.users"):
        enter_in_roster(path, {"alind": date(2025, 1, 7)})
    assert path.read_text() == text
