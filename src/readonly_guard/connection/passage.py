"""The way of a text: decided, released, run, and its end recorded; one at a time on a connection.

What is decided about and how it is run comes from the gate; here is only the order, which nothing gets around.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import asyncpg

from readonly_guard.codes import Sqlstate
from readonly_guard.connection.desk import Desk
from readonly_guard.domain import Decision, Earlier, Parameters

__all__ = ["Passage"]

T = TypeVar("T")

_LOST: Final = "08006"  # connection_failure, as the proxy records it
_AT_ONCE: Final = 1_000
_NO_TIMEOUT: Final = contextlib.nullcontext()


class Passage:
    """The way of texts over one connection.

    Args:
        desk: asks for decisions; another takes its place when somebody else gets the connection from a pool.
        released: is told of each decision whose text is about to run.
    """

    def __init__(self, desk: Desk, released: Callable[[Decision], None]) -> None:
        self._told = released
        self._is_busy = False
        self.desk = desk
        self.is_untouched = True
        """Nothing has run since the session began or was reset."""

    async def take(
        self,
        phase: str,
        text: str,
        timeout: float | None,
        run: Callable[[float | None], Awaitable[T]],
        rows: Callable[[T], int | None],
        *,
        check: Callable[[Desk], Awaitable[None]],
        earlier: Earlier,
        arguments: Sequence[Parameters | None] = (None,),
        sent: Sequence[int] = (0,),
    ) -> T:
        """Have a text decided, run it, and have its end recorded.

        Args:
            phase: as in :class:`readonly_guard.domain.StatementRequest`.
            text: what is to be sent.
            timeout: for all of it, in seconds.
            run: sends it; gets what is left of the timeout.
            rows: how many rows a result has.
            check: raises when the connection is not fit for it.
            earlier: knows what EXECUTE and FETCH refer to.
            arguments: of each execution, which are so many decisions.
            sent: bytes that were handed over, as far as they are counted.

        Raises:
            StatementDenied: it was not run.
        """
        if type(text) is not str:  # a subclass may look like one text and compare like another
            raise TypeError(f"a statement is a str, not {type(text).__name__}")
        if self._is_busy:  # while a decision is awaited, asyncpg itself would not notice
            raise asyncpg.InterfaceError("cannot perform operation: another operation is in progress")
        desk = self.desk  # whoever gets the connection meanwhile has nothing to do with this
        self._is_busy = True
        try:
            began = time.monotonic()
            await check(desk)
            decisions = await _decide(desk, phase, text, timeout, earlier, arguments)
            since = time.monotonic()
            rest = None if timeout is None else timeout - (since - began)
            try:
                result = await self._release(desk, phase, decisions, run, rest)
            except BaseException as error:
                _end(desk, decisions, since, rows=None, sent=sent[0], sqlstate=_sqlstate_of(error))
                raise
            _end(desk, decisions, since, rows=rows(result), sent=sent[0])
            return result
        finally:
            self._is_busy = False

    async def _release(
        self,
        desk: Desk,
        phase: str,
        decisions: Sequence[Decision],
        run: Callable[[float | None], Awaitable[T]],
        rest: float | None,
    ) -> T:
        if rest is not None and rest <= 0:
            raise TimeoutError
        self.is_untouched = False
        if phase != "parse" and decisions:
            desk.declared = decisions[-1].declared
            self._told(decisions[-1])
        return await run(rest)


async def _decide(
    desk: Desk, phase: str, text: str, timeout: float | None, earlier: Earlier, arguments: Sequence[Parameters | None]
) -> list[Decision]:
    async with asyncio.timeout(timeout) if timeout is not None else _NO_TIMEOUT:
        if len(arguments) == 1:
            return [await desk.decide(phase, text, arguments[0], earlier)]
        decisions: list[Decision] = []
        try:
            while len(decisions) < len(arguments):
                some = arguments[len(decisions) :][:_AT_ONCE]
                await _decide_some([desk.decide(phase, text, one, earlier) for one in some], decisions)
        except BaseException:
            for decision in decisions:
                desk.never_released(decision)
            raise
        return decisions


async def _decide_some(asking: Sequence[Coroutine[Any, Any, Decision]], decisions: list[Decision]) -> None:
    """Have some executions decided at once, so that they share one write to disk; adds what is allowed.

    Raises:
        StatementDenied: one was denied.
    """
    asked = [asyncio.ensure_future(one) for one in asking]
    try:
        await asyncio.wait(asked)
    finally:
        denial: BaseException | None = None
        for one in asked:
            if not one.done():
                one.cancel()  # the guard then tells the log itself
            elif (error := one.exception()) is None:
                decisions.append(one.result())
            else:
                denial = denial or error
    if denial is not None:
        raise denial


def _end(
    desk: Desk, decisions: Sequence[Decision], since: float, *, rows: int | None, sent: int, sqlstate: str = ""
) -> None:
    for decision in decisions:
        desk.completed(decision, since, rows=rows, sent=sent, sqlstate=sqlstate)


def _sqlstate_of(error: BaseException) -> str:
    if isinstance(error, asyncpg.ConnectionDoesNotExistError):
        return _LOST
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate)
    return Sqlstate.CANCELED  # given up on this side
