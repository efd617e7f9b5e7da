"""What running an allowed text may do to the session itself: to the names it knows and to its encoding.

Texts that are sent behind such a text, before its reply, must not be judged by what was true before it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from readonly_guard.domain import Analysis, Effect

__all__ = ["NO_CONSEQUENCES", "Consequences", "consequences"]


class Consequences(NamedTuple):
    """What may be otherwise once a text has run.

    Args:
        names: prepared statements or cursors may have come, gone or changed.
        encoding: client_encoding may be another.
        transaction: a transaction may have begun or ended; ending one undoes what SET did in it.
        prepares: the names that SQL-level PREPARE gives, in order.
        declares: the cursors that DECLARE opens, in order, each with whether it outlives its transaction.
        moves_cursors: a function may have opened and closed cursors, whatever their names are.
    """

    names: bool = False
    encoding: bool = False
    transaction: bool = False
    prepares: tuple[str, ...] = ()
    declares: tuple[tuple[str, bool], ...] = ()
    moves_cursors: bool = False


NO_CONSEQUENCES: Final = Consequences()
_QUIET: Final = frozenset({Effect.READ})


def consequences(analysis: Analysis) -> Consequences:
    """Of an allowed text that is executed."""
    readings = analysis.readings
    if all(
        reading.effects <= _QUIET and not reading.settings and reading.prepares is None and not reading.moves_cursors
        for reading in readings
    ):
        return NO_CONSEQUENCES
    moves_cursors = any(reading.moves_cursors for reading in readings)
    return Consequences(
        names=moves_cursors
        or any(Effect.SESSION in reading.effects or reading.prepares is not None for reading in readings),
        encoding=any(
            change.scope == "all" or change.name == "client_encoding"  # which SET NAMES sets, too
            for reading in readings
            for change in reading.settings
        ),
        transaction=any(Effect.TRANSACTION in reading.effects for reading in readings),
        prepares=tuple(reading.prepares for reading in readings if reading.prepares is not None),
        declares=tuple((reading.declares, reading.holds) for reading in readings if reading.declares is not None),
        moves_cursors=moves_cursors,
    )
