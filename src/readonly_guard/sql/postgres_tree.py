"""A statement's tree, walked once and without recursion: every node and field must be allowed.

Names are collected on the way: relations (common table expressions are not relations), functions, operators, types,
settings. What a whole statement is, by its root, is `readonly_guard.sql.postgres_key`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

from readonly_guard.domain import Effect, Name, Reading, Reason, Reference, SettingChange, core_reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.functions import is_builtin_operator, is_builtin_type, judge_function, may_be_attribute_call
from readonly_guard.sql.libpg_query import LibPgQueryError, parse
from readonly_guard.sql.nodes import ALLOWED_NODES, ANY_NODE, LEAVES, SHAPES, SQLVALUE
from readonly_guard.sql.scan import character_positions
from readonly_guard.sql.session_settings import ALLOWED_SETTINGS, judge_setting
from readonly_guard.sql.writes import ROOT_EFFECTS, write_code

__all__ = ["EARLIER", "PostgresReading", "Tree"]

Tree = dict[str, Any]
_Ctes = frozenset[str]
_NO_CTES: Final[_Ctes] = frozenset()
_NOTHING: Final = Name(name="")
_EQUALS: Final = Name(name="=")

EARLIER: Final = frozenset({"execute", "explain_execute", "fetch"})
"""Kinds of reads whose query stands in an earlier statement."""


class PostgresReading:
    """One statement while it is being read; :meth:`reading` and ``reasons`` are the outcome."""

    def __init__(self, rules: ReadingSettings) -> None:
        self.rules = rules
        self.kind = ""
        self.effects: set[Effect] = set()
        self.relations: dict[Name, None] = {}
        self.functions: dict[Name, None] = {}
        self.operators: dict[Name, None] = {}
        self.casts: dict[Name, None] = {}
        self.settings: list[SettingChange] = []
        self.references: dict[tuple[str, Name, int | None], int] = {}
        """What the catalog has to settle, each with the byte offset of its first place, or -1."""
        self.aliases: dict[tuple[str, Name], None] = {}
        self.cte_names: set[str] = set()
        self.reasons: list[Reason] = []
        self.prepares: str | None = None
        self.declares: str | None = None
        self.holds = False
        self.refers: str | None = None
        self.arguments: list[Tree] = []
        self.query: Tree | None = None
        """The query that the statement is, or holds."""
        self.uses = 0
        """How often a relation stands in it."""
        self.columns: set[str] = set()
        """The last parts of the columns' names in it."""
        self.refused: list[tuple[str, Tree]] = []
        """Statements in it that are not reads, or it itself: kind and body."""
        self.has_subqueries = False
        """Whether queries stand in its expressions, not only in FROM and WITH."""
        self.rests_on_literal = False
        self.settings_by_row: dict[int, str] = {}
        """set_config(name, …) calls whose name is pinned by WHERE, by the identity of their node."""

    def reading(self, text: bytes = b"", *, has_patient_predicate: bool = False) -> Reading:
        """The frozen outcome.

        Args:
            text: in which positions are counted, as in `deny`.
            has_patient_predicate: see :class:`readonly_guard.domain.Reading`.
        """
        places = character_positions(text, self.references.values())
        in_order = sorted(self.references.items(), key=itemgetter(1))
        return Reading(
            kind=self.kind,
            effects=frozenset(self.effects),
            relations=tuple(self.relations),
            functions=tuple(self.functions),
            operators=tuple(self.operators),
            casts=tuple(self.casts),
            settings=tuple(self.settings),
            references=tuple(
                [
                    Reference(kind=kind, name=name, arguments=arguments, position=places.get(at))  # type: ignore[arg-type]
                    for (kind, name, arguments), at in in_order
                ]
            ),
            aliases=tuple(self.aliases),
            has_patient_predicate=has_patient_predicate,
            prepares=self.prepares,
            declares=self.declares,
            holds=self.holds,
            refers=self.refers,
        )

    @property
    def holds_for_shape(self) -> bool:
        """Whether the same statement with other literals would be read alike."""
        return self.kind == "select" and not self.settings and not self.rests_on_literal

    def deny(self, code: str, what: str, effect: Effect, node: Tree | None = None) -> None:
        """Note a reason and its effect; ``position`` is a byte offset here and is made characters by the analysis."""
        location = -1 if node is None else int(node.get("location", -1))
        self.effects.add(effect)
        self.reasons.append(core_reason(code, what, position=location if location >= 0 else None))

    def refer(self, kind: str, name: Name, node: Tree, arguments: int | None = None) -> None:
        """Note a name for the catalog to settle."""
        self.references.setdefault((kind, name, arguments), int(node.get("location", -1)))

    def call_it(self, alias: str, relation: Name) -> None:
        """Note what an alias stands for; an empty name is no relation."""
        self.aliases[alias, relation] = None

    def change(self, change: SettingChange, *, by_literal: bool = False) -> None:
        """Note a setting that the statement changes, and judge it; a name that stands in a literal is not repeated."""
        self.settings.append(change)
        reason = judge_setting(change, self.rules)
        if reason is not None:
            what = "set_config of a setting that may not be set so" if by_literal else reason.what
            self.reasons.append(core_reason(reason.code, what))

    def refuse_root(self, kind: str, body: Tree, what: str = "") -> None:
        """Name a statement that is not a read by its codes; the table it is about is recorded, too."""
        self.refused.append((kind, body))
        relation = body.get("relation", {})
        if name := relation.get("relname"):
            self.relations[Name(name=name, schema=relation.get("schemaname"))] = None
        for code, written in write_code(kind, body, self.rules):
            self.deny(code, written + what, ROOT_EFFECTS.get(kind, Effect.UNKNOWN), relation)

    def walk(self, tree: Any, shape: str = ANY_NODE, ctes: _Ctes = _NO_CTES) -> None:
        """Walk an expression or query, whose every node must be allowed."""
        stack: list[tuple[Any, str, _Ctes]] = [(tree, shape, ctes)]
        pop, push = stack.pop, stack.append
        while stack:
            value, kind, visible = pop()
            if type(value) is list:
                for item in value:
                    push((item, kind, visible))
                continue
            if kind == ANY_NODE:
                if not value:
                    continue  # a NIL in a list: plain DISTINCT is [{}]
                ((kind, value),) = value.items()
            step = _STEPS.get(kind)
            if step is None:
                self._refuse(kind, value)
                continue
            visit, fields = step
            if fields is None:
                continue
            if visit is not None:
                below = visit(self, value, visible)
                if below is None:
                    continue
                visible = below
            for field, child in value.items():
                child_shape = fields.get(field)
                if child_shape is SQLVALUE:
                    continue
                if child_shape is None:
                    self.deny("RG-W00", f"an unknown part of {kind}", Effect.UNKNOWN)
                else:
                    push((child, child_shape, visible))

    def _refuse(self, kind: str, node: Tree) -> None:
        if kind in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}:
            self.refuse_root(kind, node)
        elif kind == "IntoClause":
            self.deny("RG-W00", "SELECT INTO creates a table", Effect.SCHEMA, node.get("rel"))
        elif kind == "LockingClause":
            self.deny("RG-W00", "a locking clause (FOR UPDATE, FOR SHARE)", Effect.LOCK)
        else:
            self.deny("RG-W00", kind, Effect.UNKNOWN)


# --- nodes that mean something beyond their parts -----------------------------------------------------------------
# A visit returns the common table expressions visible below, or None when it has walked the node itself.

_Visit = Callable[["PostgresReading", Tree, _Ctes], "_Ctes | None"]


def _words(nodes: list[Tree]) -> list[str]:
    return [node["String"].get("sval", "") if "String" in node else "*" for node in nodes]


def _name(nodes: list[Tree]) -> Name:
    """A name from String nodes; a database prefix is dropped, since PostgreSQL requires it to match."""
    parts = _words(nodes)
    return Name(name=parts[-1], schema=parts[-2] if len(parts) > 1 else None)


def _visit_select(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes | None:
    found.effects.add(Effect.READ)
    _pin_set_config(found, node)
    clause = node.get("withClause")
    if not clause:
        return visible
    ctes = [cte["CommonTableExpr"] for cte in clause.get("ctes", ()) if "CommonTableExpr" in cte]
    names = frozenset(cte.get("ctename", "") for cte in ctes)
    found.cte_names |= names
    inside = visible | names if clause.get("recursive") else visible
    for cte in ctes:
        found.walk({"CommonTableExpr": cte}, ANY_NODE, inside)
        if not clause.get("recursive"):  # without RECURSIVE a query sees those before it, not itself
            inside |= {cte.get("ctename", "")}
    rest = {field: value for field, value in node.items() if field != "withClause"}
    # the clause is walked; what is left goes on with all its names in sight
    found.walk(rest, "SelectStmt", visible | names)
    return None


def _pin_set_config(found: PostgresReading, node: Tree) -> None:
    """``SELECT set_config(name, …) FROM pg_settings WHERE name = '…'``: how pg_dump sets what old servers lack."""
    match node:
        case {
            "targetList": [{"ResTarget": {"val": {"FuncCall": {"args": [{"ColumnRef": column}, *_]} as call}}}],
            "fromClause": [{"RangeVar": {"relname": "pg_settings"} as relation}],
            "whereClause": {
                "A_Expr": {
                    "kind": "AEXPR_OP",
                    "name": [{"String": {"sval": "="}}],
                    "lexpr": {"ColumnRef": compared},
                    "rexpr": {"A_Const": {"sval": {"sval": name}}},
                }
            },
        } if relation.get("schemaname") in (None, "pg_catalog") and _words(column.get("fields", [])) == [
            "name"
        ] == _words(compared.get("fields", [])):
            found.settings_by_row[id(call)] = name
        case _:
            pass


def _visit_relation(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    name, schema = node.get("relname", ""), node.get("schemaname")
    alias = node.get("alias", {})
    known_as = alias.get("aliasname", name)
    if schema is None and name in visible:
        found.call_it(known_as, _NOTHING)
        return visible
    relation = Name(name=name, schema=schema)
    found.relations[relation] = None
    # an alias that renames columns hides which they are
    found.call_it(known_as, _NOTHING if "colnames" in alias else relation)
    found.uses += 1
    return visible


def _visit_nameless(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    if name := node.get("alias", {}).get("aliasname"):  # of a subquery or a function
        found.call_it(name, _NOTHING)
    return visible


def _visit_function(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    name = _name(node.get("funcname", []))
    found.functions[name] = None
    if name.name == "set_config" and name.schema in (None, "pg_catalog"):
        found.refer("overload", name, node, _count(node))
        change = _set_config(node.get("args", []), found.settings_by_row.get(id(node)))
        if change is None:
            found.deny("RG-T06", "set_config with anything but plain constants", Effect.SESSION, node)
        else:
            found.change(change, by_literal=True)
        return visible
    if name.name in {"pg_input_is_valid", "pg_input_error_info"} and _names_builtin_type(node.get("args", [])):
        found.rests_on_literal = True
        found.refer("overload", name, node, _count(node))
        return visible
    if (verdict := judge_function(name)) is not None and verdict[0] != "RG-F01":
        found.deny(*verdict, Effect.WRITE, node)
    else:
        found.refer("function", name, node, _count(node))
    return visible


def _count(node: Tree) -> int | None:
    """How many arguments a call has, None with VARIADIC; those of WITHIN GROUP (ORDER BY …) count."""
    if node.get("func_variadic"):
        return None
    return len(node.get("args", ())) + (len(node.get("agg_order", ())) if node.get("agg_within_group") else 0)


def _set_config(args: list[Tree], by_row: str | None) -> SettingChange | None:
    """The change that a call makes; None where its name, or a value that matters, is no plain constant."""
    match args:
        case [{"A_Const": {"sval": {"sval": str(text)}}}, value, local]:
            name = by_row or text
        case [_, value, local] if by_row is not None:
            name = by_row
        case _:
            return None
    name = name.lower()
    match value:
        case {"A_Const": {"sval": constant}}:
            new = constant.get("sval", "")
        case {"ParamRef": _} | {"FuncCall": _} if name in ALLOWED_SETTINGS:
            new = "?"  # asyncpg binds it; of these settings every value is allowed
        case _:
            return None
    match local:
        case {"A_Const": {"boolval": flag}}:
            scope = "local" if flag.get("boolval") else "session"
        case _:
            return None
    return SettingChange(name=name, value=new, scope=scope)


_TYPE_TEXT: Final = re.compile(r"[a-z_][a-z0-9_]*(?: [a-z]+)*(?:\([0-9]+(?:,[0-9]+)?\))?(?:\[\])*")


def _names_builtin_type(args: list[Tree]) -> bool:
    """Whether the second argument is a constant that names a built-in type, whose input function is harmless."""
    match args:
        case [_, {"A_Const": {"sval": {"sval": str(text)}}}] if _TYPE_TEXT.fullmatch(text):
            pass
        case _:
            return False
    try:
        match parse(f"SELECT NULL::{text}".encode()):
            case [{"stmt": {"SelectStmt": {"targetList": [{"ResTarget": {"val": {"TypeCast": cast}}}]}}}]:
                return is_builtin_type(_name(cast["typeName"]["names"]))
    except LibPgQueryError:
        pass
    return False


def _visit_type(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    names = node.get("names", [])
    if not names:
        return visible
    name = _name(names)
    found.casts[name] = None
    found.refer("type", name, node)
    return visible


def _visit_expression(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    if "BETWEEN" in node.get("kind", ""):
        for comparison in ("<", "<=", ">", ">="):  # its name is the word; it stands for two of these
            found.refer("operator", Name(name=comparison), node)
        return visible
    _operator(found, node.get("name", []), node)
    return visible


def _visit_case(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    if "arg" in node:  # CASE x WHEN y looks = up by its name
        found.refer("operator", _EQUALS, node)
    return visible


def _visit_join(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    if "usingClause" in node or node.get("isNatural"):  # as CASE does
        found.refer("operator", _EQUALS, node)
    for kind in ("alias", "join_using_alias"):
        if name := node.get(kind, {}).get("aliasname"):
            found.call_it(name, _NOTHING)
    return visible


def _operator(found: PostgresReading, names: list[Tree], node: Tree) -> None:
    if not names:
        return
    name = _name(names)
    found.refer("operator", name, node)
    if name.schema is not None or not is_builtin_operator(name):
        found.operators[name] = None


def _visit_sublink(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    found.has_subqueries = True
    # IN (SELECT …) has no name
    _operator(found, node.get("operName", [{"String": {"sval": "="}}]), node)
    return visible


def _visit_sort(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    _operator(found, node.get("useOp", []), node)
    return visible


def _visit_column(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    # t.f calls f(t) where t has no column f (documentation 8.16.5), with no FuncCall in the tree; of the built-in
    # functions only those that are reads may be meant, those of one's own the catalog alone could name
    fields = node.get("fields", [{}])
    field = fields[-1].get("String", {}).get("sval", "")
    found.columns.add(field)
    if len(fields) > 1 and field:
        if may_be_attribute_call(field):
            found.deny("RG-F02", f"attribute {field} may call the function of that name", Effect.WRITE, node)
        else:
            found.refer("attribute", Name(name=field, schema=fields[-2].get("String", {}).get("sval", "")), node)
    return visible


def _visit_indirection(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    for step in node.get("indirection", ()):
        field = step.get("String", {}).get("sval")
        if field is not None:
            # (x).f is a field or, where x has none of that name, a call of f
            if may_be_attribute_call(field):
                found.deny("RG-F02", f"field {field} may call the function of that name", Effect.WRITE, node)
            else:
                found.refer("field", Name(name=field), node)
    return visible


def _visit_sample(found: PostgresReading, node: Tree, visible: _Ctes) -> _Ctes:
    method = _name(node.get("method", []))
    if method.schema not in (None, "pg_catalog") or method.name not in {"system", "bernoulli"}:
        found.deny("RG-F01", f"sampling method {method}", Effect.UNKNOWN, node)
    return visible


_VISITS: Final[dict[str, _Visit]] = {
    "SelectStmt": _visit_select,
    "RangeVar": _visit_relation,
    "FuncCall": _visit_function,
    "TypeName": _visit_type,
    "A_Expr": _visit_expression,
    "SubLink": _visit_sublink,
    "SortBy": _visit_sort,
    "ColumnRef": _visit_column,
    "A_Indirection": _visit_indirection,
    "RangeTableSample": _visit_sample,
    "RangeSubselect": _visit_nameless,
    "RangeFunction": _visit_nameless,
    "RangeTableFunc": _visit_nameless,
    "JsonTable": _visit_nameless,
    "JoinExpr": _visit_join,
    "CaseExpr": _visit_case,
}

_STEPS: Final[dict[str, tuple[_Visit | None, dict[str, str] | None]]] = {
    kind: (_VISITS.get(kind), None if kind in LEAVES else SHAPES[kind]) for kind in ALLOWED_NODES
}
"""What the walk does at an allowed node: visit it, then go on to its fields, if it has any that could be refused."""
