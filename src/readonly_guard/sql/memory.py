"""A bounded memory of what texts were read as: the longest unused goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Memory"]

_Kept = TypeVar("_Kept")


class Memory(Generic[_Kept]):
    """What is known by text.

    Args:
        characters: how much text may be kept; some 200 characters are an ordinary statement.
        weight: what is kept beside a text, in characters of text.
    """

    def __init__(self, characters: int, weight: Callable[[_Kept], int]) -> None:
        self._limit = characters
        self._weight = weight
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self.characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> _Kept | None:
        """What is remembered of a text."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
        return known

    def put(self, text: str, known: _Kept) -> None:
        """Remember; a text larger than the whole memory is not kept."""
        weight = len(text) + self._weight(known)
        if weight > self._limit or text in self._kept:
            return
        self._kept[text] = known
        self.characters += weight
        while self.characters > self._limit:
            dropped, its = self._kept.popitem(last=False)
            self.characters -= len(dropped) + self._weight(its)
