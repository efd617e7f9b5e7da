"""The names that SQL gives in a session: by PREPARE and by DECLARE, and which text stands behind each.

A name that is forgotten is unknown, and an EXECUTE or FETCH of it is asked for as the broader read, a search. So
forgetting is always safe; only believing another text than the server's would not be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from readonly_guard.domain import EarlierStatement, Reading

__all__ = ["NamesOfSql"]


class NamesOfSql:
    """What is known of one session's names."""

    def __init__(self) -> None:
        self._statements: dict[str, EarlierStatement] = {}
        self._cursors: dict[str, EarlierStatement] = {}
        self._held: set[str] = set()

    def find(self, kind: Literal["statement", "cursor"], name: str) -> EarlierStatement | None:
        """The text that gave a name its meaning, None when that is not certain."""
        return (self._cursors if kind == "cursor" else self._statements).get(name)

    def forget(self, readings: Iterable[Reading]) -> None:
        """A text is about to run, which may fail half-way: what it gives or takes away is not known for now."""
        for reading in readings:
            if reading.prepares is not None:
                self._statements.pop(reading.prepares, None)
            if reading.declares is not None:
                self._cursors.pop(reading.declares, None)
                self._held.discard(reading.declares)
            if reading.kind in {"deallocate", "discard"}:
                self._statements.clear()
            if reading.moves_cursors or reading.kind in {"close", "discard"}:
                self._cursors.clear()
                self._held.clear()

    def learn(self, readings: Iterable[Reading], text: str) -> None:
        """A text has run."""
        for reading in readings:
            if reading.prepares is not None:
                self._statements[reading.prepares] = EarlierStatement(text)
            if reading.declares is not None:
                self._cursors[reading.declares] = EarlierStatement(text)
                if reading.holds:
                    self._held.add(reading.declares)
            if reading.moves_cursors:
                self._cursors.clear()
                self._held.clear()

    def end_transaction(self) -> None:
        """Only cursors WITH HOLD are left."""
        if len(self._cursors) > len(self._held):
            self._cursors = {name: self._cursors[name] for name in self._held}
