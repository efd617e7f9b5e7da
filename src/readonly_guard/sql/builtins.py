"""What ships with PostgreSQL: functions with their volatility, types, operators and relations of the system schemas.

The facts are generated from live servers by scripts/generate_builtins.py; this module only loads them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import msgspec

__all__ = ["FUNCTIONS", "OPERATORS", "RELATIONS", "REVEALING_RELATIONS", "TYPES"]


class _Document(msgspec.Struct, frozen=True):
    servers: list[str]
    functions: dict[str, dict[str, list[str]]]
    types: dict[str, frozenset[str]]
    operators: frozenset[str]
    relations: dict[str, frozenset[str]]


_document: Final = msgspec.json.decode(
    files("readonly_guard.sql").joinpath("builtins.json").read_bytes(), type=_Document
)

FUNCTIONS: Final[dict[str, dict[str, str]]] = {
    schema: {name: volatility for volatility, names in groups.items() for name in names}
    for schema, groups in _document.functions.items()
}
"""schema → function → the volatilities of its overloads in all majors, as letters of ``i``, ``s``, ``v``."""

TYPES: Final = _document.types
"""schema → type names, arrays (``_int4``) and row types among them."""

OPERATORS: Final = _document.operators
"""Names of the operators in pg_catalog."""

RELATIONS: Final = _document.relations
"""schema → tables and views."""

REVEALING_RELATIONS: Final = frozenset(
    """
    pg_statistic pg_stats pg_stats_ext pg_stats_ext_exprs pg_statistic_ext_data pg_largeobject
    pg_authid pg_shadow pg_user_mapping pg_user_mappings pg_hba_file_rules pg_ident_file_mappings pg_file_settings
    pg_subscription pg_stat_activity
    """.split()
)
"""Relations of pg_catalog that hold what people put in: values of the most common rows, large objects, secrets, and the
statements of all sessions of a role, which is one for all users where logins end at the guard."""
