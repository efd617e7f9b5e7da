"""What information points looked up for a question, put together: each fact from one of them, and of a known kind.

A point answers a part of `FACTS` by name; ``user`` and ``unit`` are an object or null (looked for, not there), the
others an object by patient key.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from readonly_guard.errors import DecisionUnavailable, PluginFailed

__all__ = ["FACTS", "Found", "gather", "gather_now"]

FACTS: Final = frozenset({"user", "unit", "patients", "relations", "blocks"})
_OF_ONE: Final = frozenset({"user", "unit"})


class Found(NamedTuple):
    """What a plugin returned: the facts, or an awaitable of them."""

    plugin: str
    facts: Any


def gather_now(found: Iterable[Found]) -> dict[str, Any]:
    """The facts, where every point has them at once.

    Raises:
        PluginFailed: one of them wants to be awaited, or answered what is no fact.
    """
    together: dict[str, Any] = {}
    for point in found:
        if inspect.isawaitable(point.facts):
            _close(point.facts)
            raise PluginFailed(f"plugin {point.plugin}: needs an event loop, use `await guard.decide(...)`")
        _add(together, point.plugin, point.facts)
    return together


async def gather(found: Iterable[Found], deadline_s: float) -> dict[str, Any]:
    """The facts, asked of all points at the same time.

    Raises:
        PluginFailed: one of them raised, was late, or answered what is no fact; it is named.
    """
    points = list(found)
    waited = [point for point in points if inspect.isawaitable(point.facts)]
    together: dict[str, Any] = {}
    for point in points:
        if point not in waited:
            _add(together, point.plugin, point.facts)
    results = await asyncio.gather(*(_in_time(point, deadline_s) for point in waited))
    for point, facts in zip(waited, results, strict=True):
        _add(together, point.plugin, facts)
    return together


async def _in_time(point: Found, deadline_s: float) -> Any:
    try:
        async with asyncio.timeout(deadline_s):
            return await point.facts
    except TimeoutError:
        raise PluginFailed(f"plugin {point.plugin}: did not answer within {deadline_s} s") from None
    except DecisionUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  a plugin may raise anything; it is named and denies
        raise PluginFailed(f"plugin {point.plugin}: {type(error).__name__}") from None


def _add(together: dict[str, Any], plugin: str, facts: Any) -> None:
    if facts is None:
        return
    if not isinstance(facts, Mapping):
        raise PluginFailed(f"plugin {plugin}: gather_context answered {type(facts).__name__}")
    for name, fact in facts.items():
        is_right = isinstance(fact, Mapping) or (fact is None and name in _OF_ONE)
        if name not in FACTS or not is_right:
            raise PluginFailed(f"plugin {plugin}: gather_context answered what is no fact")
        if name in together:
            raise PluginFailed(f"plugin {plugin}: another plugin has answered {name} already")
        together[name] = fact


def _close(awaitable: Any) -> None:
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()
