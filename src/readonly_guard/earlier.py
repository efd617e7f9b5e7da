"""EXECUTE and FETCH, followed to the statement that says what they read.

A session knows what it prepared and which cursors it opened. What is found is as if it stood in the text: its relations
are asked about and recorded, and its patients named. What is not certain stays an unknown read, the broader question.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

import msgspec

from readonly_guard.domain import Analysis, Parameters, Reading, joined_creation, joined_patients
from readonly_guard.sql import Arguments

__all__ = ["Followed", "follow", "target_of"]

Followed = tuple[Analysis, Parameters | None]
"""An earlier statement, settled, and the parameters it is run with."""


def target_of(reading: Reading, analysis: Analysis) -> tuple[Literal["statement", "cursor"], str] | None:
    """What a statement of a text refers to: an earlier statement or a cursor, by name.

    None where it refers to nothing, or where the text itself may give the name another meaning first.
    """
    name = reading.refers
    if name is None or any(name in {one.prepares, one.declares} for one in analysis.readings):
        return None
    if reading.kind != "fetch":
        return "statement", name
    before = takewhile(lambda one: one is not reading, analysis.readings)
    return None if any(one.moves_cursors for one in before) else ("cursor", name)


def follow(analysis: Analysis, found: Sequence[Followed | None]) -> Analysis:
    """The analysis of a text with what its statements refer to.

    Args:
        analysis: of a read.
        found: for each of its readings, what it refers to, or None.
    """
    given = analysis.patients.arguments
    pairs = [
        (reading, one[0], one[1] if reading.kind == "fetch" else Arguments(arguments))
        for reading, one, arguments in zip(analysis.readings, found, given, strict=True)
        if one is not None
    ]
    if not pairs:
        return analysis
    reading, earlier, parameters = pairs[0]
    is_all = len(found) == 1 and not reading.relations  # the arguments of EXECUTE may open tables, too
    sets = [analysis.information_sets, *(one.information_sets for _, one, _ in pairs)]
    return msgspec.structs.replace(
        analysis,
        readings=tuple(
            reading if one is None else _with(reading, one[0])
            for reading, one in zip(analysis.readings, found, strict=True)
        ),
        patients=joined_patients(
            analysis.patients,
            [(one.patients, its) for _, one, its in pairs],
            is_bound=is_all and earlier.patients.is_bound,
            is_elsewhere=len(pairs) < sum(reading.refers is not None for reading in analysis.readings),
        ),
        creation=joined_creation(earlier.creation, parameters) if is_all else None,
        information_sets=tuple(dict.fromkeys(name for some in sets for name in some)),
    )


def _with(reading: Reading, earlier: Analysis) -> Reading:
    """The reading, and what its arguments call, with what it runs."""
    all_of_it = (reading, *earlier.readings)
    return msgspec.structs.replace(
        reading,
        relations=tuple(dict.fromkeys(name for one in all_of_it for name in one.relations)),
        functions=tuple(dict.fromkeys(name for one in all_of_it for name in one.functions)),
        has_patient_predicate=earlier.patients.is_bound and not reading.relations,
        moves_cursors=bool(reading.references) or any(one.moves_cursors for one in earlier.readings),
    )
