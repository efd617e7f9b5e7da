"""What is left of sessions that are over: nothing, and nothing for the cycle collector either.

A client that connects for each statement would otherwise have it look through the living sessions all day.
"""

from __future__ import annotations

import asyncio
import gc

import pytest

from readonly_guard_proxy.net.admission import Admission
from readonly_guard_proxy.net.link import Link
from readonly_guard_proxy.net.reception import Reception
from readonly_guard_proxy.session.machine import SessionMachine

_KINDS = (Admission, Link, Reception, SessionMachine)


@pytest.fixture
def without_collecting():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> list[str]:
    return [type(one).__name__ for one in gc.get_objects() if isinstance(one, _KINDS)]


async def none_left() -> None:
    async with asyncio.timeout(10):
        while alive():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.02)


async def one_that_says_goodbye(client, pg) -> None:
    await client.login()
    assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"
    client.send(pg.BYE)
    await client.rest()


async def one_that_disconnects(client, pg) -> None:
    await client.login()
    client.writer.transport.abort()


async def one_that_the_server_does_not_let_in(client, pg) -> None:
    client.send(pg.startup(user="nobody"))
    assert await client.rest() == "R E(28000) EOF"


async def one_that_is_refused(client, pg) -> None:
    client.send(pg.startup(user="postgres", replication="true"))
    assert await client.rest() == "E(0A000) EOF"


async def one_that_speaks_nonsense(client, pg) -> None:
    await client.login()
    client.send(b"!\0\0\0\4")
    assert await client.rest() == "E(08P01) EOF"


@pytest.mark.usefixtures("without_collecting")
@pytest.mark.parametrize(
    "session",
    [
        one_that_says_goodbye,
        one_that_disconnects,
        one_that_the_server_does_not_let_in,
        one_that_is_refused,
        one_that_speaks_nonsense,
    ],
)
async def test_nothing_is_left_of(session, proxy, client_class, pg) -> None:
    await session(await client_class.connect(proxy.port), pg)
    await none_left()
