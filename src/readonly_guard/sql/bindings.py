"""PostgreSQL's tree of a query, read into items and equalities: is every relation in it pinned to named patients?

Names are resolved as PostgreSQL resolves them (innermost scope first; what ON, LATERAL and a subquery see), and where
that cannot be told, the column is nobody's. So a binding that is found is one; one that is there may be missed:

* only a conjunction binds: nothing under OR, NOT, CASE or a function is looked at;
* every relation must be bound in the query that reads it: a predicate around a subquery does not reach into it;
* without a catalog, a NATURAL join joins nothing, and an unqualified column belongs to a relation only where it can
  belong to no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from readonly_guard.domain import SYSTEM_SCHEMAS, Name
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.builtins import RELATIONS, REVEALING_RELATIONS
from readonly_guard.sql.comparisons import (
    EQUALITIES,
    VALUES,
    Tree,
    column_fields,
    expands,
    is_equals,
    is_in,
    pairs,
    rests_on_form,
    single,
    strings,
)
from readonly_guard.sql.creation import CreationConditions
from readonly_guard.sql.equalities import UNKNOWN, Column, Frame, Item, Outputs, Star, Value, comes_from, solve
from readonly_guard.sql.names import Level, names_in, resolve

__all__ = ["Catalog", "Uses", "find_uses", "is_bound", "is_reference", "is_system_relation"]

Catalog = Mapping[str, Mapping[str, Collection[str]]]
"""Schema → relation → the names of its columns."""


def is_system_relation(name: Name) -> bool:
    """Whether a relation can only be the server's own, and holds nothing that people put in."""
    if name.name in REVEALING_RELATIONS and name.schema in {None, "pg_catalog"}:
        return False
    # an unqualified name of pg_catalog's means pg_catalog's, which always comes first on the search path
    return name.schema in SYSTEM_SCHEMAS or (name.schema is None and name.name in RELATIONS["pg_catalog"])


def is_reference(name: Name, rules: ReadingSettings) -> bool:
    """Whether a relation holds nothing about patients."""
    return name.name in rules.reference_tables or is_system_relation(name)


class Uses(NamedTuple):
    """The uses of relations in a query, in the order of the text, settled.

    ``rests_on_form``: what they are pinned to could be otherwise where a literal were written in another way.
    ``created_literals``: where the literals stand that columns of creation are compared with, in bytes of the text.
    ``compared``: how often each parameter is compared with a patient key.
    """

    items: list[Item]
    rests_on_form: bool
    created_literals: Sequence[int] = ()
    compared: Mapping[int, int] = MappingProxyType({})


def find_uses(
    query: Tree,
    rules: ReadingSettings,
    catalog: Catalog | None = None,
    *,
    has_subqueries: bool = True,
    has_created_key: bool = False,
) -> Uses | None:
    """Every use of a relation in a query, settled.

    Args:
        query: the body of a SelectStmt whose every node is allowed (`readonly_guard.sql.postgres_key`).
        rules: patient keys and reference tables.
        catalog: the columns of relations, where they are known.
        has_subqueries: False spares the search for queries in expressions.
        has_created_key: whether to look for what bounds the time of creation.

    Returns:
        None when the query cannot be told (too deep).
    """
    creation = CreationConditions(rules) if has_created_key else None
    walker = _Walker(rules, catalog, creation, has_subqueries=has_subqueries)
    try:
        walker.query(query, None, {}, wanted=False)
    except RecursionError:
        return None
    solve(walker.uses, rules.patient_keys)
    return Uses(walker.uses, walker.rests_on_form, () if creation is None else creation.literals, walker.compared)


def is_bound(uses: Iterable[Item] | None, count: int) -> bool:
    """Whether patients are named, and nothing but what is theirs is read.

    Args:
        uses: as `find_uses` gives them.
        count: how many uses of relations another walk over the same query found; any other number binds nothing.
    """
    uses = list(uses or ())
    return len(uses) == count and any(use.bound for use in uses) and all(use.bound or use.exempt for use in uses)


_Ctes = dict[str, Outputs]


class _Place(NamedTuple):
    """Where a condition stands: what names mean there, and what it is true of."""

    level: Level
    frame: Frame
    ctes: _Ctes


_WALKED: Final = frozenset({"withClause", "larg", "rarg", "fromClause", "whereClause"})


class _Walker:
    """Walks a query once; ``uses`` is what it found."""

    def __init__(
        self,
        rules: ReadingSettings,
        catalog: Catalog | None,
        creation: CreationConditions | None,
        *,
        has_subqueries: bool,
    ) -> None:
        self.rules = rules
        self.creation = creation
        self.has_subqueries = has_subqueries
        self.catalog = catalog
        self.uses: list[Item] = []
        self.rests_on_form = False
        self.keys = frozenset(rules.patient_keys)
        self.compared: Counter[int] = Counter()

    # --- queries ---------------------------------------------------------------------------------------------------

    def query(self, node: Tree, outer: Level | None, ctes: _Ctes, *, wanted: bool = True) -> Outputs:
        """Walk a query, and say what columns it gives, where that is wanted."""
        if clause := node.get("withClause"):
            ctes = self._with(clause, outer, ctes)
        if "larg" in node:
            left = self.query(node["larg"], outer, ctes, wanted=wanted)
            right = self.query(node["rarg"], outer, ctes, wanted=wanted)
            self._rest(node, outer, ctes)
            return left.combined(right)
        level, frame = Level(outer), Frame()
        for item in node.get("fromClause", ()):
            level.take(self._item(item, frame, level, ctes))
        if "whereClause" in node:
            self._conjunction(node["whereClause"], _Place(level, frame, ctes))
        self._rest(node, level, ctes)
        return self._outputs(node["targetList"], level) if wanted and "targetList" in node else UNKNOWN

    def _with(self, clause: Tree, outer: Level | None, ctes: _Ctes) -> _Ctes:
        bodies = [cte["CommonTableExpr"] for cte in clause.get("ctes", ())]
        recursive = bool(clause.get("recursive"))
        # what refers to itself, or ahead, is not followed
        known = ctes | {body["ctename"]: UNKNOWN for body in bodies} if recursive else dict(ctes)
        for body in bodies:
            outputs = self.query(body["ctequery"]["SelectStmt"], outer, known)
            known[body["ctename"]] = UNKNOWN if recursive else outputs.renamed(strings(body.get("aliascolnames")))
        return known

    def _rest(self, node: Tree, level: Level | None, ctes: _Ctes) -> None:
        if self.has_subqueries:
            rest = [value for field, value in node.items() if field not in _WALKED and type(value) in {list, dict}]
            self._queries_in(rest, level, ctes)

    def _queries_in(self, tree: Any, level: Level | None, ctes: _Ctes) -> None:
        """Walk the queries in an expression: whatever stands in it, they read relations, too."""
        stack = [tree] if self.has_subqueries else []
        while stack:
            node = stack.pop()
            if type(node) is dict:
                for field, value in node.items():
                    if field == "SelectStmt":
                        self.query(value, level, ctes)
                    elif type(value) in {list, dict}:
                        stack.append(value)
            else:
                stack += [item for item in node if type(item) in {list, dict}]

    def _outputs(self, targets: list[Tree], level: Level) -> Outputs:
        columns: list[tuple[str | None, tuple[Column, ...]]] = []
        stars: list[Star | None] = []
        for target in targets:
            body = target["ResTarget"]
            fields = body.get("val", {}).get("ColumnRef", {}).get("fields", ())
            if expands(body.get("val", {})):
                # of (x).* nothing is known, nor how many columns it gives
                stars.append(self._starred(fields, level) if fields else None)
                continue
            column = resolve(fields, level) if fields else None
            name = body.get("name") or next(iter(strings(fields[-1:])), None)
            columns.append((name, () if column is None else column[0].origins(column[1])))
        if len(stars) > 1 or None in stars:
            return UNKNOWN
        return Outputs(columns, stars[0] if stars else None)

    @staticmethod
    def _starred(fields: list[Tree], level: Level) -> Star | None:
        if len(fields) == 1:
            return level
        column = resolve([*fields[:-1], {"String": {"sval": "*"}}], level)
        return None if column is None else column[0]

    # --- FROM ------------------------------------------------------------------------------------------------------

    def _item(self, node: Tree, frame: Frame, seen: Level, ctes: _Ctes) -> Level:
        """Walk an item of FROM.

        Args:
            node: the item.
            frame: what holds for its rows.
            seen: the items before it, for LATERAL.
            ctes: the common table expressions in sight.

        Returns:
            What it adds to the names; nothing further out.
        """
        ((kind, body),) = node.items()
        match kind:
            case "RangeVar":
                return self._relation(body, frame, ctes)
            case "JoinExpr":
                return self._join(body, frame, seen, ctes)
            case "RangeTableSample":
                self._queries_in([body.get("args", []), body.get("repeatable", {})], seen, ctes)
                return self._item(body["relation"], frame, seen, ctes)
            case "RangeSubselect":
                around = seen if body.get("lateral") else seen.outer
                outputs = self.query(body["subquery"]["SelectStmt"], around, ctes)
            case _:  # a function, XMLTABLE, JSON_TABLE: what they give comes from no column
                self._queries_in(body, seen, ctes)
                outputs = UNKNOWN
        alias = body.get("alias", {})
        level = Level()
        level.add(Item(frame=frame, outputs=outputs.renamed(strings(alias.get("colnames")))), alias.get("aliasname"))
        return level

    def _relation(self, body: Tree, frame: Frame, ctes: _Ctes) -> Level:
        alias = body.get("alias", {})
        relation = Name(name=body["relname"], schema=body.get("schemaname"))
        names = strings(alias.get("colnames"))
        if relation.schema is None and relation.name in ctes:
            item = Item(frame=frame, outputs=ctes[relation.name].renamed(names))
        else:
            item = Item(
                frame=frame,
                alias=alias.get("aliasname"),
                relation=relation,
                columns=None if names else self._columns(relation),
                exempt=is_reference(relation, self.rules),
                renamed=bool(names),
            )
            self.uses.append(item)
        level = Level()
        level.add(item, alias.get("aliasname") or relation.name)
        return level

    def _columns(self, relation: Name) -> frozenset[str] | None:
        if self.catalog is None:
            return None
        if relation.schema is not None:
            schemas = [relation.schema]
        else:
            schemas = [schema for schema, relations in self.catalog.items() if relation.name in relations]
        if len(schemas) != 1:
            return None  # which one it is, the search path of the session tells
        columns = self.catalog.get(schemas[0], {}).get(relation.name)
        return None if columns is None else frozenset(columns)

    def _join(self, body: Tree, frame: Frame, seen: Level, ctes: _Ctes) -> Level:
        kind = body.get("jointype", "JOIN_INNER")
        left_frame = Frame(frame) if kind in {"JOIN_RIGHT", "JOIN_FULL"} else frame
        right_frame = Frame(frame) if kind in {"JOIN_LEFT", "JOIN_FULL"} else frame
        left = self._item(body["larg"], left_frame, seen, ctes)
        beside = seen.with_outer(seen.outer)
        beside.take(left)
        right = self._item(body["rarg"], right_frame, beside, ctes)
        # what ON says is true of the rows it lets through: of both sides, of the nullable one, or of neither
        on = {"JOIN_INNER": frame, "JOIN_LEFT": right_frame, "JOIN_RIGHT": left_frame}.get(kind, Frame())
        joined = Level(seen.outer)
        joined.take(left)
        joined.take(right)
        for name in self._common(body, left, right):
            one, other = left.own(name)[0], right.own(name)[0]
            if one is not None and other is not None:
                on.link(one, other)
            joined.merged[name] = {"JOIN_RIGHT": other, "JOIN_FULL": None}.get(kind, one)
        if "quals" in body:  # ON sees the join's own items and the query around, not the items before it
            self._conjunction(body["quals"], _Place(joined, on, ctes))
        joined.outer = None
        if (alias := body.get("join_using_alias", {}).get("aliasname")) is not None:
            joined.names[alias] = None
        if "alias" in body:  # the join goes by one name, which hides those in it
            hidden = Level()
            hidden.add(Item(frame=frame), body["alias"]["aliasname"])
            return hidden
        return joined

    @staticmethod
    def _common(body: Tree, left: Level, right: Level) -> list[str]:
        """The columns that USING or NATURAL makes one."""
        if not body.get("isNatural"):
            return strings(body.get("usingClause"))
        sides = [names_in(level) for level in (left, right)]
        return [] if sides[0] is None or sides[1] is None else sorted(sides[0] & sides[1])

    # --- what holds ------------------------------------------------------------------------------------------------

    def _conjunction(self, tree: Tree, at: _Place) -> None:
        """Note the equalities of a condition, and its bounds of creation; walk the queries in the rest of it."""
        if self.creation is not None:
            for column, span in self.creation.spans(tree, partial(resolve, level=at.level)).items():
                at.frame.date(column, span)
        stack = [tree]
        while stack:
            ((kind, body),) = stack.pop().items()
            if kind == "BoolExpr" and body.get("boolop") == "AND_EXPR":
                stack += body.get("args", ())
            elif kind == "A_Expr" and is_equals(body.get("name", ())) and body.get("kind") in EQUALITIES:
                for one, operator, other in pairs(body):
                    self._equality(one, operator, other, at)
            elif kind == "SubLink" and body.get("subLinkType") == "ANY_SUBLINK" and is_in(body):
                self._member(body, at)
            else:
                self._queries_in(body, at.level, at.ctes)

    def _equality(self, one: Any, operator: str, other: Any, at: _Place) -> None:
        """Note what ``one = other``, ``one IN (other)`` or ``one = ANY (other)`` says."""
        column = self._side(one, at)
        values = VALUES[operator](other)
        if rests_on_form(operator, other) or rests_on_form("=", one):
            self.rests_on_form = True
        if values:
            if column is not None:
                self._pin(column, values, at)
            return
        second = self._side(other, at)
        if operator != "=" or second is None:
            return
        if column is not None:
            at.frame.link(column, second)
        elif values := single(one):
            self._pin(second, values, at)

    def _pin(self, column: Column, values: list[Value], at: _Place) -> None:
        at.frame.pin(column, values)
        if any(value.parameter for value in values) and comes_from(column, self.keys):
            self.compared.update(value.parameter for value in values)

    def _side(self, side: Any, at: _Place) -> Column | None:
        """A side of an equality: the column it is or is cast from; a subquery, walked, is the column it gives."""
        if type(side) is dict:
            if (fields := column_fields(side)) is not None:
                return resolve(fields, at.level)
            if side.get("SubLink", {}).get("subLinkType") == "EXPR_SUBLINK":
                outputs = self.query(side["SubLink"]["subselect"]["SelectStmt"], at.level, at.ctes)
                return (Item(frame=at.frame, outputs=outputs.renamed(["1"])), "1")
        self._queries_in(side, at.level, at.ctes)
        return None

    def _member(self, body: Tree, at: _Place) -> None:
        """``x IN (SELECT …)`` and ``(x, y) IN (SELECT …)``."""
        outputs = self.query(body["subselect"]["SelectStmt"], at.level, at.ctes)
        test = body["testexpr"]
        tested = test["RowExpr"].get("args", []) if "RowExpr" in test else [test]
        names = [str(position) for position in range(len(tested))]
        item = Item(frame=at.frame, outputs=outputs.renamed(names))
        is_row = not any(map(expands, tested))
        for name, side in zip(names, tested, strict=True):
            column = self._side(side, at)
            if is_row and column is not None:
                at.frame.link(column, (item, name))
