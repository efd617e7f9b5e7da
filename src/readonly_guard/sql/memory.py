"""A bounded memory of what texts were read as: the longest unused goes first."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from readonly_guard.domain import Analysis

__all__ = ["Memory"]


_PLACE: Final = 16
"""What a place of a patient's value takes in an analysis, in characters of text."""


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
        weight = _weight(text, analysis)
        if weight > self._limit or text in self._kept:
            return
        self._kept[text] = analysis
        self.characters += weight
        while self.characters > self._limit:
            self.characters -= _weight(*self._kept.popitem(last=False))


def _weight(text: str, analysis: Analysis) -> int:
    return len(text) + _PLACE * len(analysis.patients.places)
