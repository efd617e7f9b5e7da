"""Policies made ready in a process of their own decide as those made here, and are refused for the same reasons."""

from __future__ import annotations

import sys
import time

import pytest

from readonly_guard.errors import ConfigurationError, PolicyError
from readonly_guard.policy import EmbeddedEngine, decision_point, decision_point_apart, maker
from readonly_guard.settings import OpaSettings, PolicySettings


async def test_the_answers_are_the_same(policies_dir, overlay, request_of):
    settings = PolicySettings(source=str(policies_dir), data=(overlay(roster={"users": {}}),))
    apart, here = await decision_point_apart(settings), decision_point(settings)
    assert isinstance(apart, EmbeddedEngine)
    assert apart.revision == here.revision
    assert (apart.is_compiled, apart.stages) == (here.is_compiled, here.stages)
    for action in ("read", "search", "print", "write"):
        question = request_of(action={"name": action})
        assert await apart.decide(question) == await here.decide(question)


async def test_what_is_wrong_is_told_as_it_would_be_here(policy_dir, overlay):
    for settings in (
        PolicySettings(source=policy_dir(**{"x.rego": "package x\n\nnot Rego"})),
        PolicySettings(data=(overlay(roster={}, routine=None),)),
        PolicySettings(source="/nowhere"),
    ):
        with pytest.raises(ConfigurationError) as here:
            decision_point(settings, tried=True)
        with pytest.raises(ConfigurationError) as apart:
            await decision_point_apart(settings)
        assert str(apart.value) == str(here.value)


async def test_a_process_that_cannot_be_started_or_says_something_else(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="No such file"):
        await decision_point_apart(PolicySettings())
    for program in ("#!/bin/sh\necho +nothing", "#!/bin/sh\nexit 1"):
        path = tmp_path / f"program-{len(program)}"
        path.write_text(program, encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))
        with pytest.raises(PolicyError, match="the process that loaded the policies failed"):
            await decision_point_apart(PolicySettings())


async def test_an_opa_server_needs_none(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere")
    point = await decision_point_apart(PolicySettings(opa=OpaSettings(url="http://127.0.0.1:1")))
    assert not isinstance(point, EmbeddedEngine)


async def test_policies_that_are_not_ready_in_time_are_refused(policy_dir, monkeypatch):
    """A built-in function that makes too much is one step to the engine, and no step ends before its time."""
    monkeypatch.setattr(maker, "_READY_S", 1.0)
    rules = "package readonly_guard.authz\n\ndecision := count(numbers.range(1, 1000000000))\n"
    began = time.monotonic()
    with pytest.raises(PolicyError, match=r"not ready within 1 s; a built-in function makes too much"):
        await decision_point_apart(PolicySettings(source=policy_dir(**{"authz.rego": rules})))
    assert time.monotonic() - began < 30
