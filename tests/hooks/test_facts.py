"""Facts for the policies: put together from several points, each isolated, each in time, or a denial."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from readonly_guard import Declared, Guard, StatementRequest, Subject, hookimpl
from readonly_guard.domain import Answer
from readonly_guard.errors import PluginFailed
from readonly_guard.hooks import Hooks, gather, gather_now
from readonly_guard.hooks.facts import Found
from readonly_guard.sql import Analyzer

USER = {"name": "Eva"}


async def later(facts, delay_s=0.0):
    await asyncio.sleep(delay_s)
    return facts


async def failing():
    raise ValueError("191212121212")


async def test_facts_come_together():
    found = [Found("a", {"user": USER}), Found("b", later({"relations": {}, "unit": None})), Found("c", None)]
    assert await gather(found, 1) == {"user": USER, "relations": {}, "unit": None}
    assert gather_now([Found("a", {"user": USER}), Found("c", None)]) == {"user": USER}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"user": 7}, "plugin p: gather_context answered what is no fact"),
        ({"relations": None}, "plugin p: gather_context answered what is no fact"),
        ({"time": {}}, "plugin p: gather_context answered what is no fact"),
        (["user"], "plugin p: gather_context answered list"),
        ({"blocks": {}}, "plugin p: another plugin has answered blocks already"),
    ],
)
async def test_what_is_no_fact_fails(facts, says):
    with pytest.raises(PluginFailed, match=says):
        await gather([Found("first", {"blocks": {}}), Found("p", later(facts))], 1)
    with pytest.raises(PluginFailed, match=says):
        gather_now([Found("first", {"blocks": {}}), Found("p", facts)])


@pytest.mark.parametrize(
    ("promise", "says"),
    [(lambda: later({}, 30), "plugin p: did not answer within 0.05 s"), (failing, "plugin p: ValueError$")],
)
async def test_what_is_late_or_fails_is_named_and_quotes_nothing(promise, says):
    with pytest.raises(PluginFailed, match=says):
        await gather([Found("p", promise())], 0.05)


def test_what_must_be_awaited_cannot_be_had_at_once():
    with pytest.raises(PluginFailed, match="plugin p: needs an event loop"):
        gather_now([Found("p", later({}))])


class Engine:
    """Keeps what it is asked and allows."""

    revision = "1"

    def __init__(self):
        self.asked = []

    def decide_now(self, request):
        self.asked.append(request)
        return Answer(allow=True)

    async def decide(self, request):
        return self.decide_now(request)


class Point:
    def __init__(self, facts):
        self.facts = facts

    @hookimpl
    def gather_context(self, request):
        assert request.subject.id == "anna"
        return self.facts()


def guard_with(engine, *plugins):
    now = datetime(2025, 3, 3, tzinfo=UTC)
    return Guard(analyzer=Analyzer(), pdp=engine, hooks=Hooks(plugins), clock=lambda: now)


ASK = StatementRequest(text="SELECT 1", subject=Subject(id="anna"), declared=Declared(purpose="TREAT"))


async def test_the_policy_sees_the_facts():
    engine = Engine()
    assert (await guard_with(engine, Point(lambda: later({"user": USER}))).decide(ASK)).allowed
    assert guard_with(engine, Point(lambda: {"user": USER})).check("SELECT 1", subject="anna").allowed
    assert [question.context["facts"] for question in engine.asked] == [{"user": USER}] * 2


async def test_without_points_there_are_no_facts():
    engine = Engine()
    await guard_with(engine).decide(ASK)
    assert "facts" not in engine.asked[0].context


@pytest.mark.parametrize("facts", [failing, lambda: {"user": 7}, lambda: 1 / 0])
async def test_a_point_that_fails_denies_and_the_policy_is_not_asked(facts):
    engine = Engine()
    decision = await guard_with(engine, Point(facts)).decide(ASK)
    assert decision.codes == ("RG-SYS-003",)
    assert engine.asked == []
