"""Modes: what becomes of a policy's denials, and that nothing softens the write lock, the log or an engine's silence."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from readonly_guard import ConfigurationError, Guard, hookimpl
from readonly_guard.audit import read
from readonly_guard.domain import Answer, DecisionRecord, Reason, Session
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.hooks import Hooks
from readonly_guard.policy import Modes, load_policies
from readonly_guard.replay import replay
from readonly_guard.settings import JournalSettings, PolicySettings, Settings, UpstreamSettings, load_settings
from readonly_guard.sql import Analyzer

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
READ = "SELECT * FROM person WHERE person_id = 7"


def reason(code: str, rule: str = "rule") -> Reason:
    return Reason(code=code, rule=rule, sv="Nej", en="No")


@pytest.mark.parametrize(
    ("settings", "listener", "parted"),
    [
        ({}, "a", ("RG-X02 RG-Q01", "", "")),
        ({"mode": "warn"}, "a", ("", "RG-X02 RG-Q01", "")),
        ({"mode": "dry_run"}, "a", ("", "", "RG-X02 RG-Q01")),
        ({"rules": {"RG-X02": "warn"}}, "a", ("RG-Q01", "RG-X02", "")),
        ({"rules": {"search": "dry_run"}}, "a", ("RG-X02", "", "RG-Q01")),
        ({"mode": "dry_run", "rules": {"print": "enforce"}}, "a", ("RG-X02", "", "RG-Q01")),
        ({"rules": {"print": "dry_run", "RG-X02": "enforce"}}, "a", ("RG-X02 RG-Q01", "", "")),
        ({"listeners": {"a": "warn"}}, "a", ("", "RG-X02 RG-Q01", "")),
        ({"listeners": {"a": "warn"}}, "b", ("RG-X02 RG-Q01", "", "")),
        ({"listeners": {"a": "warn"}, "rules": {"search": "enforce"}}, "a", ("RG-Q01", "RG-X02", "")),
    ],
)
def test_a_rules_mode_goes_before_its_listeners(settings: Any, listener: str, parted: tuple[str, ...]) -> None:
    denials = (reason("RG-X02", "print"), reason("RG-Q01", "search"))
    judged = Modes(PolicySettings(**settings)).judge(denials, listener)
    assert tuple(" ".join(item.code for item in part) for part in judged) == parted


@pytest.mark.parametrize("code", ["RG-W02", "RG-F01", "RG-T03", "RG-SYS-001", "RG-SYS-002", "RG-SYS-003"])
@pytest.mark.parametrize("mode", ["warn", "dry_run"])
def test_what_is_the_cores_is_enforced_in_every_mode(code: str, mode: Any) -> None:
    settings = PolicySettings(mode=mode, rules={code: mode, "rule": mode}, listeners={"a": mode})
    assert Modes(settings).judge((reason(code),), "a").enforced == (reason(code),)


def guard_of(tmp_path: Path, **policy: Any) -> Guard:
    return Guard.from_settings(
        Settings(
            upstream=UpstreamSettings(host="/tmp"),
            journal=JournalSettings(path=str(tmp_path / "journal")),
            policy=PolicySettings(**policy),
        ),
        clock=lambda: NOW,
    )


def records(tmp_path: Path) -> list[DecisionRecord]:
    return [entry.record for entry in read(tmp_path / "journal") if isinstance(entry.record, DecisionRecord)]


@pytest.mark.parametrize(("mode", "shown"), [("warn", ("RG-R01",)), ("dry_run", ())])
def test_a_denial_that_is_not_enforced_is_recorded(tmp_path: Path, mode: Any, shown: tuple[str, ...]) -> None:
    with guard_of(tmp_path, mode=mode) as guard:
        decision = guard.check(READ, subject="nobody", purpose="TREAT", session=Session(listener="x"))
        written = guard.check("DELETE FROM person", subject="nobody", purpose="TREAT")
    assert decision.allowed
    assert tuple(warning.code for warning in decision.warnings) == shown
    assert written.codes == ("RG-W05",)
    allowed, denied = records(tmp_path)
    assert (allowed.verdict, allowed.warnings, allowed.obligations) == ("allow", ("RG-R01",), ("not_enforced=RG-R01",))
    assert (denied.verdict, denied.codes) == ("deny", ("RG-W05",))


def test_a_replay_counts_it_as_the_denial_it_is(tmp_path: Path) -> None:
    with guard_of(tmp_path, mode="dry_run") as guard:
        guard.check(READ, subject="nobody", purpose="TREAT")
    assert replay(tmp_path / "journal", load_policies(None)).changed == 0


class Silent:
    revision = ""

    def decide_now(self, request: Any) -> Answer:
        raise PolicyUnavailable("late")

    async def decide(self, request: Any) -> Answer:
        raise PolicyUnavailable("late")


class Objection:
    @hookimpl
    def review_statement(self, analysis: Any) -> list[Reason]:
        return [reason("SITE-1")]


def test_neither_silence_nor_a_plugins_word_is_softened() -> None:
    for pdp, plugins, codes in ((Silent(), (), ("RG-SYS-001",)), (Allowing(), (Objection(),), ("SITE-1",))):
        guard = Guard(analyzer=Analyzer(), pdp=pdp, hooks=Hooks(plugins), clock=lambda: NOW)
        guard.replace_policies(pdp, PolicySettings(mode="dry_run", rules={"rule": "dry_run", "SITE-1": "dry_run"}))
        assert guard.check(READ, subject="anna").codes == codes


class Allowing(Silent):
    def decide_now(self, request: Any) -> Answer:
        return Answer(allow=True)


def test_an_answer_that_says_nothing_stays_a_denial() -> None:
    class Mute(Silent):
        def decide_now(self, request: Any) -> Answer:
            return Answer(allow=False)

    guard = Guard(analyzer=Analyzer(), pdp=Mute(), hooks=Hooks(), clock=lambda: NOW)
    guard.replace_policies(Mute(), PolicySettings(mode="dry_run"))
    assert guard.check(READ, subject="anna").codes == ("RG-SYS-001",)


@pytest.mark.parametrize("text", ['mode = "off"', 'rules = { search = "never" }', 'listeners = { a = "allow" }'])
def test_a_mode_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "guard.toml"
    path.write_text(f'[upstream]\nhost = "/tmp"\n[journal]\npath = "j"\n[policy]\n{text}\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"policy\.(mode|rules|listeners).*Invalid enum value"):
        load_settings(path)
