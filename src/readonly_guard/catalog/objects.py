"""A snapshot's objects, found by oid and by name, and what they are called for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, TypeVar

from readonly_guard.catalog.snapshot import (
    Cast,
    Function,
    Operator,
    OperatorClass,
    Ref,
    Relation,
    Snapshot,
    Type,
)

__all__ = ["RELATION_WORDS", "AnyObject", "Objects"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

AnyObject = Relation | Function | Operator | Type | Cast | OperatorClass


RELATION_WORDS: Final = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialised view",
    "f": "foreign table",
    "S": "sequence",
    "c": "composite type",
}
"""What the kinds of relations are called."""


class Objects:
    """Looks things up in a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.major = snapshot.server_version // 10_000
        self.schemas = frozenset(snapshot.schemas)
        self.open_schemas = frozenset(snapshot.open_schemas) | {"pg_catalog"}
        self.system_names = frozenset(snapshot.system_names)
        self.versions = {extension.name: extension.version for extension in snapshot.extensions}
        self.by_ref: dict[Ref, AnyObject] = {}
        self._put("relation", snapshot.relations)
        self._put("function", snapshot.functions)
        self._put("operator", snapshot.operators)
        self._put("type", snapshot.types)
        self._put("cast", snapshot.casts)
        self._put("operator class", snapshot.operator_classes)
        # a composite type is in pg_class, too, but nothing can be read from it
        self.relations = {(one.schema, one.name): one for one in snapshot.relations if one.kind != "c"}
        self.types = {(one.schema, one.name): one for one in snapshot.types}
        self.functions: dict[tuple[str, str], list[Function]] = _grouped(
            ((one.schema, one.name), one) for one in snapshot.functions
        )
        self.operators: dict[tuple[str, str], list[Operator]] = _grouped(
            ((one.schema, one.name), one) for one in snapshot.operators
        )
        self.casts_of: dict[int, list[Cast]] = _grouped(
            (oid, one) for one in snapshot.casts for oid in {one.source, one.target}
        )
        self.casts_to: dict[str, list[Cast]] = _grouped(
            (one.target_name, one) for one in snapshot.casts if Ref("type", one.source) not in self.by_ref
        )
        """Between built-in types; a cast from a type that people made comes with that type."""
        self.made_of: dict[int, list[int]] = _grouped(
            (part, one.oid) for one in snapshot.types if one.kind in {"b", "m"} for part in one.parts
        )
        """The array of a type, the multirange of a range: a function can make one though no name says so."""
        self.classes_of: dict[int, list[OperatorClass]] = _grouped(
            (one.type, one) for one in snapshot.operator_classes if one.is_default
        )

    def _put(self, kind: str, objects: Iterable[AnyObject]) -> None:
        for one in objects:
            self.by_ref[Ref(kind, one.oid)] = one  # type: ignore[arg-type]

    def title(self, ref: Ref) -> str:
        """What an object is, for people: ``function public.f(integer)``."""
        match self.by_ref.get(ref):
            case Relation() as one:
                return f"{RELATION_WORDS.get(one.kind, 'relation')} {one.schema}.{one.name}"
            case Function() as one:
                return f"function {one.schema}.{one.name}({one.signature})"
            case Operator() as one:
                return f"operator {one.schema}.{one.name} ({one.operands})"
            case Type() as one:
                return f"{'domain' if one.kind == 'd' else 'type'} {one.schema}.{one.name}"
            case Cast() | OperatorClass() as one:
                return f"{ref.kind} {one.title}"
            case _:
                return f"{ref.kind} {ref.oid}"

    @property
    def silent_casts(self) -> list[Cast]:
        """Casts between built-in types that PostgreSQL applies unasked: any statement may run them.

        Those of an assignment, too: what a function assigns to a variable or returns is cast by them.
        """
        return [
            one
            for one in self.snapshot.casts
            if one.context != "e"
            and Ref("type", one.source) not in self.by_ref
            and Ref("type", one.target) not in self.by_ref
        ]


def _grouped(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, list[_Value]]:
    groups: defaultdict[_Key, list[_Value]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)
