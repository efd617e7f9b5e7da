"""Plugins called each by itself: at the start, and about whose login it is."""

from __future__ import annotations

import pytest

from readonly_guard.domain import Login, Reason, Session, Subject, core_reason
from readonly_guard.errors import ConfigurationError, PluginFailed
from readonly_guard.guard import Guard
from readonly_guard.hooks import Hooks, hookimpl
from readonly_guard.settings import JournalSettings, Settings, UpstreamSettings
from readonly_guard.sql import Analyzer

LOGIN = Login(user="alind", session=Session())


class Names:
    def __init__(self, answer) -> None:
        self.answer = answer

    @hookimpl
    def resolve_identity(self, login: Login):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Starts:
    @hookimpl
    def guard_startup(self, settings: Settings) -> None:
        raise ValueError("a secret of the settings")


def guard(*answers) -> Guard:
    hooks = Hooks()
    for number, answer in enumerate(answers):
        hooks.register(Names(answer), f"plugin{number}")
    return Guard(analyzer=Analyzer(), pdp=None, hooks=hooks)


def test_without_a_plugin_the_subject_is_the_database_user() -> None:
    assert guard().identify(LOGIN) == Subject(id="alind")
    assert guard(None, None).identify(LOGIN) == Subject(id="alind")


def test_the_first_word_counts() -> None:
    assert guard(None, Subject(id="a"), None).identify(LOGIN) == Subject(id="a")
    refusal = core_reason("RG-A04", "x")
    assert guard(refusal).identify(LOGIN) == refusal


@pytest.mark.parametrize("wrong", [ValueError("secret"), "alind", {"id": "alind"}])
def test_a_plugin_that_fails_or_answers_nonsense_is_a_refusal(wrong) -> None:
    for answers in ((wrong,), (wrong, None)):
        refused = guard(*answers).identify(LOGIN)
        assert isinstance(refused, Reason)
        assert refused.code == "RG-SYS-003"
        assert "secret" not in str(refused)


def test_a_plugin_that_does_not_start_is_named_and_keeps_the_guard_from_starting() -> None:
    hooks = Hooks()
    hooks.register(Starts(), "starts")
    settings = Settings(upstream=UpstreamSettings(host="x"), journal=JournalSettings(path="x"))
    with pytest.raises(ConfigurationError, match="plugin starts does not start: ValueError"):
        hooks.startup(settings)


class Keeps:
    """Takes records, and what is spelt as it is."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @hookimpl
    def decision_made(self, record):
        self.seen.append(record)

    @hookimpl
    def decision_spelt(self, canonical):
        self.seen.append(canonical)


class Wants:
    """Takes records only."""

    @hookimpl
    def decision_made(self, record):
        return None


def test_what_is_spelt_is_kept_where_all_who_record_keep_it() -> None:
    assert not Hooks().keep_spelt_decisions, "nobody would have the decision"
    keeps = Keeps()
    hooks = Hooks([keeps])
    assert hooks.keep_spelt_decisions
    assert hooks.decided_again(b"one") == []
    assert keeps.seen == [b"one"]
    hooks.register(Wants())
    assert not hooks.keep_spelt_decisions
    hooks.register(Keeps(), "another")
    assert not hooks.keep_spelt_decisions


def test_a_plugin_that_would_miss_whatever_repeats_no_other_is_refused() -> None:
    half = type("Half", (), {"decision_spelt": Keeps.decision_spelt})()
    hooks = Hooks()
    with pytest.raises(ConfigurationError, match="plugin Half: decision_spelt goes with decision_made; implement both"):
        hooks.register(half)
    assert not hooks.keep_spelt_decisions
    hooks.register(Keeps(), "Half")


def test_a_plugin_that_fails_on_what_is_spelt_is_named_and_hides_nothing() -> None:
    class Fails(Keeps):
        @hookimpl
        def decision_spelt(self, canonical):
            raise ValueError("secret")

    keeps = Keeps()
    hooks = Hooks([Fails(), keeps])
    with pytest.raises(PluginFailed, match="^plugin Fails: ValueError$"):
        hooks.decided_again(b"one")
    assert keeps.seen == [b"one"]
