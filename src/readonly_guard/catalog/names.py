"""Which objects a name can mean in a session, as PostgreSQL resolves it (documentation 5.10.3, chapter 10).

A relation or a type is the first of its name on the search path; pg_catalog comes first unless the path says where.
PostgreSQL passes over a schema that the role may not use. Which roles may is not followed, so that behind a schema that
is not open to all roles the next of the name may be meant, too.
A function or an operator is chosen among all of its name on the path by the types of its arguments, which are not
known here: all that can be called with so many arguments are candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, TypeVar

from readonly_guard.catalog.objects import Objects
from readonly_guard.catalog.snapshot import Cast, Function, Operator, Ref, Relation, Type
from readonly_guard.domain import Name
from readonly_guard.sql.bindings import is_system_relation
from readonly_guard.sql.builtins import RELATIONS, TYPES
from readonly_guard.sql.json_syntax import SYNTAX_SINCE

__all__ = ["SYSTEM_COLUMNS", "Context", "Names"]

SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})

_CATALOG: Final = "pg_catalog"
_MOST_REMEMBERED: Final = 10_000
_Object = TypeVar("_Object")


class Context(NamedTuple):
    """A search path as it is set, and the role that ``$user`` stands for."""

    path: tuple[str, ...]
    user: str


class Names:
    """Resolves names in one context."""

    def __init__(self, objects: Objects, context: Context) -> None:
        self._objects = objects
        named = [context.user if schema == "$user" else schema for schema in context.path]
        schemas = tuple(dict.fromkeys(schema for schema in named if schema in objects.schemas))
        self.schemas = schemas if _CATALOG in schemas else (_CATALOG, *schemas)
        """In the order in which they are searched."""
        self._called: dict[str, tuple[Ref, ...]] = {}
        """By field: a text has more columns than anything else, and the next text has the same."""

    def _searched(self, name: Name) -> tuple[str, ...]:
        return self.schemas if name.schema is None else (name.schema,)

    def relations(self, name: Name) -> list[Relation | None]:
        """The relations that may be meant, None for PostgreSQL's own; empty when there is none."""
        found = self._first(name, self._objects.relations, RELATIONS)
        if not found and name.schema in self._objects.schemas and is_system_relation(name):
            return [None]
        return found

    def types(self, name: Name) -> list[Type | None]:
        """The types that may be meant, None for one that is built in; empty when there is none."""
        return self._first(name, self._objects.types, TYPES)

    def _first(
        self, name: Name, made: Mapping[tuple[str, str], _Object], built_in: Mapping[str, Collection[str]]
    ) -> list[_Object | None]:
        found: list[_Object | None] = []
        for schema in self._searched(name):
            if (one := made.get((schema, name.name))) is not None:
                found.append(one)
                if schema in self._objects.open_schemas:
                    break
            elif name.name in built_in.get(schema, ()):
                found.append(None)
                if name.name in self._objects.system_names:
                    break  # else it may be built in of another major only
        return found

    def functions(self, name: Name, arguments: int | None) -> list[Function]:
        """The candidates that people made, for a call with so many arguments; None for any number."""
        return [
            one
            for schema in self._searched(name)
            for one in self._objects.functions.get((schema, name.name), ())
            if arguments is None or _takes(one, arguments)
        ]

    def called(self, field: str) -> tuple[Ref, ...]:
        """What ``x.field`` may run of what people made: a function or, since like f(x) it can be a cast, a type."""
        known = self._called.get(field)
        if known is None:
            name = Name(name=field)
            functions = [Ref("function", one.oid) for one in self.functions(name, 1)]
            types = [Ref("type", one.oid) for one in self.types(name) if one is not None and one.kind != "c"]
            if len(self._called) >= _MOST_REMEMBERED:
                self._called.clear()
            known = self._called[field] = (*functions, *types)
        return known

    def is_call(self, name: str) -> bool:
        """Whether a name that newer majors have made syntax can call a function on this server."""
        return self._objects.major < SYNTAX_SINCE[name]

    def operators(self, name: Name) -> list[Operator]:
        """The candidates that people made."""
        return [one for schema in self._searched(name) for one in self._objects.operators.get((schema, name.name), ())]

    def casts_to(self, type_name: str) -> list[Cast]:
        """The casts that people have added to a built-in type."""
        return self._objects.casts_to.get(type_name, [])


def _takes(function: Function, arguments: int) -> bool:
    least = function.arguments - function.defaults
    if function.is_variadic:
        return arguments >= least - 1
    return least <= arguments <= function.arguments
