"""What the names in a reading mean in a database: objects to follow, or why nothing can be known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from readonly_guard.catalog.names import SYSTEM_COLUMNS, Names
from readonly_guard.catalog.snapshot import Ref, Type
from readonly_guard.domain import Name, Reading, Reference
from readonly_guard.sql.functions import is_builtin_operator, judge_function

__all__ = ["Fault", "Meaning", "meanings"]


class Fault(NamedTuple):
    """Why something is not a read, by itself: a code and words for people, in names only."""

    code: str
    why: str


class Meaning(NamedTuple):
    """One object that a name may mean, or the fault of the name itself; ``by`` is what stands in the statement."""

    what: Ref | Fault
    by: Reference | Name


def meanings(reading: Reading, names: Names, *, is_deparsed: bool = False) -> Iterator[Meaning]:
    """Everything that the names in a reading can mean, but for what is built in and reads.

    Args:
        reading: a statement that is a read as far as the grammar can tell.
        names: resolves them.
        is_deparsed: whether the text was written out by the server: then what people made is qualified, and known from
            pg_depend; only names without a schema are looked at.
    """
    if not is_deparsed:
        for name in reading.relations:
            yield from _relation(name, names)
    for reference in reading.references:
        if is_deparsed and (
            reference.name.schema not in {None, "pg_catalog"} or reference.kind in {"attribute", "field"}
        ):
            continue
        match reference.kind:
            case "attribute":  # as most are, and few are called as anything is
                if names.called(reference.name.name):
                    yield from _attribute(reference, reading, names)
            case "function" | "overload":
                yield from _function(reference, names)
            case "syntax" if names.is_call(reference.name.name):
                yield from _function(reference, names)
            case "operator":
                yield from _operator(reference, names)
            case "type":
                yield from _type(reference, names)
            case "field":
                yield from _call_of(reference.name.name, reference, names)


def _relation(name: Name, names: Names) -> Iterator[Meaning]:
    found = names.relations(name)
    for one in found:
        if one is not None:
            yield Meaning(Ref("relation", one.oid), name)
    if not found:
        yield Meaning(Fault("RG-F04", f"relation {name}"), name)


def _function(reference: Reference, names: Names) -> Iterator[Meaning]:
    name = reference.name
    candidates = names.functions(name, reference.arguments)
    for one in candidates:
        yield Meaning(Ref("function", one.oid), reference)
    # f(x) can also be a cast to a type of that name (documentation 4.2.9)
    casts = names.types(name) if reference.arguments == 1 else []
    yield from _types(casts, reference, names)
    if reference.kind != "overload" and (verdict := judge_function(name)) is not None and not candidates and not casts:
        yield Meaning(Fault(*verdict), reference)


def _operator(reference: Reference, names: Names) -> Iterator[Meaning]:
    candidates = names.operators(reference.name)
    for one in candidates:
        yield Meaning(Ref("operator", one.oid), reference)
    if not candidates and not is_builtin_operator(reference.name):
        yield Meaning(Fault("RG-F04", f"operator {reference.name}"), reference)


def _type(reference: Reference, names: Names) -> Iterator[Meaning]:
    found = names.types(reference.name)
    yield from _types(found, reference, names)
    if not found:
        yield Meaning(Fault("RG-F04", f"type {reference.name}"), reference)


def _types(types: list[Type | None], reference: Reference, names: Names) -> Iterator[Meaning]:
    for one in types:
        if one is None:
            yield from _casts_to(reference, names)
        else:
            yield Meaning(Ref("type", one.oid), reference)


def _casts_to(reference: Reference, names: Names) -> Iterator[Meaning]:
    """Casts that people have added to a built-in type: which one is meant, the type of what is cast would tell."""
    for cast in names.casts_to(reference.name.name):
        yield Meaning(Ref("cast", cast.oid), reference)


def _attribute(reference: Reference, reading: Reading, names: Names) -> Iterator[Meaning]:
    """``t.f``: a column, or where t has none of that name, a call of f (documentation 8.16.5)."""
    field = reference.name.name
    calls = list(_call_of(field, reference, names))
    if calls and not _is_column(field, reference.name.schema or "", reading, names):
        yield from calls


def _call_of(field: str, reference: Reference, names: Names) -> Iterator[Meaning]:
    """``x.f`` as a call of f."""
    for ref in names.called(field):
        yield Meaning(ref, reference)


def _is_column(field: str, alias: str, reading: Reading, names: Names) -> bool:
    """Whether everything that the alias can stand for is a relation with such a column."""
    relations = [name for known_as, name in reading.aliases if known_as == alias]
    if not relations or any(one.kind == "function" and one.name.name == alias for one in reading.references):
        return False  # a function in FROM goes by its own name
    return all(_has_column(name, field, names) for name in relations)


def _has_column(name: Name, field: str, names: Names) -> bool:
    found = names.relations(name) if name.name else []
    return bool(found) and all(
        one is not None
        and (field in {column for column, _ in one.columns} or (field in SYSTEM_COLUMNS and one.kind != "v"))
        for one in found
    )
