"""What a read touches, for the log and for policies that ask more of it than whether it is a read.

PostgreSQL's tree of the client's own text gives relations, patients and information sets (`bindings`, `information`):
they must be right, and their literals are the client's. sqlglot's optimizer gives the columns, from the canonical text,
which holds no literal. Nothing here can let a text through: lineage is only asked of texts that both keys call reads,
and what cannot be told makes it incomplete, never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from readonly_guard.domain import Analysis, Binding, ColumnUse, Lineage, Name, Reason, RelationUse
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.bindings import Catalog, find_uses, is_bound, is_reference
from readonly_guard.sql.canonical import canonical_text
from readonly_guard.sql.equalities import Frame, Item
from readonly_guard.sql.information import information_sets
from readonly_guard.sql.libpg_query import parse
from readonly_guard.sql.postgres_key import read_statement
from readonly_guard.sql.postgres_reading import EARLIER, PostgresReading
from readonly_guard.sql.scan import Bounds, Scanned, scan_text
from readonly_guard.sql.sqlglot_key import parse_queries

__all__ = ["lineage"]

_MAX_TOKENS: Final = 1_000
"""Columns of larger texts are not looked for: the optimizer's work grows faster than the text."""

_MAX_WORK: Final = 10_000
"""Nor those where tokens times queries and relations are more: a column that USING merges is written as all it is."""


def lineage(
    text: str,
    analysis: Analysis,
    rules: ReadingSettings,
    *,
    catalog: Catalog | None = None,
    bounds: Bounds | None = None,
) -> Lineage:
    """Trace what a text reads. Never raises for what the text is.

    Args:
        text: the client's own text.
        analysis: what it was read as; of anything but a read nothing is traced.
        rules: patient keys, reference tables and information sets of the database.
        catalog: the columns of its relations, where they are known: ``*`` is then expanded and NATURAL understood.
        bounds: as for the analysis.

    Returns:
        The lineage; with ``complete`` False where something could not be told.
    """
    if not analysis.is_read or not analysis.readings:
        return Lineage()
    try:
        scanned = scan_text(text, bounds or Bounds())
        return Lineage() if isinstance(scanned, Reason) else _trace(scanned, analysis, rules, catalog)
    except Exception:  # noqa: BLE001  a text that defeats the tracing is one of which nothing is known
        return Lineage()


def _trace(scanned: Scanned, analysis: Analysis, rules: ReadingSettings, catalog: Catalog | None) -> Lineage:
    found = [read_statement(tree, rules) for tree in parse(scanned.text)]
    uses = [_uses(one, rules, catalog) for one in found]
    flat = [use for some in uses for use in some or ()]
    columns, all_columns = _columns_of(scanned, found, uses)
    patients = [use for use in flat if not use.exempt]
    opened = _opened(analysis, found)
    return Lineage(
        relations=tuple(dict.fromkeys((*map(_relation_use, flat), *(RelationUse(relation=name) for name in opened)))),
        columns=columns,
        functions=tuple(dict.fromkeys(name for one in found for name in one.functions)),
        patient_bindings=tuple(dict.fromkeys(binding for use in patients for binding in _bindings(use))),
        information_sets=information_sets([*patients, *_unbound(opened)], rules.information_sets),
        is_bound=bool(patients)
        and not opened
        and not any(one.kind in EARLIER for one in found)
        and all(
            some is not None and (all(use.exempt for use in some) or is_bound(some, one.uses))
            for one, some in zip(found, uses, strict=True)
        ),
        complete=all_columns and None not in uses and not opened,
    )


def _opened(analysis: Analysis, found: list[PostgresReading]) -> list[Name]:
    """The tables that are read by what the text calls: the catalog has named them when the text was settled."""
    pairs = zip(analysis.readings, found, strict=True)
    return [name for reading, one in pairs for name in reading.relations if name not in one.relations]


def _unbound(names: Iterable[Name]) -> list[Item]:
    frame = Frame()
    return [Item(frame=frame, relation=name) for name in names]


def _uses(one: PostgresReading, rules: ReadingSettings, catalog: Catalog | None) -> list[Item] | None:
    """The uses of relations in a statement; None when they are not all known."""
    if one.kind in EARLIER:
        return None
    if one.query is not None:
        uses = find_uses(one.query, rules, catalog)
        return uses.items if uses is not None and len(uses.items) == one.uses else None
    if one.kind != "copy_to":  # LOCK names relations, and reads none
        return []
    frame = Frame()
    return [Item(frame=frame, relation=name, exempt=is_reference(name, rules)) for name in one.relations]


def _relation_use(use: Item) -> RelationUse:
    return RelationUse(relation=_name(use), alias=use.alias, is_bound=use.bound, is_reference=use.exempt)


def _name(use: Item) -> Name:
    return use.relation or Name(name="")


def _bindings(use: Item) -> Iterator[Binding]:
    for key, values in use.pinned.items():
        for operator, literal, parameter, *_ in values:
            yield Binding(
                relation=_name(use), column=key, operator=operator, literal=literal, parameter=parameter or None
            )


# --- columns --------------------------------------------------------------------------------------------------------


def _columns_of(
    scanned: Scanned, found: list[PostgresReading], uses: list[list[Item] | None]
) -> tuple[tuple[ColumnUse, ...], bool]:
    """The columns that are read, and whether they are all of them."""
    if all(one.query is None for one in found):
        return _sorted(_all_of(use) for some in uses for use in some or ()), True
    kinds = scanned.tokens.kinds
    sources = sum(one.uses for one in found) + kinds.count("SELECT")
    if len(kinds) > _MAX_TOKENS or len(kinds) * sources > _MAX_WORK or "UIDENT" in kinds:
        return (), False  # too much work, or a name that the canonical text does not hold
    try:
        trees = parse_queries(canonical_text(scanned, is_whole=True))
        parts = [
            _columns(tree, some or []) if tree is not None else ({_all_of(use) for use in some or ()}, True)
            for tree, some in zip(trees, uses, strict=True)
        ]
    except Exception:  # noqa: BLE001  sqlglot's optimizer raises many things; what it cannot tell is not told
        return (), False
    return _sorted(column for columns, _ in parts for column in columns), all(certain for _, certain in parts)


def _sorted(columns: Iterable[ColumnUse]) -> tuple[ColumnUse, ...]:
    return tuple(sorted(set(columns), key=lambda use: (str(use.relation), use.column)))


def _all_of(use: Item) -> ColumnUse:
    return ColumnUse(relation=_name(use), column="*")


def _columns(tree: Any, uses: list[Item]) -> tuple[set[ColumnUse], bool]:
    """The columns of one query, and whether every one was found an owner."""
    for group in tree.find_all(exp.Group):  # GROUP BY 1, 1 …: the optimizer would write the first output out each time
        group.set("expressions", [key for key in group.expressions if not key.is_int])
    tree = qualify(
        tree,
        dialect="postgres",
        schema=_schema(uses),
        validate_qualify_columns=False,
        allow_partial_qualification=True,
        quote_identifiers=False,
        identify=False,
        expand_alias_refs=False,
    )
    columns: set[ColumnUse] = set()
    tables: set[tuple[Name, str]] = set()
    unseen = {id(column) for column in tree.find_all(exp.Column)}
    certain = True
    for scope in traverse_scope(tree):
        unseen.difference_update(map(id, scope.find_all(exp.Column)))
        for alias, (_, source) in scope.selected_sources.items():
            if _is_relation(source):
                tables.add((_table(source), alias))
        for alias, column in _named(scope):
            owner = _owner(scope, alias)
            if owner is None:
                certain = False
            elif _is_relation(owner):
                columns.add(ColumnUse(relation=_table(owner), column=column))
    is_whole = not unseen and tables == {(_name(use), use.alias or _name(use).name) for use in uses}
    return columns, certain and is_whole


def _is_relation(source: Any) -> bool:
    """Whether a source is a relation, not a query or a function."""
    return isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)


def _schema(uses: list[Item]) -> MappingSchema:
    """What is known of the columns of these relations; an unqualified one stands in a schema of its own name."""
    tables: dict[str, Any] = {}
    for use in uses:
        if use.columns is not None:
            name = _name(use)
            tables.setdefault(name.schema or "unqualified", {})[name.name] = dict.fromkeys(use.columns, "text")
    return MappingSchema(tables, dialect="postgres", normalize=False)


def _table(source: Any) -> Name:
    return Name(name=source.name, schema=source.db or None)


def _named(scope: Scope) -> Iterator[tuple[str, str]]:
    """Every column of a scope as (alias of its source, name); the alias is empty when it has no one owner."""
    query = scope.expression
    for row in scope.find_all(exp.TableColumn):  # a row as a value: SELECT p FROM person AS p
        yield row.name, "*"
    outputs = getattr(query, "selects", ())
    if isinstance(query, exp.Select) and any(isinstance(output, exp.Star) for output in outputs):
        for alias in scope.selected_sources:
            yield alias, "*"
    renamed = {output.alias for output in outputs if isinstance(output, exp.Alias) and output.this.name != output.alias}
    is_alone = len(scope.selected_sources) == 1 and not _is_in_expression(scope)
    for column in scope.find_all(exp.Column):
        alias, name = column.table, "*" if isinstance(column.this, exp.Star) else column.name
        if alias:
            yield alias, name
        elif isinstance(query, exp.SetOperation) or (name in renamed and isinstance(column.parent, exp.Ordered)):
            continue  # ORDER BY an output, which is no column of a relation
        elif name in scope.selected_sources:
            yield name, "*"
        elif is_alone and not (name in renamed and isinstance(column.parent, exp.Group)):
            yield next(iter(scope.selected_sources)), name
        else:
            yield "", name


def _is_in_expression(scope: Scope | None) -> bool:
    """Whether an unqualified column could be one of a query around this one."""
    while scope is not None:
        if scope.is_subquery or scope.is_udtf:
            return True
        scope = scope.parent
    return False


def _owner(scope: Scope | None, alias: str) -> Any:
    """The relation or query that an alias names, in the innermost query that has it."""
    while scope is not None:
        if alias in scope.sources:
            return scope.sources[alias]
        scope = scope.parent
    return None
