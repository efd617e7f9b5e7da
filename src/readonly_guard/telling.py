"""Telling a decision: not before its record is durable, and as a denial where it cannot be made so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from readonly_guard.conclusion import unrecorded
from readonly_guard.domain import Decision
from readonly_guard.errors import DecisionUnavailable
from readonly_guard.hooks import Receipt

__all__ = ["Teller", "durable"]


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
    failure: DecisionUnavailable | None = None
    try:
        for receipt in receipts:
            await receipt
    except DecisionUnavailable as error:
        failure = error
    then(failure)


async def durable(decision: Decision, receipts: list[Receipt]) -> Decision:
    """The decision when its record is durable, or the denial that it has become."""
    try:
        for receipt in receipts:
            await receipt
    except DecisionUnavailable as error:
        return unrecorded(decision, error)
    return decision
