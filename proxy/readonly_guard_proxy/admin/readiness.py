"""Readiness: whether a client that connects now would be served, found out by trying.

A check that fails says why. The answers are kept for a second, so that whoever asks cannot make the guard write to its
disk and knock at the server as often as he likes; those who ask meanwhile wait for the same answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from readonly_guard.errors import DecisionUnavailable

__all__ = ["Check", "Readiness", "Report"]

Check = Callable[[], Awaitable[str]]
"""Gives an empty text when all is well, else what is not."""

_KEPT_S: Final = 1.0
_LATE_S: Final = 5.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks said: for each, an empty text or what is wrong."""

    ready: bool
    checks: dict[str, str]


class Readiness:
    """The checks of one process.

    Args:
        checks: by name.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._stopping = ""
        self._asking: asyncio.Task[Report] | None = None
        self._asked_at = 0.0

    def stopping(self, why: str) -> None:
        """From now on not ready, whatever the checks say: whoever balances load sends nobody here any more."""
        self._stopping = why

    async def report(self) -> Report:
        """The state of a second ago at most."""
        if self._stopping:
            return Report(ready=False, checks={"running": self._stopping})
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked_at > _KEPT_S):
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Report:
        said = await asyncio.gather(*map(_said, self._checks.values()))
        checks = dict(zip(self._checks, said, strict=True))
        return Report(ready=not any(said), checks=checks)


async def _said(check: Check) -> str:
    try:
        async with asyncio.timeout(_LATE_S):
            return await check()
    except TimeoutError:
        return f"no answer in {_LATE_S:g} s"
    except DecisionUnavailable as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  whatever a check raises, its subject is not ready
        return f"the check failed ({type(error).__name__})"
