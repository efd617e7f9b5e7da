"""What a condition says of when rows were created: comparisons of a column of creation with a constant.

What is not understood bounds nothing: NOT, a function, a type whose comparison goes by the session's TimeZone, BETWEEN
SYMMETRIC, rows, subqueries. Under OR every branch must bound a column, and the weakest of them counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, Final, NamedTuple, cast

from msgspec.structs import replace

from readonly_guard.domain import (
    CreatedType,
    CreationParameter,
    CreationScope,
    CreationSpan,
    TimeComparison,
    creation_span,
)
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.comparisons import Tree, cast_type, is_equals, strings
from readonly_guard.sql.equalities import Column, Item, created_within
from readonly_guard.sql.scan import Scanned

__all__ = ["CreationConditions", "creation_scope"]

_Spans = dict[Column, CreationSpan]

_MIRRORED: Final[dict[str, TimeComparison]] = {"<": ">", "<=": ">=", "=": "=", ">=": "<=", ">": "<"}
_KEPT: Final[dict[tuple[str, str], CreatedType]] = {
    ("timestamptz", "timestamptz"): "timestamptz",
    ("timestamp", "timestamp"): "timestamp",
    ("timestamp", "date"): "date",
    ("date", "date"): "date",
}
"""What a cast makes of a column's type; any other goes by the session's TimeZone."""


class _Constant(NamedTuple):
    """A literal, or ``$number``, with the type of the cast around it."""

    literal: str
    number: int
    cast: CreatedType | None


class CreationConditions:
    """Reads the conditions of one query and those in it.

    Args:
        rules: which columns say when a row was created.
    """

    def __init__(self, rules: ReadingSettings) -> None:
        self._types = rules.created_keys
        self._zone = rules.created_zone
        self.literals: list[int] = []
        """Where the literals stand that columns of creation are compared with, in bytes of the text."""

    def spans(self, condition: Tree, resolve: Callable[[list[Tree]], Column | None]) -> _Spans:
        """What is sure of columns of creation where a condition is true.

        Args:
            condition: of WHERE or ON.
            resolve: says what the fields of a ColumnRef mean there.
        """
        ((kind, body),) = condition.items()
        if kind == "A_Expr":
            return self._comparison(body, resolve)
        if kind == "BoolExpr" and body.get("boolop") in {"AND_EXPR", "OR_EXPR"}:
            # of all of them, so that the same literals are found whatever they hold
            parts = [self.spans(part, resolve) for part in body.get("args", ())]
            return _all(parts) if body["boolop"] == "AND_EXPR" else reduce(_either, parts)
        return {}

    def _comparison(self, body: Tree, resolve: Callable[[list[Tree]], Column | None]) -> _Spans:
        left, right = body.get("lexpr", {}), body.get("rexpr", {})
        match body.get("kind"):
            case "AEXPR_OP":
                operator = _operator(body.get("name", []))
                if operator is None:
                    return {}
                return self._bound(left, operator, right, resolve) or self._bound(
                    right, _MIRRORED[operator], left, resolve
                )
            case "AEXPR_BETWEEN":
                least, most = right["List"]["items"]
                return _all([self._bound(left, ">=", least, resolve), self._bound(left, "<=", most, resolve)])
            case "AEXPR_IN" if is_equals(body.get("name", [])):
                return reduce(_either, [self._bound(left, "=", item, resolve) for item in right["List"]["items"]])
            case _:
                return {}

    def _bound(
        self, one: Any, operator: TimeComparison, other: Any, resolve: Callable[[list[Tree]], Column | None]
    ) -> _Spans:
        """What ``one operator other`` says, if one is a column of creation and the other a constant."""
        found = self._column(one, resolve)
        constant = None if found is None else self._constant(other)
        if found is None or constant is None:
            return {}
        column, kind = found
        if constant.number:
            place = CreationParameter(number=constant.number, operator=operator, column=kind, cast=constant.cast)
            return {column: CreationSpan(parameters=(place,))}
        span = creation_span(
            operator, constant.literal, column=kind, constant=constant.cast or kind, zone=self._zone
        )  # a bare literal is read as the column's type
        return {} if span is None else {column: span}

    def _column(self, node: Any, resolve: Callable[[list[Tree]], Column | None]) -> tuple[Column, CreatedType] | None:
        """A column of creation, bare or under a cast, and the type that it is compared as."""
        if type(node) is not dict:
            return None
        outer = node.get("TypeCast")
        fields = (node if outer is None else outer.get("arg", {})).get("ColumnRef", {}).get("fields", [])
        kind: str | None = self._types.get(next(iter(strings(fields[-1:])), ""))
        if kind is not None and outer is not None:
            kind = _KEPT.get((kind, cast_type(outer)))
        column = None if kind is None else resolve(fields)
        return None if column is None else (column, cast("CreatedType", kind))

    def _constant(self, node: Any) -> _Constant | None:
        kind = None
        if (outer := node.get("TypeCast")) is not None:
            kind = cast_type(outer)
            if kind not in {"timestamptz", "timestamp", "date"}:
                return None
            node = outer.get("arg", {})
        if "ParamRef" in node:
            return _Constant("", node["ParamRef"].get("number", 0), cast("CreatedType | None", kind))
        constant = node.get("A_Const", {})
        if "sval" not in constant:
            return None
        self.literals.append(constant.get("location", 0))
        return _Constant(constant["sval"].get("sval", ""), 0, cast("CreatedType | None", kind))


def creation_scope(uses: Sequence[Item], rules: ReadingSettings, text: Scanned | None) -> CreationScope | None:
    """What is sure of when the rows of all these uses of relations were created; None where nothing bounds one.

    Args:
        uses: as `readonly_guard.sql.bindings.find_uses` gives them.
        rules: which columns say when a row was created.
        text: where the parameters stand; None where something else may tell their types.
    """
    spans: dict[CreationSpan, None] = {}
    counts: Counter[int] | None = None
    for use in uses:
        span = created_within(use, rules.created_keys)
        if span == CreationSpan():
            return None
        if span.parameters:
            counts = Counter(() if text is None else text.parameters()) if counts is None else counts
            places = [replace(place, is_sole=counts[place.number] == 1) for place in span.parameters]
            span = replace(span, parameters=tuple(places))
        spans[span] = None
    return CreationScope(spans=tuple(spans), zone=rules.created_zone) if spans else None


def _operator(name: list[Tree]) -> TimeComparison | None:
    """A comparison of PostgreSQL's own."""
    match strings(name):
        case [sign] | ["pg_catalog", sign] if sign in _MIRRORED:
            return cast("TimeComparison", sign)
        case _:
            return None


def _all(parts: Iterable[_Spans]) -> _Spans:
    found: _Spans = {}
    for part in parts:
        for column, span in part.items():
            found[column] = span.both(found.get(column, CreationSpan()))
    return found


def _either(one: _Spans, other: _Spans) -> _Spans:
    return {column: span.either(other[column]) for column, span in one.items() if column in other}
