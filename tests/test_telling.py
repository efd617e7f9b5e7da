"""Whatever a receipt says or raises, whoever asked is told, and never that something may be released."""

from __future__ import annotations

import asyncio

import pytest

from readonly_guard import Guard, StatementRequest, Subject, hookimpl
from readonly_guard.asker import Asker
from readonly_guard.domain import Answer
from readonly_guard.errors import LogUnavailable
from readonly_guard.hooks import Hooks
from readonly_guard.sql import Analyzer

REQUEST = StatementRequest(text="SELECT 1", subject=Subject(id="u"))
ASKER = Asker(REQUEST.subject, REQUEST.declared, REQUEST.initial, REQUEST.session)


class Engine:
    revision = "r"

    async def decide(self, request):
        return self.decide_now(request)

    def decide_now(self, request):
        return Answer(allow=True, expires_at="2100-01-01T00:00:00Z", revision=self.revision)


class Promise:
    """A receipt that is in after a moment, or raises this."""

    def __init__(self, error):
        self.error = error

    def wait(self):
        if self.error is not None:
            raise self.error

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        self.wait()


class Log:
    def __init__(self, error=None):
        self.error = error

    @hookimpl
    def decision_made(self, record):
        return Promise(self.error)


FAULTS = pytest.mark.parametrize(
    ("error", "told"),
    [(LogUnavailable("full"), "full"), (ConnectionError("secret"), "a receipt failed: ConnectionError")],
    ids=["it says so", "it raises anything"],
)


@FAULTS
async def test_a_receipt_that_fails_is_a_denial_in_each_way_of_asking(error, told):
    log = Log()
    guard = Guard(analyzer=Analyzer(), pdp=Engine(), hooks=Hooks([log]))
    assert (await guard.decide(REQUEST)).allowed
    log.error = error
    soon = asyncio.get_running_loop().create_future()
    assert guard.decide_soon(REQUEST, soon.set_result)
    async with asyncio.timeout(10):
        decisions = [await soon, await guard.decide(REQUEST), guard.check("SELECT 1", subject="u")]
    for decision in decisions:
        assert decision.codes == (LogUnavailable.code,)
        assert told in str(decision.reasons)
        assert "secret" not in str(decision.reasons)


@FAULTS
async def test_a_receipt_that_fails_is_told_where_a_precedent_is_repeated(error, told):
    log = Log()
    guard = Guard(analyzer=Analyzer(), pdp=Engine(), hooks=Hooks([log]))
    await guard.decide(REQUEST)
    first, again = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
    assert guard.decide_soon(REQUEST, first.set_result)
    assert (await first).allowed
    log.error = error
    guard.repeat(guard.find_precedent(ASKER, REQUEST.phase, REQUEST.text, None), again.set_result)
    async with asyncio.timeout(10):
        failure = await again
    assert isinstance(failure, LogUnavailable)
    assert str(failure) == told
