"""Which settings a session may change: at startup, in ``options``, by SET and by set_config.

An allow-list. What would undo the guard's pins (`standard_conforming_strings`, the read-only belt, roles) is refused
whatever the configuration says; what only shapes output or the plan is let through. ``readonly_guard.*`` settings are
declarations to the guard and are checked like the rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final

import msgspec

from readonly_guard.domain import (
    DECLARATIONS,
    DECLARED_PREFIX,
    Declared,
    Reason,
    SettingChange,
    core_reason,
    split_identifiers,
)
from readonly_guard.settings import ReadingSettings

__all__ = [
    "ALLOWED_SETTINGS",
    "PINNED_SETTINGS",
    "SAFE_ENCODINGS",
    "StartupJudgement",
    "judge_setting",
    "judge_startup",
    "split_options",
]

SAFE_ENCODINGS: Final[dict[str, str]] = {
    "utf8": "utf-8",
    "unicode": "utf-8",
    "sqlascii": "utf-8",
    "latin1": "iso8859-1",
    "iso88591": "iso8859-1",
    "latin9": "iso8859-15",
    "iso885915": "iso8859-15",
    "win1252": "cp1252",
}
"""PostgreSQL encodings the guard reads, folded as PostgreSQL folds them, with Python's codec.

In all of them an ASCII byte is always an ASCII character; in SJIS, BIG5, GBK, UHC, GB18030 and JOHAB it can trail a
multibyte character and so hide a quote.
"""


def _allowed(reason: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


ALLOWED_SETTINGS: Final[dict[str, str]] = {
    **_allowed(
        "shapes what is shown",
        "datestyle intervalstyle timezone extra_float_digits bytea_output xmlbinary xmloption lc_messages lc_monetary"
        " lc_numeric lc_time client_min_messages application_name quote_all_identifiers array_nulls"
        " default_text_search_config escape_string_warning",
    ),
    **_allowed(
        "bounds how long it may take",
        "statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout transaction_timeout"
        " client_connection_check_interval tcp_keepalives_idle tcp_keepalives_interval tcp_keepalives_count"
        " tcp_user_timeout",
    ),
    **_allowed(
        "shapes the plan",
        "work_mem hash_mem_multiplier temp_buffers effective_cache_size enable_async_append enable_bitmapscan"
        " enable_distinct_reordering enable_gathermerge enable_group_by_reordering enable_hashagg enable_hashjoin"
        " enable_incremental_sort enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin"
        " enable_nestloop enable_parallel_append enable_parallel_hash enable_partition_pruning"
        " enable_partitionwise_aggregate enable_partitionwise_join enable_presorted_aggregate"
        " enable_self_join_elimination"
        " enable_seqscan enable_sort enable_tidscan geqo geqo_threshold geqo_effort geqo_pool_size geqo_generations"
        " geqo_selection_bias geqo_seed from_collapse_limit join_collapse_limit random_page_cost seq_page_cost"
        " cpu_tuple_cost cpu_index_tuple_cost cpu_operator_cost parallel_setup_cost parallel_tuple_cost"
        " min_parallel_table_scan_size min_parallel_index_scan_size max_parallel_workers_per_gather"
        " max_parallel_workers parallel_leader_participation plan_cache_mode cursor_tuple_fraction"
        " constraint_exclusion default_statistics_target jit jit_above_cost jit_inline_above_cost"
        " jit_optimize_above_cost synchronize_seqscans effective_io_concurrency",
    ),
    **_allowed(
        "chooses the snapshot, not what may be done with it",
        "transaction_isolation default_transaction_isolation transaction_deferrable default_transaction_deferrable"
        " transaction_snapshot",
    ),
    **_allowed("makes reads stricter; pg_dump sets them", "row_security restrict_nonsystem_relation_kind"),
}

# These may be set, but only to the value the guard itself wants.
PINNED_SETTINGS: Final[dict[str, frozenset[str]]] = {
    "standard_conforming_strings": frozenset({"on", "true", "yes", "1"}),
    "default_transaction_read_only": frozenset({"on", "true", "yes", "1"}),
    "transaction_read_only": frozenset({"on", "true", "yes", "1"}),
    "role": frozenset(),  # NONE, too, could undo a role that an administrator has set for the user
    "session_authorization": frozenset(),
}

_NEVER: Final = frozenset({*PINNED_SETTINGS, "session_replication_role", "search_path", "client_encoding"})
"""Settings that guard.toml's ``reading.allowed_settings`` cannot open."""

_LANGUAGES: Final = ("sv", "en")
_DECLARED_CHARACTERS: Final = 1_000
_SYSTEM_SCHEMAS: Final = frozenset({"", "$user", "pg_catalog", "information_schema"})


def judge_setting(change: SettingChange, rules: ReadingSettings) -> Reason | None:
    """Whether a session may make this change; the reason when it may not (RG-T06, RG-T07)."""
    name, value = change.name.lower(), change.value
    if change.scope == "all":
        return None  # RESET ALL and DISCARD ALL return to what the startup packet pinned
    if name.startswith(DECLARED_PREFIX):
        return _judge_declaration(name, change)
    if value is None and name != "transaction_read_only":  # which has no value of its own to return to
        # RESET returns to the startup packet's value, which was judged; SET … TO DEFAULT likewise
        known = name in ALLOWED_SETTINGS or name in _NEVER or name in rules.allowed_settings
        return None if known else _unsafe(name)
    if value is None:
        return _unsafe(f"{name} (pinned)")
    if name in PINNED_SETTINGS:
        return None if value.lower() in PINNED_SETTINGS[name] else _unsafe(f"{name} (pinned)")
    if name == "client_encoding":  # SET NAMES arrives under this name, too
        return None if _fold_encoding(value) in SAFE_ENCODINGS else core_reason("RG-T07", "client_encoding")
    if name == "search_path":
        return _judge_search_path(value, rules)
    if name in ALLOWED_SETTINGS or (name in rules.allowed_settings and name not in _NEVER):
        return None
    return _unsafe(name)


def _judge_declaration(name: str, change: SettingChange) -> Reason | None:
    field = name.removeprefix(DECLARED_PREFIX)
    if field not in DECLARATIONS:
        near = difflib.get_close_matches(field, DECLARATIONS, n=1)
        hint = f"; did you mean {DECLARED_PREFIX}{near[0]}?" if near else ""
        return _unsafe(f"an unknown declaration{hint}")
    if change.scope == "local":
        return _unsafe(f"{name} with LOCAL; declare it for the session")
    value = change.value or ""
    if field == "language" and value and value not in _LANGUAGES:
        return _unsafe(f"{name}: it is sv or en")
    if len(value) > _DECLARED_CHARACTERS:
        return _unsafe(f"{name}: more than {_DECLARED_CHARACTERS} characters")
    return None


def _judge_search_path(value: str, rules: ReadingSettings) -> Reason | None:
    schemas = split_identifiers(value)
    if schemas is None:
        return _unsafe("search_path that is not a list of names")
    strange = [name for name in schemas if name not in _SYSTEM_SCHEMAS and name not in rules.search_path]
    if strange:
        return _unsafe("search_path with a schema that is not in reading.search_path")
    if "pg_catalog" in schemas[1:]:
        # named later, pg_catalog is searched later, and a user's function could take a built-in's place
        return _unsafe("search_path with pg_catalog after another schema")
    return None


def _fold_encoding(value: str) -> str:
    """As pg_char_to_encoding does: letters and digits only, lower case."""
    return "".join(letter for letter in value.lower() if letter.isascii() and letter.isalnum())


def _unsafe(what: str) -> Reason:
    return core_reason("RG-T06", what)


class StartupJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a startup packet comes to: parameters to send upstream, what was declared, and reasons to refuse it."""

    forward: dict[str, str]
    declared: Declared = Declared()
    reasons: tuple[Reason, ...] = ()


def judge_startup(parameters: Mapping[str, str], rules: ReadingSettings | None = None) -> StartupJudgement:
    """Judge a startup packet's parameters (PostgreSQL documentation 54.2.1, 54.7 StartupMessage).

    ``default_transaction_read_only=on`` is added: the second belt. The server applies ``options`` before the other
    parameters, so the addition also wins over what stands there.
    """
    rules = rules or ReadingSettings()
    reasons: list[Reason] = []
    changes: list[SettingChange] = []
    for key, value in parameters.items():
        if key in {"user", "database"} or key.startswith("_pq_."):
            continue
        if key == "replication":
            if value.lower() not in {"false", "off", "no", "0"}:
                reasons.append(core_reason("RG-T05", "a replication connection"))
        elif key == "options":
            try:
                changes += [SettingChange(name=name.lower(), value=text) for name, text in split_options(value)]
            except ValueError as error:
                reasons.append(core_reason("RG-T06", str(error)))
        else:
            changes.append(SettingChange(name=key.lower(), value=value))
    reasons += [reason for change in changes if (reason := judge_setting(change, rules)) is not None]
    forward = {key: value for key, value in parameters.items() if key != "replication"}
    forward["default_transaction_read_only"] = "on"
    declared = Declared() if reasons else Declared.at_startup(changes)
    return StartupJudgement(forward=forward, declared=declared, reasons=tuple(reasons))


def split_options(options: str) -> list[tuple[str, str]]:
    """The settings in a startup packet's ``options``, as the server splits and reads them.

    White space separates, a backslash takes the next character as it is (``pg_split_opts``); ``-c name=value``,
    ``-cname=value`` and ``--name=value`` set, dashes in a long name stand for underscores.

    Raises:
        ValueError: any other switch; the text names what is wrong.
    """
    words: list[str] = []
    word: list[str] | None = None
    letters = iter(options)
    for letter in letters:
        if letter in " \t\n\r\f\v":
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [] if word is None else word
            word.append(next(letters, "") if letter == "\\" else letter)
    if word is not None:
        words.append("".join(word))
    found: list[tuple[str, str]] = []
    rest = iter(words)
    for item in rest:
        if item == "-c":
            setting = next(rest, "")
        elif item.startswith(("-c", "--")):
            setting = item[2:]
        else:
            raise ValueError("options with a switch other than -c")
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise ValueError("options with a setting that is not name=value")
        found.append((name.replace("-", "_"), value))
    return found
