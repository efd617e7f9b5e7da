"""A database's catalog as values: what decides what reading an object runs, and nothing else.

Only objects that people made are here (oid 16384 and up, FirstNormalObjectId); what ships with PostgreSQL is known to
`readonly_guard.sql.builtins`. A snapshot holds definitions and no rows. It is written as JSON, so that a guard without
credentials of its own can be given one.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, NamedTuple

import msgspec

from readonly_guard.errors import ConfigurationError

__all__ = [
    "Cast",
    "Expression",
    "Extension",
    "Function",
    "Kind",
    "Operator",
    "OperatorClass",
    "Parameter",
    "Ref",
    "Relation",
    "RoleSetting",
    "Snapshot",
    "Type",
    "decode",
    "encode",
]

Kind = Literal["relation", "function", "operator", "type", "cast", "operator class"]


class Ref(NamedTuple):
    """An object of the snapshot."""

    kind: Kind
    oid: int


class _Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class Expression(_Value, frozen=True, kw_only=True):
    """Something that runs when an object is read.

    Args:
        what: what it is, for people: ``view definition``, ``policy own_unit``, ``index person_idx``.
        text: its SQL as the server writes it out with nothing but pg_catalog on the search path; empty where only
            ``uses`` matters.
        is_query: whether the text is a query; else it is a list of expressions.
        uses: the objects in it, as pg_depend has them.
    """

    what: str
    text: str = ""
    is_query: bool = False
    uses: tuple[Ref, ...] = ()


class Relation(_Value, frozen=True, kw_only=True):
    """A table, view, materialised view, foreign table, sequence or composite type.

    ``kind`` is pg_class.relkind. ``columns`` are names with the oids of their types; ``children`` the oids of
    partitions and inheriting tables, which a read of it reads, too.
    """

    oid: int
    schema: str
    name: str
    kind: str
    columns: tuple[tuple[str, int], ...] = ()
    children: tuple[int, ...] = ()
    runs: tuple[Expression, ...] = ()


class Parameter(_Value, frozen=True, kw_only=True):
    """A parameter of a PL/pgSQL function. ``mode`` is pg_proc.proargmodes'; an empty ``type`` is one of one's own."""

    mode: str = "i"
    name: str = ""
    type: str = ""


class Function(_Value, frozen=True, kw_only=True):
    """A function, aggregate, window function or procedure (pg_proc).

    Args:
        oid: its own.
        schema: where it is.
        name: its name.
        signature: its arguments' types, for people.
        kind: pg_proc.prokind.
        language: by name.
        volatility: ``i``, ``s`` or ``v``.
        arguments: how many it takes.
        defaults: how many of them have a default.
        is_variadic: whether the last takes any number.
        argument_types: oids.
        returns: the oid of its result's type.
        owner: whose rights it has when ``is_definer``.
        is_definer: SECURITY DEFINER.
        settings: its SET clauses, ``name=value``.
        body: SQL, PL/pgSQL, or the C name of an internal one; empty where it cannot be read.
        is_qualified: whether the names in the body were resolved when it was made (BEGIN ATOMIC).
        parameters: a PL/pgSQL function's, those of its result among them.
        result: its type, as in RETURNS; no name where it is one of one's own.
        default_values: expressions that stand for arguments that are left out.
        calls: built-in functions that it runs without saying so in a body (an aggregate's steps).
        uses: objects that it depends on.
        extension: the name of the extension that it belongs to.
    """

    oid: int
    schema: str
    name: str
    signature: str = ""
    kind: str = "f"
    language: str = "sql"
    volatility: str = "v"
    arguments: int = 0
    defaults: int = 0
    is_variadic: bool = False
    argument_types: tuple[int, ...] = ()
    returns: int = 0
    owner: str = ""
    is_definer: bool = False
    settings: tuple[str, ...] = ()
    body: str = ""
    is_qualified: bool = False
    parameters: tuple[Parameter, ...] = ()
    result: str = ""
    default_values: str = ""
    calls: tuple[str, ...] = ()
    uses: tuple[Ref, ...] = ()
    extension: str = ""


class Operator(_Value, frozen=True, kw_only=True):
    """An operator. ``calls`` names the built-in functions behind it, ``uses`` those that people made."""

    oid: int
    schema: str
    name: str
    operands: str = ""
    calls: tuple[str, ...] = ()
    uses: tuple[Ref, ...] = ()


class Type(_Value, frozen=True, kw_only=True):
    """A type.

    ``kind`` is pg_type.typtype. ``parts`` are the oids of the types that it is made of: a domain's base, an array's
    element, a composite's attributes, a range's subtype.
    """

    oid: int
    schema: str
    name: str
    kind: str = "b"
    parts: tuple[int, ...] = ()
    runs: tuple[Expression, ...] = ()
    uses: tuple[Ref, ...] = ()


class Cast(_Value, frozen=True, kw_only=True):
    """A cast. ``context`` is pg_cast.castcontext: ``e``, ``a`` or ``i``; ``title`` is for people."""

    oid: int
    source: int
    target: int
    target_name: str
    context: str
    title: str
    calls: tuple[str, ...] = ()
    uses: tuple[Ref, ...] = ()


class OperatorClass(_Value, frozen=True, kw_only=True):
    """An operator class: how an index, a sort or a comparison handles a type. ``type`` is the oid of that type.

    ``calls`` names the built-in functions in its family, ``uses`` those that people made.
    """

    oid: int
    title: str
    type: int
    is_default: bool
    calls: tuple[str, ...] = ()
    uses: tuple[Ref, ...] = ()


class Extension(_Value, frozen=True, kw_only=True):
    """An installed extension."""

    name: str
    version: str


class RoleSetting(_Value, frozen=True, kw_only=True):
    """What ALTER ROLE or ALTER DATABASE sets a setting to; an empty role is every role."""

    role: str
    of_database: bool
    value: str


class Snapshot(_Value, frozen=True, kw_only=True):
    """A catalog at one moment.

    ``search_path`` is the server's own, ``search_paths`` what roles and databases set instead; ``session_roles`` are
    the roles that sessions of others begin as. ``open_schemas`` are those that every role may use. ``system_names`` are
    the names that people gave to relations and types and that this server's pg_catalog has, too: it lacks what is built
    in only since a later major. ``internals`` are the built-in functions by the C names that functions of language
    internal here stand for. ``login_triggers`` run when a session begins, before the guard can see anything.
    """

    format: int = 1
    server_version: int = 0
    database: str = ""
    taken_at: str = ""
    search_path: str = '"$user", public'
    search_paths: tuple[RoleSetting, ...] = ()
    session_roles: tuple[RoleSetting, ...] = ()
    schemas: tuple[str, ...] = ()
    open_schemas: tuple[str, ...] = ()
    system_names: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()
    relations: tuple[Relation, ...] = ()
    functions: tuple[Function, ...] = ()
    operators: tuple[Operator, ...] = ()
    types: tuple[Type, ...] = ()
    casts: tuple[Cast, ...] = ()
    operator_classes: tuple[OperatorClass, ...] = ()
    internals: dict[str, tuple[str, ...]] = {}
    login_triggers: tuple[str, ...] = ()
    fingerprint: str = ""
    """What `readonly_guard.catalog.capture.fingerprint` said of the server then."""

    @property
    def columns(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Schema → relation → columns, for :meth:`readonly_guard.Analyzer.lineage`."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for one in self.relations:
            found.setdefault(one.schema, {})[one.name] = tuple(name for name, _ in one.columns)
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of everything but when it was taken: equal for equal catalogs."""
        content = msgspec.structs.replace(self, taken_at="", fingerprint="")
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


_FORMAT: Final = 1


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot as a JSON document, an object a line where there are many, so that two can be compared."""
    return msgspec.json.format(msgspec.json.encode(snapshot), indent=1) + b"\n"


def decode(document: bytes, name: str = "the catalog") -> Snapshot:
    """A snapshot from its JSON document.

    Raises:
        ConfigurationError: it is not one, or of another format.
    """
    try:
        snapshot = msgspec.json.decode(document, type=Snapshot)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ConfigurationError(
            f"{name} is not a catalog snapshot ({error}); make one with `readonly-guard catalog snapshot`"
        ) from None
    if snapshot.format != _FORMAT:
        raise ConfigurationError(
            f"{name} has format {snapshot.format}, this version reads {_FORMAT}; take a new snapshot"
        )
    return snapshot
