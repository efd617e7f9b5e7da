"""Equalities in PostgreSQL's tree, taken apart: which columns, which constants. Nothing here knows what names mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from readonly_guard.sql.equalities import Value

__all__ = [
    "EQUALITIES",
    "VALUES",
    "Tree",
    "cast_type",
    "column_fields",
    "expands",
    "is_equals",
    "is_in",
    "number",
    "pairs",
    "plain_array",
    "rests_on_form",
    "single",
    "strings",
    "tells_apart",
    "word",
]

Tree = dict[str, Any]

EQUALITIES: Final = frozenset({"AEXPR_OP", "AEXPR_IN", "AEXPR_OP_ANY"})
# casts that never make two values one; a length (varchar(1)) would
_KEEPING: Final = frozenset({"text", "varchar"})
# casts of a constant that leave the value a column of the type would have
_PLAIN: Final = frozenset({"int2", "int4", "int8", "numeric", "text", "varchar", "uuid"})
_APART: Final = _PLAIN | {"bpchar"}
_WHOLE: Final = frozenset({"int2", "int4", "int8"})
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,20}\Z")
_MOST_DIGITS: Final = 20  # int8 has 19
_PLAIN_ARRAY: Final = re.compile(r'\{([^"\\{}]*)\}\Z')


def strings(nodes: Any) -> list[str]:
    """The texts of String nodes, others left out."""
    return [node["String"].get("sval", "") for node in nodes or () if "String" in node]


def is_equals(name: list[Tree]) -> bool:
    """Whether an operator is PostgreSQL's ``=``."""
    return strings(name) in (["="], ["pg_catalog", "="])


def expands(node: Tree) -> bool:
    """Whether an element of a row, or an output, stands for several: ``t.*``, ``(x).*``.

    PostgreSQL writes them out first (documentation 4.2.13, "Row Constructors"): what stands behind one is at another
    place than it seems.
    """
    fields: Sequence[Tree] = node.get("ColumnRef", {}).get("fields") or node.get("A_Indirection", {}).get(
        "indirection", []
    )
    return bool(fields) and "A_Star" in fields[-1]


def is_in(body: Tree) -> bool:
    """Whether a SubLink of kind ANY is ``IN`` or ``= ANY``."""
    return "operName" not in body or is_equals(body["operName"])


def column_fields(node: Tree) -> list[Tree] | None:
    """The fields of a plain column, or of one under a cast that tells different values apart."""
    cast = node.get("TypeCast")
    if cast is not None and cast_type(cast) in _KEEPING:
        node = cast.get("arg", {})
    reference = node.get("ColumnRef")
    return None if reference is None else reference.get("fields", [])


def cast_type(cast: Tree, *, array: bool = False) -> str:
    """The name of a cast's built-in type without length or precision; empty for any other."""
    kind = cast.get("typeName", {})
    return "" if "typmods" in kind else _built_in(kind, array=array)


def tells_apart(kind: Tree, *, array: bool) -> bool:
    """Whether a type that PREPARE names keeps two values apart that a patient key does; a length says nothing there."""
    return _built_in(kind, array=array) in _APART


def _built_in(kind: Tree, *, array: bool) -> str:
    names = strings(kind.get("names"))
    if bool(kind.get("arrayBounds")) is not array or names[:-1] not in ([], ["pg_catalog"]):
        return ""
    return names[-1] if names else ""


def pairs(body: Tree) -> list[tuple[Any, str, Any]]:
    """The equalities of single values in ``=``, ``IN`` or ``= ANY``, rows taken apart; what is no row as it stands."""
    left, right = body.get("lexpr", {}), body.get("rexpr", {})
    match body["kind"]:
        case "AEXPR_OP_ANY":
            return [(left, "any", right)]
        case "AEXPR_IN":
            items = right.get("List", {}).get("items", [])
            if "RowExpr" not in left:
                return [(left, "=", items[0])] if len(items) == 1 else [(left, "in", items)]
            columns = _elements(left)
            rows = [_elements(item) for item in items]
            if not columns or any(len(row) != len(columns) for row in rows):
                return [(left, "in", items)]
            return [(column, "in", [row[at] for row in rows]) for at, column in enumerate(columns)]
        case _:
            rows = [_elements(side) for side in (left, right)]
            if rows[0] and len(rows[0]) == len(rows[1]):
                return [(one, "=", other) for one, other in zip(*rows, strict=True)]
            return [(left, "=", right)]


def _elements(row: Tree) -> Sequence[Tree]:
    """The elements of a row as it stands; none where it is no row, or where they are more than they seem."""
    elements: Sequence[Tree] = row.get("RowExpr", {}).get("args", ())
    return () if any(map(expands, elements)) else elements


def single(node: Any) -> list[Value]:
    """The constant that a node is, if it is one."""
    value = _constant(node, "=")
    return [] if value is None else [value]


def _listed(nodes: Any) -> list[Value]:
    values = []
    for node in nodes:
        if (value := _constant(node, "in")) is None:
            return []
        values.append(value)
    return values


def _array(node: Tree) -> list[Value]:
    if "A_ArrayExpr" in node:
        return [value._replace(operator="any") for value in _listed(node["A_ArrayExpr"].get("elements", ()))]
    cast = node.get("TypeCast")
    if cast is not None:
        if cast_type(cast, array=True) not in _PLAIN:
            return []
        arg = cast.get("arg", {})
        if "A_ArrayExpr" in arg:
            return _array(arg)
        node = arg
    if "ParamRef" in node:
        return [Value("any", None, node["ParamRef"].get("number", 0), form="array")]
    constant = node.get("A_Const", {})
    words = plain_array(constant.get("sval", {}).get("sval", ""))
    return [Value("any", word, 0, constant.get("location", 0), "array") for word in words or ()]


def plain_array(literal: str) -> list[str] | None:
    """The elements of an array written as text, NULL left out; None unless it is flat and has no quotes in it."""
    found = _PLAIN_ARRAY.match(literal)
    if found is None:
        return None
    return [word.strip() for word in found[1].split(",") if word.strip() and word.strip() != "NULL"]


VALUES: Final[dict[str, Callable[[Any], list[Value]]]] = {"=": single, "in": _listed, "any": _array}


def _constant(node: Any, operator: Literal["=", "in", "any"]) -> Value | None:
    """A literal or parameter, bare or under a cast that leaves its value; None for anything else, NULL among it."""
    if type(node) is not dict:
        return None
    kind = "numeric"
    form: Literal["plain", "whole"] = "plain"
    if (cast := node.get("TypeCast")) is not None:
        kind = cast_type(cast)
        if kind not in _PLAIN:
            return None
        form = "whole" if kind in _WHOLE else "plain"
        node = cast.get("arg", {})
    if "ParamRef" in node:
        return Value(operator, None, node["ParamRef"].get("number", 0))
    constant = node.get("A_Const", {})
    literal: str | int | None = None
    if "ival" in constant:
        literal = constant["ival"].get("ival", 0)
    elif "fval" in constant and (form == "whole" or kind == "numeric"):  # 7.0::text is not 7
        literal = number(constant["fval"].get("fval", ""), form)
    elif "sval" in constant:
        literal = word(constant["sval"].get("sval", ""), form)
    return None if literal is None else Value(operator, literal, 0, constant.get("location", 0), form)


def number(written: str, form: str) -> str | int | None:
    """The value of a number that is not a plain integer; None where a cast would round it to another: 7.6::int8 is 8.

    7.0 is 7, whatever the column's type makes of how it is written.
    """
    if _WHOLE_NUMBER.match(written):
        return int(written)
    try:
        value = Decimal(written)
        if value.adjusted() < _MOST_DIGITS and value == value.to_integral_value():
            return int(value)
    except InvalidOperation:
        pass  # of more digits than anything has
    return None if form == "whole" else written


def word(written: str, form: str) -> str | int:
    """The value of a string: as written, except where a cast makes it a whole number."""
    return int(written) if form == "whole" and _WHOLE_NUMBER.match(written) else written


def rests_on_form(operator: str, node: Any) -> bool:
    """Whether another literal in this place could be a value, or none, by how it is written."""
    if operator == "any":
        if "TypeCast" in node:
            node = node["TypeCast"].get("arg", {})
        if "A_ArrayExpr" not in node:
            return "sval" in node.get("A_Const", ())
        node = node["A_ArrayExpr"].get("elements", ())
    for one in (node,) if type(node) is dict else node or ():
        cast = one.get("TypeCast")
        if cast is not None and "fval" in cast.get("arg", {}).get("A_Const", ()):
            return True
    return False
