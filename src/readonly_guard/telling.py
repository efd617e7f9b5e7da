"""Telling a decision: not before its record is durable, and as a denial where it cannot be made so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from readonly_guard.conclusion import unrecorded
from readonly_guard.domain import Decision
from readonly_guard.errors import DecisionUnavailable, LogUnavailable
from readonly_guard.hooks import Receipt

__all__ = ["Teller", "durable", "durable_now"]


class Teller:
    """Tells whoever asked, at the end of an iteration of the event loop; with a task only where a receipt wants one."""

    def __init__(self) -> None:
        self._waiting: Final[set[asyncio.Task[None]]] = set()

    def tell(self, decision: Decision, receipts: list[Receipt], then: Callable[[Decision], None]) -> None:
        """Call ``then`` with the decision once all receipts are in, or with its denial."""
        self.when_durable(
            receipts, lambda failure: then(decision if failure is None else unrecorded(decision, failure))
        )

    def when_durable(self, receipts: list[Receipt], then: Callable[[DecisionUnavailable | None], None]) -> None:
        """Call ``then`` once all receipts are in, or with why one of them will not be."""
        if not receipts:
            then(None)
            return
        when_settled = getattr(receipts[0], "when_settled", None) if len(receipts) == 1 else None
        if when_settled is not None:
            when_settled(then)
        else:
            waiting = asyncio.get_running_loop().create_task(_tell_later(receipts, then))
            self._waiting.add(waiting)  # the event loop itself holds it weakly
            waiting.add_done_callback(self._waiting.discard)


async def _tell_later(receipts: list[Receipt], then: Callable[[DecisionUnavailable | None], None]) -> None:
    then(await _failure(receipts))


async def durable(decision: Decision, receipts: list[Receipt]) -> Decision:
    """The decision when its record is durable, or the denial that it has become."""
    failure = await _failure(receipts)
    return decision if failure is None else unrecorded(decision, failure)


def durable_now(decision: Decision, receipts: list[Receipt]) -> Decision:
    """As :func:`durable`, without an event loop."""
    try:
        for receipt in receipts:
            receipt.wait()
    except Exception as error:  # noqa: BLE001  as in `_failure`
        return unrecorded(decision, _told(error))
    return decision


async def _failure(receipts: list[Receipt]) -> DecisionUnavailable | None:
    """Why one of these will not be in; None when all are."""
    try:
        for receipt in receipts:
            await receipt
    except Exception as error:  # noqa: BLE001  a plugin's receipt may raise anything: the record is not durable
        return _told(error)
    return None


def _told(error: Exception) -> DecisionUnavailable:
    if isinstance(error, DecisionUnavailable):
        return error
    return LogUnavailable(f"a receipt failed: {type(error).__name__}")  # its text could hold a piece of the record
