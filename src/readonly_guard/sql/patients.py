"""Who a text reads about: the patients its predicates name, where their values stand, the information sets it reads.

Part of every reading, so it costs nothing where no predicate is on a patient key or on a column that tells information
sets apart. A text of a known shape is not read again: `with_own_values` looks its values up among its tokens.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from readonly_guard.domain import (
    MOST_PATIENTS,
    Analysis,
    CreationScope,
    Name,
    PatientPlace,
    PatientScope,
    patient_names,
)
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.bindings import Uses, find_uses, is_bound, is_reference
from readonly_guard.sql.comparisons import Tree, number, plain_array, single, tells_apart, word
from readonly_guard.sql.creation import creation_scope
from readonly_guard.sql.equalities import Frame, Item, Value
from readonly_guard.sql.information import information_sets, telling_values
from readonly_guard.sql.postgres_reading import EARLIER, PostgresReading
from readonly_guard.sql.scan import Scanned
from readonly_guard.sql.written_rows import rows_written

__all__ = ["Arguments", "Trace", "telling_shape", "trace_patients", "with_own_values"]


class Trace(NamedTuple):
    """What the statements of a text read of patients.

    ``bound``: which of them read nothing but what is of named patients. ``holds_for_shape``: the same would be found in
    every text of the shape whose ``telling_tokens`` are the same.
    """

    scope: PatientScope
    information_sets: tuple[str, ...]
    creation: CreationScope | None
    telling_tokens: tuple[int, ...]
    bound: tuple[bool, ...]
    holds_for_shape: bool


def trace_patients(statements: Sequence[PostgresReading], scanned: Scanned, rules: ReadingSettings) -> Trace:
    """Trace what the statements of a text read, or would have written, of patients."""
    items: list[Item] = []
    bound: list[bool] = []
    created_literals: list[int] = []
    compared: Counter[int] = Counter()
    is_unbound, rests_on_form = False, False
    for one in statements:
        uses = _uses(one, rules)
        patients = [use for use in uses.items if not use.exempt]
        bound.append(not one.reasons and one.query is not None and is_bound(uses.items, one.uses))
        is_unbound = is_unbound or one.kind in EARLIER or bool(patients and not bound[-1])
        rests_on_form = rests_on_form or uses.rests_on_form
        created_literals += uses.created_literals
        compared.update(uses.compared)
        items += patients
    found = _Found(scanned, _Types(statements, scanned, compared))
    is_elsewhere = any(one.kind in EARLIER for one in statements)
    is_dated = any(_is_dated(one, rules) for one in statements)
    # PREPARE may name types of parameters
    prepares = any(one.prepares is not None for one in statements)
    for use in items:
        for key, values in use.pinned.items():
            found.add(key, values)
    telling = telling_values(items, rules.information_sets) if items else ()
    locations = [value.location for value in telling if not value.parameter]
    tokens = sorted({found.token(location) for location in (*locations, *created_literals)})
    return Trace(
        scope=found.scope(
            is_bound=any(bound) and not is_unbound,
            is_elsewhere=is_elsewhere,
            arguments=tuple(tuple(map(_argument, one.arguments)) for one in statements) if is_elsewhere else (),
        ),
        information_sets=information_sets(items, rules.information_sets) if items else (),
        creation=creation_scope(items, rules, None if prepares else scanned) if is_dated and not is_elsewhere else None,
        telling_tokens=tuple(tokens),
        bound=tuple(bound),
        holds_for_shape=not rests_on_form and not found.is_lost,
    )


def _uses(one: PostgresReading, rules: ReadingSettings) -> Uses:
    """The uses of relations in a statement; where no predicate could pin one, those that hold patients."""
    if one.reasons:
        return _refused(one, rules)
    if one.query is not None and _may_tell(one, rules):
        uses = find_uses(
            one.query,
            rules,
            has_subqueries=one.has_subqueries,
            has_created_key=_is_dated(one, rules),
        )
        if uses is not None and len(uses.items) == one.uses:
            return uses
    return Uses([] if one.kind == "lock" else _unpinned(one.relations, rules), rests_on_form=False)


def _may_tell(one: PostgresReading, rules: ReadingSettings) -> bool:
    """Whether a column is named that is a patient key, one of creation, or tells information sets apart."""
    if not one.columns.isdisjoint(rules.patient_keys) or _is_dated(one, rules):
        return True
    names = {name.name for name in one.relations}
    return any(entry.table in names and not one.columns.isdisjoint(entry.when) for entry in rules.information_sets)


def _is_dated(one: PostgresReading, rules: ReadingSettings) -> bool:
    """Whether a column is named that says when a row was created."""
    return not one.columns.isdisjoint(rules.created_keys)


def _unpinned(relations: Iterable[Name], rules: ReadingSettings) -> list[Item]:
    frame = Frame()
    return [Item(frame=frame, relation=name) for name in relations if not is_reference(name, rules)]


def _refused(one: PostgresReading, rules: ReadingSettings) -> Uses:
    """What can be told of a statement that is denied; its tree may hold anything."""
    items, compared = _unpinned(one.relations, rules), Counter[int]()
    try:
        queries = [rows_written(kind, body, rules.patient_keys) for kind, body in one.refused]
    except (LookupError, AttributeError, TypeError):
        queries = []
    for query in (one.query, *queries):
        uses = None
        with contextlib.suppress(Exception):  # a part that no read has: the denial stands, the patient is not known
            uses = None if query is None else find_uses(query, rules)
        if uses is not None:
            items += uses.items
            compared.update(uses.compared)
    return Uses(items, rests_on_form=True, compared=compared)


class _Types:
    """What the text says of its parameters' types.

    Args:
        statements: of the text.
        scanned: the text.
        compared: how often each parameter is compared with a patient key.
    """

    def __init__(self, statements: Sequence[PostgresReading], scanned: Scanned, compared: Counter[int]) -> None:
        self._named = [kind.get("TypeName", {}) for one in statements for kind in one.types]
        self._is_sole = sum(one.prepares is not None for one in statements) <= 1
        self._scanned = scanned
        self._compared = compared
        self._counts: Counter[int] | None = None

    def settle(self, parameter: int, *, is_array: bool) -> bool:
        """Whether a parameter has the type of the patient keys that it is compared with, or one as good."""
        if not self._is_sole:
            return False  # each PREPARE has a $1 of its own
        if 0 < parameter <= len(self._named):
            return tells_apart(self._named[parameter - 1], array=is_array)
        if self._counts is None:
            self._counts = Counter(self._scanned.parameters())
        return self._counts[parameter] <= self._compared[parameter]


class _Found:
    """Values of patient keys, each place once."""

    def __init__(self, scanned: Scanned, types: _Types) -> None:
        self._types = types
        self._starts = scanned.tokens.starts
        self._places: dict[tuple[str, int, int, str], list[str | int]] = {}
        self.is_lost = False
        """Whether a literal is at no token."""

    def token(self, location: int) -> int:
        """The token that starts at a byte of the text."""
        at = bisect_left(self._starts, location)
        self.is_lost = self.is_lost or at >= len(self._starts) or self._starts[at] != location
        return at

    def add(self, column: str, values: Iterable[Value]) -> None:
        """The column equals one of the values."""
        for value in values:
            place = (column, value.location, value.parameter, value.form)
            literals = self._places.setdefault(place, [])
            if value.literal is not None:
                literals.append(value.literal)

    def scope(
        self, *, is_bound: bool, is_elsewhere: bool, arguments: tuple[tuple[str | None, ...], ...]
    ) -> PatientScope:
        """What was found, the first places of many."""
        named: dict[str, None] = {}
        places: list[PatientPlace] = []
        for (column, location, parameter, form), literals in list(self._places.items())[:MOST_PATIENTS]:
            token = -1 if parameter else self.token(location)
            is_typed = not parameter or self._types.settle(parameter, is_array=form == "array")
            places.append(
                PatientPlace(column=column, token=token, parameter=parameter, form=form, is_typed=is_typed)  # type: ignore[arg-type]
            )
            named |= dict.fromkeys(name for literal in literals for name in patient_names(column, literal))
        return PatientScope(
            named=tuple(named),
            places=tuple(place for place in places if not place.parameter),
            parameters=tuple(place for place in places if place.parameter),
            unlisted=max(0, len(self._places) - MOST_PATIENTS),
            is_bound=is_bound,
            is_elsewhere=is_elsewhere,
            arguments=arguments,
        )


def _argument(node: Tree) -> str | None:
    values = single(node)
    return None if not values or values[0].literal is None else str(values[0].literal)


class Arguments:
    """The arguments of EXECUTE as the parameters of what it runs; a :class:`readonly_guard.domain.Parameters`."""

    def __init__(self, arguments: tuple[str | None, ...]) -> None:
        self._arguments = arguments

    def texts(self, number: int, *, is_array: bool) -> tuple[str, ...] | None:
        """The value of ``$number``, or those of an array's elements."""
        argument = self._arguments[number - 1] if 0 < number <= len(self._arguments) else None
        if argument is None:
            return None
        elements = plain_array(argument) if is_array else [argument]
        return None if elements is None else tuple(elements)

    def type_name(self, number: int) -> str | None:  # noqa: ARG002  as the port has it
        """Not known: PREPARE names the types, or leaves them to the server."""
        return None


# --- texts of a known shape -----------------------------------------------------------------------------------------

_SIGNS: Final = frozenset({"ASCII_45", "ASCII_40"})


def telling_shape(scanned: Scanned, telling_tokens: Iterable[int]) -> str:
    """A shape with the literals in it that information sets rest on."""
    literals = "\0".join([scanned.words[at] for at in telling_tokens])
    return f"{scanned.shape}\0\2{literals}"


def with_own_values(analysis: Analysis, scanned: Scanned) -> Analysis | None:
    """What a text of the same shape was read as, with the patients that this text names.

    None where a value is written in a way that only the grammar can tell: the text must be read by itself.
    """
    named: dict[str, None] = {}
    for place in analysis.patients.places:
        values = _values_at(scanned, place)
        if values is None:
            return None
        for value in values:
            named |= dict.fromkeys(patient_names(place.column, value))
    return msgspec.structs.replace(analysis, patients=msgspec.structs.replace(analysis.patients, named=tuple(named)))


def _values_at(scanned: Scanned, place: PatientPlace) -> list[str | int] | None:
    kinds = scanned.tokens.kinds
    at, sign = place.token, ""
    while kinds[at] in _SIGNS:  # PostgreSQL's grammar makes -7 and -(7) constants
        sign = ("" if sign else "-") if kinds[at] == "ASCII_45" else sign
        at += 1
    written = scanned.words[at]
    if kinds[at] == "ICONST":
        return [int(sign + written)]
    if kinds[at] == "FCONST":
        value = number(sign + written, place.form)
        return None if value is None else [value]
    if written[0] != "'" or "\n" in written or "\r" in written:
        return None  # E'…', $$…$$, U&'…', or continued on another line
    plain = written[1:-1].replace("''", "'")
    return plain_array(plain) if place.form == "array" else [word(plain, place.form)]  # type: ignore[return-value]
