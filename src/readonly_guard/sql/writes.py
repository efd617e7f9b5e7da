"""What a statement that is not a read is called: the codes W00 to W05 by statement and table class.

The routine names five forbidden acts (dokumentation, ändring, signering, tillägg, borttag); a table's class in
guard.toml says which of them an INSERT or UPDATE is. Whatever is none of them is W00.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from readonly_guard.domain import Effect
from readonly_guard.settings import ReadingSettings

__all__ = ["ROOT_EFFECTS", "write_code"]


def _roots(effect: Effect, names: str) -> dict[str, Effect]:
    return dict.fromkeys(names.split(), effect)


ROOT_EFFECTS: Final[dict[str, Effect]] = {
    **_roots(Effect.WRITE, "InsertStmt UpdateStmt DeleteStmt MergeStmt TruncateStmt"),
    **_roots(
        Effect.PRIVILEGE,
        "GrantStmt GrantRoleStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt DropRoleStmt"
        " AlterDefaultPrivilegesStmt ReassignOwnedStmt DropOwnedStmt",
    ),
    **_roots(Effect.EXTERNAL, "NotifyStmt LoadStmt AlterSystemStmt CheckPointStmt"),
    **_roots(
        Effect.SCHEMA,
        "CreateStmt CreateTableAsStmt DropStmt AlterTableStmt IndexStmt ViewStmt CreateFunctionStmt CreateSeqStmt"
        " AlterSeqStmt CreateSchemaStmt RenameStmt CommentStmt CreateTrigStmt RefreshMatViewStmt DropdbStmt"
        " CreatedbStmt",
    ),
}
"""Effects of refused roots; a root that is in neither table is UNKNOWN, and refused like the rest."""


def write_code(kind: str, node: dict[str, Any], rules: ReadingSettings) -> Iterator[tuple[str, str]]:
    """The codes of a refused statement, each with what it is about.

    Args:
        kind: PostgreSQL's node name.
        node: its body.
        rules: the table classes.
    """
    relation = node.get("relation", {})
    table = relation.get("relname", "")
    full = ".".join(filter(None, (relation.get("schemaname"), table)))
    match kind:
        case "InsertStmt":
            yield _insert(table, rules), f"INSERT into {full}"
            if node.get("onConflictClause", {}).get("action") == "ONCONFLICT_UPDATE":
                yield "RG-W02", f"ON CONFLICT DO UPDATE on {full}"
        case "UpdateStmt":
            yield _update(table, node.get("targetList", ()), rules), f"UPDATE of {full}"
        case "DeleteStmt":
            yield "RG-W05", f"DELETE from {full}"  # noqa: S608  a description, not a statement
        case "TruncateStmt":
            names = [item.get("RangeVar", {}).get("relname", "") for item in node.get("relations", ())]
            yield "RG-W05", f"TRUNCATE of {', '.join(names)}"
        case "MergeStmt":
            for clause in node.get("mergeWhenClauses", ()):
                when = clause.get("MergeWhenClause", {})
                match when.get("commandType"):
                    case "CMD_INSERT":
                        yield _insert(table, rules), f"MERGE that inserts into {full}"
                    case "CMD_UPDATE":
                        yield _update(table, when.get("targetList", ()), rules), f"MERGE that updates {full}"
                    case "CMD_DELETE":
                        yield "RG-W05", f"MERGE that deletes from {full}"
                    case _:
                        yield "RG-W00", f"MERGE into {full}"
        case _:
            yield "RG-W00", kind.removesuffix("Stmt")


def _insert(table: str, rules: ReadingSettings) -> str:
    if table in rules.signing_tables:
        return "RG-W03"
    return "RG-W01" if table in rules.documentation_tables else "RG-W04"


def _update(table: str, targets: Any, rules: ReadingSettings) -> str:
    columns = {target.get("ResTarget", {}).get("name", "") for target in targets}
    signs = table in rules.signing_tables or columns.intersection(rules.signing_columns)
    return "RG-W03" if signs else "RG-W02"
