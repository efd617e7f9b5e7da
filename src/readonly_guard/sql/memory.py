"""A bounded memory of what texts were read as: the longest unused goes first."""

from __future__ import annotations

from collections import OrderedDict

from readonly_guard.domain import Analysis

__all__ = ["Memory"]


class Memory:
    """Analyses by text.

    Args:
        characters: how much text may be kept; some 200 characters are an ordinary statement.
    """

    def __init__(self, characters: int) -> None:
        self._limit = characters
        self._kept: OrderedDict[str, Analysis] = OrderedDict()
        self.characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> Analysis | None:
        """What is remembered of a text."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
        return known

    def put(self, text: str, analysis: Analysis) -> None:
        """Remember; a text larger than the whole memory is not kept."""
        if len(text) > self._limit or text in self._kept:
            return
        self._kept[text] = analysis
        self.characters += len(text)
        while self.characters > self._limit:
            oldest, _ = self._kept.popitem(last=False)
            self.characters -= len(oldest)
