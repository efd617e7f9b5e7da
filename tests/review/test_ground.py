"""What a review stands on is taken up when its files change, and a file that is broken replaces nothing."""

from __future__ import annotations

import json

import pytest

from readonly_guard import ConfigurationError
from readonly_guard.review import watch
from readonly_guard.review.ground import Ground

from .conftest import UNIT


def _rewrite(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_who_manages_a_unit_is_taken_up_without_a_restart(desk):
    assert not desk.standing.may_sign_in("bberg")
    _rewrite(desk.directory / "review.toml", 'reviewer = "enyman"', 'reviewer = "bberg"')
    desk.renew()
    assert desk.standing.may_sign_in("bberg")
    assert desk.plan.units_of("enyman") == []
    assert desk.trouble == ""


def test_roster_and_facts_are_taken_up(desk):
    roster = desk.directory / "roster.json"
    data = json.loads(roster.read_text())
    data["roster"]["users"]["alind"]["name"] = "Anna Lindqvist"
    roster.write_text(json.dumps(data))
    (desk.directory / "facts.json").write_text('{"complaints": ["person_id:1"]}')
    desk.renew()
    assert desk.knowledge.name_of("alind") == "Anna Lindqvist"
    assert desk.knowledge.facts.complaints == {"person_id:1"}


@pytest.mark.parametrize(
    ("file", "broken", "what"),
    [
        ("review.toml", "units = [", "review.toml: is not valid TOML"),
        ("review.toml", "journals = []", "review.toml"),
        ("roster.json", '{"roster": {', "roster.json"),
        ("roster.json", '{"roster": {"users": {"x": {"name": 7}}}}', "roster.json"),
        ("facts.json", '{"protected": 7}', "facts.json"),
    ],
)
def test_a_broken_file_replaces_nothing_and_is_told_until_it_is_mended(desk, file, broken, what):
    path = desk.directory / file
    whole, plan, knowledge, standing = path.read_bytes(), desk.plan, desk.knowledge, desk.standing
    path.write_text(broken)
    desk.renew()
    assert what in desk.trouble
    assert (desk.plan, desk.knowledge, desk.standing) == (plan, knowledge, standing)
    path.write_bytes(whole)
    desk.renew()
    assert desk.trouble == ""
    assert desk.plan == plan


def test_a_file_that_goes_replaces_nothing(desk):
    (desk.directory / "review.toml").rename(desk.directory / "elsewhere")
    desk.renew()
    assert "review.toml: is not there" in desk.trouble
    assert desk.plan.units_of("enyman") == [UNIT]


def test_what_has_not_changed_and_what_was_refused_is_not_read_again(desk, monkeypatch):
    def read(_directory):
        reads.append(1)
        raise ConfigurationError("no")

    reads = []
    monkeypatch.setattr(Ground, "read", read)
    desk.renew()
    assert reads == []
    (desk.directory / "facts.json").write_text("{")
    desk.renew()
    desk.renew()
    assert reads == [1]


def test_what_is_known_of_the_log_outlives_a_new_roster_but_not_another_log(desk, monkeypatch):
    monkeypatch.setattr(watch, "_SMALL_BYTES", 0)
    desk.log.verify()
    _rewrite(desk.directory / "review.toml", 'reviewer = "enyman"', 'reviewer = "bberg"')
    desk.renew()
    assert desk.log.glance().is_current
    _rewrite(desk.directory / "review.toml", '["journal"]', '["journal", "another"]')
    desk.renew()
    assert desk.log.glance() is None


def test_a_directory_of_data_is_looked_into(desk):
    folder = desk.directory / "more" / "units"
    folder.mkdir(parents=True)
    _rewrite(desk.directory / "review.toml", '["roster.json"]', '["roster.json", "more"]')
    (folder / "data.json").write_text("{}")
    desk.renew()
    assert desk.trouble == ""
    (folder / "data.json").write_text("{")
    desk.renew()
    assert "data.json" in desk.trouble


def test_a_file_that_only_the_new_plan_names_is_watched_too(desk):
    (desk.directory / "new.json").write_text("{")
    _rewrite(desk.directory / "review.toml", '["roster.json"]', '["roster.json", "new.json"]')
    desk.renew()
    assert "new.json" in desk.trouble
    (desk.directory / "new.json").write_text("{}")
    desk.renew()
    assert desk.trouble == ""
    assert len(desk.plan.data) == 2
