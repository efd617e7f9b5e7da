"""Takes a snapshot of a live server's catalog: the only module here that does I/O.

Everything is read in one REPEATABLE READ, READ ONLY transaction, so that the snapshot is of one moment. An ordinary
role is enough: the catalogs that say what runs are readable by everybody.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

import asyncpg

from readonly_guard.catalog.queries import BY_VERSION, FINGERPRINT, IDENTITY, PREPARE, QUERIES
from readonly_guard.catalog.snapshot import (
    Cast,
    Expression,
    Extension,
    Function,
    Kind,
    Operator,
    OperatorClass,
    Parameter,
    Ref,
    Relation,
    RoleSetting,
    Snapshot,
    Type,
)
from readonly_guard.errors import GuardError

__all__ = ["CatalogUnavailable", "capture", "fingerprint"]

_FOURTEEN: Final = 14
_FIRST_USER_OID: Final = 16_384

_KINDS: Final[dict[str, Kind]] = {
    "pg_class": "relation",
    "pg_proc": "function",
    "pg_operator": "operator",
    "pg_type": "type",
    "pg_opclass": "operator class",
}


class CatalogUnavailable(GuardError):  # noqa: N818  a state of the world, as in `readonly_guard.errors`
    """The server cannot be reached, or will not show its catalog; the text says why."""


Progress = Callable[[int, int], None]
"""Told how many of how many queries are done."""


def _no_progress(_done: int, _all: int) -> None:
    pass


async def fingerprint(dsn: str, *, timeout_s: float = 30.0) -> str:
    """What changes when anything in the catalog does: cheap enough to ask often.

    Raises:
        CatalogUnavailable: the server cannot be asked.
    """
    connection = await _connect(dsn, timeout_s)
    try:
        async with connection.transaction(readonly=True):
            await connection.execute(PREPARE)
            return _digest(await connection.fetch(FINGERPRINT))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CatalogUnavailable(_said(error)) from error
    finally:
        await _close(connection)


async def capture(dsn: str, *, timeout_s: float = 120.0, progress: Progress = _no_progress) -> Snapshot:
    """Take a snapshot.

    Args:
        dsn: as libpq writes them; a password may stand in a file that it names (``passfile``).
        timeout_s: for connecting, and for each query.
        progress: told after each query.

    Raises:
        CatalogUnavailable: the server cannot be reached or asked, is older than PostgreSQL 13, or hides its path.
    """
    connection = await _connect(dsn, timeout_s)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            identity = await connection.fetchrow(IDENTITY)
            await connection.execute(PREPARE)
            moved = _digest(await connection.fetch(FINGERPRINT))
            major = identity["server_version"] // 10_000
            rows: dict[str, list[Any]] = {}
            for done, (name, query) in enumerate(QUERIES.items()):
                progress(done, len(QUERIES))
                for word, (before, since) in BY_VERSION.items():
                    query = query.replace(word, since if major >= _FOURTEEN else before)  # noqa: PLW2901
                rows[name] = await connection.fetch(query)
            progress(len(QUERIES), len(QUERIES))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CatalogUnavailable(_said(error)) from error
    finally:
        await _close(connection)
    if not identity["is_servers"] and not any(role == "" for role, _, _ in rows["search_paths"]):
        # other roles begin with the server's own, which is not to be seen behind this one's
        raise CatalogUnavailable(
            "the role that reads the catalog has a search_path of its own, which hides the server's; "
            "ALTER ROLE … RESET search_path, and give none in the connection string"
        )
    return _Assembly(rows).snapshot(dict(identity), moved)


async def _connect(dsn: str, timeout_s: float) -> Any:
    try:
        return await asyncpg.connect(
            dsn,
            timeout=timeout_s,
            command_timeout=timeout_s,
            server_settings={"default_transaction_read_only": "on", "application_name": "readonly-guard catalog"},
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise CatalogUnavailable(_said(error)) from error


async def _close(connection: Any) -> None:
    try:
        await connection.close(timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


def _said(error: Exception) -> str:
    return f"the catalog cannot be read: {str(error) or type(error).__name__}"


def _digest(rows: Iterable[Any]) -> str:
    return hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()


class _Assembly:
    """Puts the rows of all queries together."""

    def __init__(self, rows: dict[str, list[Any]]) -> None:
        self._rows = rows
        self._uses: defaultdict[tuple[str, int], list[Ref]] = defaultdict(list)
        for table, oid, used_table, used in rows["depends"]:
            self._uses[table, oid].append(Ref(_KINDS[used_table], used))
        for refs in self._uses.values():
            refs.sort()
        self._columns = {oid: tuple(zip(names, types, strict=True)) for oid, names, types in rows["columns"]}

    def snapshot(self, identity: dict[str, Any], moved: str) -> Snapshot:
        rows = self._rows
        return Snapshot(
            server_version=identity["server_version"],
            database=identity["database"],
            taken_at=identity["taken_at"],
            search_path=identity["search_path"],
            search_paths=_settings(rows["search_paths"]),
            session_roles=_settings(rows["session_roles"]),
            schemas=tuple(name for name, _ in rows["schemas"]),
            open_schemas=tuple(name for name, is_open in rows["schemas"] if is_open),
            system_names=tuple(name for (name,) in rows["system_names"]),
            extensions=tuple(Extension(name=name, version=version) for name, version in rows["extensions"]),
            relations=tuple(self._relations()),
            functions=tuple(self._functions()),
            operators=tuple(self._operators()),
            types=tuple(self._types()),
            casts=tuple(self._casts()),
            operator_classes=tuple(
                OperatorClass(
                    oid=oid,
                    title=title,
                    type=of_type,
                    is_default=is_default,
                    calls=tuple(builtin),
                    uses=tuple(
                        [Ref("function", one) for one in functions] + [Ref("operator", one) for one in operators]
                    ),
                )
                for oid, title, of_type, is_default, functions, operators, builtin in rows["operator_classes"]
            ),
            internals={source: tuple(names) for source, names in rows["internals"]},
            login_triggers=tuple(name for (name,) in rows["login_triggers"]),
            fingerprint=moved,
        )

    def _used_by(self, table: str, oid: int) -> tuple[Ref, ...]:
        return tuple(self._uses.get((table, oid), ()))

    def _relations(self) -> Iterable[Relation]:
        rows = self._rows
        runs: defaultdict[int, list[Expression]] = defaultdict(list)
        for oid, relation, text in rows["views"]:
            uses = self._used_by("pg_rewrite", oid)
            runs[relation].append(Expression(what="view definition", text=text, is_query=True, uses=uses))
        secured = {oid for oid, _, _, _, has_row_security in rows["relations"] if has_row_security}
        for oid, relation, name, text in rows["policies"]:
            if relation in secured:
                uses = self._used_by("pg_policy", oid)
                runs[relation].append(Expression(what=f"policy {name}", text=text, uses=uses))
        for oid, relation, name, text in rows["generated"]:
            uses = self._used_by("pg_attrdef", oid)
            runs[relation].append(Expression(what=f"generated column {name}", text=text, uses=uses))
        for what, table, query in (
            ("constraint", "pg_constraint", "checks"),
            ("statistics", "pg_statistic_ext", "statistics"),
        ):
            for oid, relation, name in rows[query]:
                if uses := self._used_by(table, oid):
                    runs[relation].append(Expression(what=f"{what} {name}", uses=uses))
        for oid, relation, name, handler in rows["indexes"]:
            uses = self._used_by("pg_class", oid) + _function(handler)
            if uses:
                runs[relation].append(Expression(what=f"index {name}", uses=uses))
        for relation, name, handler in rows["access_methods"]:
            runs[relation].append(Expression(what=f"access method {name}", uses=_function(handler)))
        children = {oid: tuple(of_it) for oid, of_it in rows["children"]}
        for oid, schema, name, kind, _ in rows["relations"]:
            if uses := self._used_by("pg_class", oid):  # a partition key; the types of columns are there anyway
                runs[oid].append(Expression(what="definition", uses=uses))
            yield Relation(
                oid=oid,
                schema=schema,
                name=name,
                kind=kind,
                columns=self._columns.get(oid, ()),
                children=children.get(oid, ()),
                runs=tuple(runs.get(oid, ())),
            )

    def _functions(self) -> Iterable[Function]:
        rows = self._rows
        members = dict(rows["extension_members"])
        steps = dict(rows["aggregates"])
        for row in rows["functions"]:
            yield Function(
                **{field: row[field] for field in _AS_ASKED},
                argument_types=tuple(row["argument_types"]),
                settings=tuple(row["settings"]),
                body=row["atomic_body"] or row["source"],
                is_qualified=row["atomic_body"] is not None,
                parameters=tuple(Parameter(mode=mode, name=name, type=kind) for mode, name, kind in row["parameters"]),
                result=f"SETOF {row['result']}" if row["is_set"] else row["result"],
                calls=tuple(steps.get(row["oid"], ())),
                uses=self._used_by("pg_proc", row["oid"]) + _function(row["support"]),
                extension=members.get(row["oid"], ""),
            )

    def _operators(self) -> Iterable[Operator]:
        for oid, schema, name, operands, functions, builtin, others, classes in self._rows["operators"]:
            yield Operator(
                oid=oid,
                schema=schema,
                name=name,
                operands=operands,
                calls=tuple(builtin),
                uses=tuple(
                    [Ref("function", one) for one in functions]
                    + [Ref("operator", one) for one in others]
                    + [Ref("operator class", one) for one in classes]
                ),
            )

    def _types(self) -> Iterable[Type]:
        runs: defaultdict[int, list[Expression]] = defaultdict(list)
        for oid, domain, name, text in self._rows["domain_checks"]:
            uses = self._used_by("pg_constraint", oid)
            runs[domain].append(Expression(what=f"check {name}", text=text, uses=uses))
        for oid, schema, name, kind, element, base, relation, subtype, spanned in self._rows["types"]:
            parts = [part for part in (element, base, subtype, spanned) if part]
            parts += [column_type for _, column_type in self._columns.get(relation, ())]
            yield Type(
                oid=oid,
                schema=schema,
                name=name,
                kind=kind,
                parts=tuple(dict.fromkeys(part for part in parts if part >= _FIRST_USER_OID)),
                runs=tuple(runs.get(oid, ())),
                uses=self._used_by("pg_type", oid),
            )

    def _casts(self) -> Iterable[Cast]:
        for oid, source, target, target_name, context, title, function, name in self._rows["casts"]:
            yield Cast(
                oid=oid,
                source=source,
                target=target,
                target_name=target_name,
                context=context,
                title=title,
                calls=() if function >= _FIRST_USER_OID else (name,),
                uses=_function(function),
            )


_AS_ASKED: Final = (
    *("oid", "schema", "name", "signature", "kind", "language", "volatility", "arguments", "defaults", "is_variadic"),
    *("returns", "owner", "is_definer", "default_values"),
)
"""Fields of a function whose columns have the same name."""


def _settings(rows: Iterable[Any]) -> tuple[RoleSetting, ...]:
    return tuple(RoleSetting(role=role, of_database=of_database, value=value) for role, of_database, value in rows)


def _function(oid: int) -> tuple[Ref, ...]:
    return (Ref("function", oid),) if oid >= _FIRST_USER_OID else ()
