"""What was judged of a startup packet, remembered: a program that connects again sends the same packet as before.

So its sessions also share what they declare, and not only words that are alike.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from readonly_guard_proxy.net.ports import StartupJudge, StartupJudgement

__all__ = ["remembering"]

_REMEMBERED: Final = 256
_MOST_LETTERS: Final = 1_024
"""Of a packet that is remembered: whoever sends long ones, each another, may not fill the memory with them."""


def remembering(judge: StartupJudge) -> StartupJudge:
    """A judge who is asked about a packet only if it is none of the last few hundred.

    Args:
        judge: whose judgement of the same parameters in the same order is always the same.
    """
    return _Remembering(judge)


class _Remembering:
    def __init__(self, judge: StartupJudge) -> None:
        self._judge: Final = judge
        self._of_items: Final = functools.lru_cache(_REMEMBERED)(self._judged)

    def __call__(self, parameters: Mapping[str, str]) -> StartupJudgement:
        letters = sum(map(len, parameters)) + sum(map(len, parameters.values()))
        return self._of_items(*parameters.items()) if letters <= _MOST_LETTERS else self._judge(parameters)

    def _judged(self, *items: tuple[str, str]) -> StartupJudgement:
        return self._judge(dict(items))
