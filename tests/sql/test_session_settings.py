"""Which settings a session may change, at startup as the server parses it, and by SET."""

from __future__ import annotations

import pytest

from readonly_guard.domain import Declared, SettingChange
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import judge_setting, judge_startup
from readonly_guard.sql.session_settings import split_options


def codes(parameters):
    return [reason.code for reason in judge_startup({"user": "u", **parameters}).reasons]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-c readonly_guard.purpose=TREAT", [("readonly_guard.purpose", "TREAT")]),
        ("-cstatement_timeout=5s --search-path=public", [("statement_timeout", "5s"), ("search_path", "public")]),
        (r"-c readonly_guard.justification=two\ words\\", [("readonly_guard.justification", "two words\\")]),
        ("  ", []),
        ("-c a=b=c", [("a", "b=c")]),
    ],
)
def test_options_are_split_as_the_server_splits_them(options, expected):
    assert split_options(options) == expected


@pytest.mark.parametrize("options", ["-d 5", "-c", "-c novalue", "-W 3", "--", "-x", "x", "-c =v"])
def test_other_switches_are_refused(options):
    with pytest.raises(ValueError, match="options"):
        split_options(options)
    assert codes({"options": options}) == ["RG-T06"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, []),
        ({"database": "x", "application_name": "psql", "client_encoding": "UTF8", "_pq_.grease": "1"}, []),
        ({"DateStyle": "ISO", "TimeZone": "Europe/Stockholm", "extra_float_digits": "3"}, []),
        ({"replication": "database"}, ["RG-T05"]),
        ({"replication": "false"}, []),
        ({"client_encoding": "SJIS"}, ["RG-T07"]),
        ({"client_encoding": "gb-18030"}, ["RG-T07"]),
        ({"standard_conforming_strings": "off"}, ["RG-T06"]),
        ({"default_transaction_read_only": "off"}, ["RG-T06"]),
        ({"default_transaction_read_only": "on"}, []),
        ({"options": "-c default_transaction_read_only=off"}, ["RG-T06"]),
        ({"options": "-c DEFAULT-transaction-read-only=off"}, ["RG-T06"]),
        ({"session_replication_role": "replica"}, ["RG-T06"]),
        ({"search_path": "evil"}, ["RG-T06"]),
        ({"role": "postgres"}, ["RG-T06"]),
        ({"options": "-c readonly_guard.nope=1"}, ["RG-T06"]),
    ],
)
def test_startup(parameters, expected):
    assert codes(parameters) == expected


def test_the_second_belt_is_buckled_and_replication_dropped():
    judged = judge_startup({"user": "u", "replication": "off", "options": "-c readonly_guard.purpose=TREAT"})
    assert judged.forward["default_transaction_read_only"] == "on"
    assert "replication" not in judged.forward
    assert judged.declared == Declared(purpose="TREAT")


def test_a_refused_startup_declares_nothing():
    judged = judge_startup({"user": "u", "role": "x", "options": "-c readonly_guard.purpose=TREAT"})
    assert judged.reasons
    assert judged.declared == Declared()


def test_an_unknown_declaration_names_the_nearest():
    reason = judge_setting(SettingChange(name="readonly_guard.purpos", value="TREAT"), ReadingSettings())
    assert reason is not None
    assert "readonly_guard.purpose" in reason.what
    assert "TREAT" not in repr(reason)


def test_custom_settings_open_by_configuration_but_pins_never():
    rules = ReadingSettings(allowed_settings=("app.tenant", "standard_conforming_strings", "session_replication_role"))
    assert judge_setting(SettingChange(name="app.tenant", value="7"), rules) is None
    for name in ("standard_conforming_strings", "session_replication_role"):
        assert judge_setting(SettingChange(name=name, value="off"), rules) is not None


def test_declarations_and_reset():
    initial = Declared(purpose="TREAT")
    changed = initial.after([SettingChange(name="readonly_guard.purpose", value="HLEGAL")], initial)
    assert changed.purpose == "HLEGAL"
    assert changed.after([SettingChange(name="readonly_guard.purpose", value=None)], initial) == initial
    assert changed.after([SettingChange(name="*", value=None, scope="all")], initial) == initial
    assert changed.after([SettingChange(name="work_mem", value="1MB")], initial) == changed
    assert changed.after([SettingChange(name="readonly_guard.purpose", value="")], initial).purpose is None


def test_a_schema_that_is_named_twice_is_searched_once():
    written = ", ".join(["public", "Public", '"public"'] * 1_000)
    repeated = judge_startup({"user": "a", "search_path": written}, ReadingSettings(search_path=("public",)))
    assert repeated.reasons == ()
    assert repeated.declared.search_paths == (("public",),)
