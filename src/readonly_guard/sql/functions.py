"""Which built-in functions are reads.

PostgreSQL's own word comes first (documentation, 36.7 Function Volatility Categories): immutable and stable functions
may not change the database. Two lists of exceptions follow, each with its reason: stable functions that run what they
are given or tell what others ask, and volatile ones that only look. Everything not known is denied.
"""

from __future__ import annotations

from typing import Final

from readonly_guard.domain import Name
from readonly_guard.sql.builtins import FUNCTIONS, OPERATORS, TYPES

__all__ = [
    "ATTRIBUTE_CALLS",
    "DENIED_THOUGH_STABLE",
    "READ_THOUGH_VOLATILE",
    "is_builtin_operator",
    "is_builtin_type",
    "judge_function",
]


def _with_reason(reason: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


DENIED_THOUGH_STABLE: Final[dict[str, str]] = {
    **_with_reason(
        "runs a query or reads a relation given as text",
        "query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema ts_stat"
        " ts_rewrite table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema"
        " schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema",
    ),
    **_with_reason(
        "loads or calls the code of a function or operator class given by its oid",
        "fmgr_c_validator fmgr_internal_validator fmgr_sql_validator plpgsql_validator satisfies_hash_partition"
        " amvalidate",
    ),
    **_with_reason(
        "shows the statements of other sessions, with the patients in them",
        "pg_stat_get_activity pg_stat_get_backend_activity",
    ),
    **_with_reason("assigns a transaction id", "txid_current pg_current_xact_id"),
    **_with_reason("runs the input function of a type given as text", "pg_input_is_valid pg_input_error_info"),
}

READ_THOUGH_VOLATILE: Final[dict[str, str]] = {
    **_with_reason(
        "gives a new value each time and keeps nothing",
        "clock_timestamp timeofday random random_normal gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle",
    ),
    **_with_reason(
        "measures a size on disk",
        "pg_relation_size pg_table_size pg_total_relation_size pg_indexes_size pg_database_size pg_tablespace_size",
    ),
    **_with_reason(
        "looks at a sequence without moving it", "currval lastval pg_sequence_last_value pg_get_sequence_data"
    ),
    **_with_reason("names the snapshot of this transaction for another session; pg_dump --jobs", "pg_export_snapshot"),
    **_with_reason("seeds random() of this session", "setseed"),
    **_with_reason("releases locks of this session only; asyncpg sends it with every reset", "pg_advisory_unlock_all"),
    **_with_reason(
        "shows the state of the server",
        "current_query pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init"
        " pg_control_recovery pg_control_system pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn"
        " pg_current_wal_lsn pg_database_collation_actual_version pg_get_aios pg_get_backend_memory_contexts"
        " pg_get_multixact_members pg_get_shmem_allocations pg_get_shmem_allocations_numa pg_get_wait_events"
        " pg_get_wal_replay_pause_state pg_get_wal_resource_managers pg_get_wal_summarizer_state pg_is_in_recovery"
        " pg_is_wal_replay_paused pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact"
        " pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status"
        " pg_partition_ancestors pg_partition_tree pg_prepared_xact"
        " pg_replication_origin_progress pg_replication_origin_session_is_setup pg_safe_snapshot_blocking_pids"
        " pg_show_replication_origin_status pg_stat_get_backend_io pg_stat_get_backend_wal pg_stat_get_io"
        " pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit"
        " pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time"
        " pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched"
        " pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted"
        " pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated"
        " pg_stat_have_stats pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status txid_status",
    ),
}

# SELECT syntax that PostgreSQL's grammar turns into calls of pg_catalog functions, of which these are not in pg_proc
# under the name; all others (EXTRACT, OVERLAY, AT TIME ZONE …) arrive as ordinary qualified names.
_SQL_SYNTAX: Final = frozenset({"xmlexists", "system_user"})

_SYSTEM: Final = ("pg_catalog", "information_schema")


def judge_function(name: Name) -> tuple[str, str] | None:
    """Judge a call by name.

    Returns:
        None when every overload of the built-in function is a read; else a code (RG-F01 unknown, RG-F02 side
        effects) and why.
    """
    schema = name.schema or "pg_catalog"
    if schema not in _SYSTEM:
        return "RG-F01", f"function {name}"
    volatility = FUNCTIONS[schema].get(name.name)
    if volatility is None:
        if name.name in _SQL_SYNTAX:
            return None
        return "RG-F01", f"function {name}"
    if schema == "pg_catalog" and (why := DENIED_THOUGH_STABLE.get(name.name)):
        return "RG-F02", f"function {name} {why}"
    if "v" in volatility and name.name not in READ_THOUGH_VOLATILE:
        return "RG-F02", f"function {name} is volatile"
    return None


def is_support_function(name: str) -> bool:
    """Whether a built-in function is none that SQL can call by name: input, output and index support of types."""
    return name not in FUNCTIONS["pg_catalog"] and name not in _SQL_SYNTAX


def is_builtin_type(name: Name) -> bool:
    """Whether a type name can only mean a built-in type, given that pg_catalog comes first on the search path."""
    return name.name in TYPES.get(name.schema or "pg_catalog", ())


def is_builtin_operator(name: Name) -> bool:
    """Whether an operator name is PostgreSQL's own."""
    return name.schema in (None, "pg_catalog") and name.name in OPERATORS


ATTRIBUTE_CALLS: Final = frozenset(
    name for name in FUNCTIONS["pg_catalog"] if judge_function(Name(name=name, schema="pg_catalog")) is not None
)
"""Built-in functions that are not reads: what ``x.field`` could call by such a name (attribute notation, 8.16.5)."""
