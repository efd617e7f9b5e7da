"""What is asked of a server's catalogs, one query a kind of object. Works from PostgreSQL 13, for an ordinary role.

``USER`` is FirstNormalObjectId (access/transam.h): objects below it ship with PostgreSQL. Every definition is written
out by the server itself (pg_get_viewdef, pg_get_expr …) with an empty search_path but for pg_catalog, so that every
name that people gave is qualified.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BY_VERSION", "FINGERPRINT", "IDENTITY", "PREPARE", "QUERIES"]

PREPARE: Final = "SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off"

IDENTITY: Final = """
SELECT current_setting('server_version_num')::int4 AS server_version, current_database()::text AS database,
       now()::text AS taken_at,
       s.setting AS search_path,
       s.source IN ('default', 'configuration file', 'command line', 'environment variable') AS is_servers
FROM pg_catalog.pg_settings s WHERE s.name = 'search_path'
"""
"""Asked before anything is set: afterwards search_path is the capture's own."""

_OBJECTS_OF_EXTENSIONS: Final = """
SELECT d.objid, x.extname::text FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass
"""

BY_VERSION: Final = {
    "{sql_body}": ("NULL::text", "pg_get_function_sqlbody(p.oid)"),
    "{multiranges}": ("(SELECT 0::oid AS rngtypid, 0::oid AS rngmultitypid)", "pg_range"),
}
"""What stands for a word of a query: before PostgreSQL 14, and since, which has BEGIN ATOMIC and multiranges."""

_SETTING: Final = """
SELECT coalesce(r.rolname::text, ''), s.setdatabase <> 0, substr(c, length('{0}=') + 1)
FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) c
WHERE starts_with(c, '{0}=') AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY 1, 2
"""

QUERIES: Final[dict[str, str]] = {
    # a schema that a role may not use is left out of its search path: whose is open to all is certain to be searched
    "schemas": "SELECT nspname::text, has_schema_privilege('public', oid, 'USAGE') FROM pg_namespace ORDER BY oid",
    # every relation has a type of its name
    "system_names": """
        SELECT DISTINCT s.typname::text FROM pg_type s JOIN pg_type u ON u.typname = s.typname
        WHERE s.oid < 16384 AND u.oid >= 16384 AND s.typnamespace = 'pg_catalog'::regnamespace ORDER BY 1
    """,
    "extensions": "SELECT extname::text, extversion FROM pg_extension ORDER BY 1",
    "search_paths": _SETTING.format("search_path"),
    # ALTER ROLE … SET role: whom the session acts as, and "$user" stands for, is another than who logged in
    "session_roles": _SETTING.format("role"),
    "login_triggers": """
        SELECT evtname::text FROM pg_event_trigger WHERE evtevent = 'login' AND evtenabled <> 'D' ORDER BY 1
    """,
    "extension_members": _OBJECTS_OF_EXTENSIONS,
    # --- who uses whom; what runs only on writing (defaults, triggers, foreign keys) is left out
    "depends": """
        SELECT d.classid::regclass::text, d.objid, d.refclassid::regclass::text, d.refobjid
        FROM pg_depend d
        WHERE d.deptype IN ('n', 'a') AND d.refobjid >= 16384
          AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass,
                            'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_constraint'::regclass,
                            'pg_attrdef'::regclass, 'pg_statistic_ext'::regclass, 'pg_opclass'::regclass)
          AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass,
                               'pg_type'::regclass, 'pg_opclass'::regclass)
          AND NOT (d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass)
          AND NOT (d.classid = 'pg_type'::regclass AND d.refclassid = 'pg_class'::regclass)
        GROUP BY 1, 2, 3, 4
    """,
    # --- relations
    "relations": """
        SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relrowsecurity
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') ORDER BY c.oid
    """,
    "columns": """
        SELECT a.attrelid, array_agg(a.attname::text ORDER BY a.attnum), array_agg(a.atttypid ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
          AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
        GROUP BY 1
    """,
    "children": "SELECT inhparent, array_agg(inhrelid ORDER BY inhrelid) FROM pg_inherits GROUP BY 1",
    "views": """
        SELECT r.oid, r.ev_class, pg_get_viewdef(r.ev_class)
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE r.ev_type = '1' AND c.oid >= 16384 AND c.relkind = 'v' ORDER BY r.oid
    """,
    "policies": """
        SELECT p.oid, p.polrelid, p.polname::text, pg_get_expr(p.polqual, p.polrelid)
        FROM pg_policy p WHERE p.polcmd IN ('r', '*') AND p.polqual IS NOT NULL ORDER BY p.oid
    """,
    # PostgreSQL 18 computes virtual generated columns where they are read
    "generated": """
        SELECT d.oid, d.adrelid, a.attname::text, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        WHERE a.attgenerated = 'v' ORDER BY d.oid
    """,
    # the planner evaluates what is immutable in a CHECK, an index or extended statistics
    "checks": "SELECT oid, conrelid, conname::text FROM pg_constraint WHERE contype = 'c' AND conrelid >= 16384",
    "indexes": """
        SELECT i.indexrelid, i.indrelid, c.relname::text, am.amhandler::oid FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam WHERE i.indrelid >= 16384
    """,
    "access_methods": """
        SELECT c.oid, am.amname::text, am.amhandler::oid FROM pg_class c JOIN pg_am am ON am.oid = c.relam
        WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm', 'p') AND am.amhandler::oid >= 16384
    """,
    "statistics": "SELECT oid, stxrelid, stxname::text FROM pg_statistic_ext",
    # --- functions
    "functions": """
        SELECT p.oid, n.nspname::text AS schema, p.proname::text AS name, oidvectortypes(p.proargtypes) AS signature,
               p.prokind::text AS kind, l.lanname::text AS language, p.provolatile::text AS volatility,
               p.pronargs::int4 AS arguments, p.pronargdefaults::int4 AS defaults, p.provariadic <> 0 AS is_variadic,
               p.proargtypes::oid[] AS argument_types, p.prorettype AS returns,
               pg_get_userbyid(p.proowner)::text AS owner, p.prosecdef AS is_definer,
               coalesce(p.proconfig, '{}') AS settings, {sql_body} AS atomic_body,
               CASE WHEN l.lanname IN ('sql', 'plpgsql', 'internal') THEN p.prosrc ELSE '' END AS source,
               coalesce(pg_get_expr(p.proargdefaults, 0), '') AS default_values, p.prosupport::oid AS support,
               p.proretset AS is_set,
               CASE WHEN p.prorettype < 16384 THEN format_type(p.prorettype, NULL) ELSE '' END AS result,
               ARRAY(
                   SELECT ARRAY[coalesce(a.mode::text, 'i'), coalesce(a.name, ''),
                                CASE WHEN a.type < 16384 THEN format_type(a.type, NULL) ELSE '' END]
                   FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes, p.proargnames)
                        WITH ORDINALITY a(type, mode, name, n)
                   WHERE l.lanname = 'plpgsql' ORDER BY a.n
               ) AS parameters
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
        WHERE p.oid >= 16384 OR l.lanname NOT IN ('internal', 'c', 'sql') ORDER BY p.oid
    """,
    # an aggregate runs built-in functions without naming them where pg_depend would tell
    "aggregates": """
        SELECT a.aggfnoid::oid, array_agg(DISTINCT f.proname::text)
        FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
             a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) u(f_oid) JOIN pg_proc f ON f.oid = u.f_oid
        WHERE a.aggfnoid >= 16384 AND f.oid < 16384 GROUP BY 1
    """,
    "internals": """
        SELECT p.prosrc, array_agg(DISTINCT p.proname::text) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.oid < 16384 AND l.lanname = 'internal' AND p.provolatile <> 'v'
          AND p.prosrc IN (SELECT u.prosrc FROM pg_proc u WHERE u.oid >= 16384 AND u.prolang = p.prolang)
        GROUP BY 1
    """,
    # --- operators, casts, types, operator classes
    "operators": """
        SELECT o.oid, n.nspname::text, o.oprname::text,
               concat_ws(', ', nullif(format_type(o.oprleft, NULL), '-'), format_type(o.oprright, NULL)),
               ARRAY(SELECT f.oid FROM pg_proc f WHERE f.oid IN (o.oprcode, o.oprrest, o.oprjoin) AND f.oid >= 16384),
               ARRAY(SELECT f.proname::text FROM pg_proc f WHERE f.oid = o.oprcode AND f.oid < 16384),
               ARRAY(SELECT x.oid FROM pg_operator x WHERE x.oid IN (o.oprcom, o.oprnegate)
                     AND x.oid >= 16384 AND x.oid <> o.oid),
               ARRAY(SELECT k.oid FROM pg_amop a JOIN pg_opclass k ON k.opcfamily = a.amopfamily
                     WHERE a.amopopr = o.oid AND k.oid >= 16384)
        FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
        WHERE o.oid >= 16384 AND o.oprcode <> 0 ORDER BY o.oid
    """,
    "casts": """
        SELECT c.oid, c.castsource, c.casttarget, t.typname::text, c.castcontext::text,
               format('%s to %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)),
               c.castfunc, f.proname::text
        FROM pg_cast c JOIN pg_type t ON t.oid = c.casttarget LEFT JOIN pg_proc f ON f.oid = c.castfunc
        WHERE c.oid >= 16384 AND c.castmethod = 'f' ORDER BY c.oid
    """,
    "types": """
        SELECT t.oid, n.nspname::text, t.typname::text, t.typtype::text, t.typelem, t.typbasetype, t.typrelid,
               coalesce(r.rngsubtype, 0), coalesce(m.rngtypid, 0)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_range r ON r.rngtypid = t.oid LEFT JOIN {multiranges} m ON m.rngmultitypid = t.oid
        WHERE t.oid >= 16384 AND n.nspname <> 'pg_toast' ORDER BY t.oid
    """,
    "domain_checks": """
        SELECT c.oid, c.contypid, c.conname::text, pg_get_expr(c.conbin, 0) FROM pg_constraint c
        WHERE c.contype = 'c' AND c.contypid <> 0 ORDER BY c.oid
    """,
    "operator_classes": """
        SELECT k.oid, format('%I for %s', k.opcname, format_type(k.opcintype, NULL)), k.opcintype, k.opcdefault,
               ARRAY(SELECT DISTINCT p.amproc::oid FROM pg_amproc p WHERE p.amprocfamily = k.opcfamily
                     AND p.amproc::oid >= 16384),
               ARRAY(SELECT DISTINCT o.amopopr FROM pg_amop o WHERE o.amopfamily = k.opcfamily AND o.amopopr >= 16384),
               ARRAY(SELECT DISTINCT f.proname::text FROM pg_amproc p JOIN pg_proc f ON f.oid = p.amproc
                     WHERE p.amprocfamily = k.opcfamily AND f.oid < 16384)
        FROM pg_opclass k WHERE k.oid >= 16384 ORDER BY k.oid
    """,
}
"""By name; some hold words of `BY_VERSION`."""

_MOVING: Final = {
    "xmin": (
        ("pg_proc", "oid", "WHERE oid >= 16384"),
        ("pg_class", "oid", "WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')"),
        # a column that is renamed or dropped, an index that is made, an expression that is changed leave pg_class alone
        ("pg_attribute", "concat(attrelid, '-', attnum)", "WHERE attrelid >= 16384 AND attnum > 0"),
        ("pg_attrdef", "oid", ""),
        ("pg_index", "indexrelid", "WHERE indrelid >= 16384"),
        ("pg_rewrite", "oid", "WHERE oid >= 16384"),
        ("pg_policy", "oid", ""),
        ("pg_constraint", "oid", "WHERE oid >= 16384"),
        ("pg_inherits", "concat(inhrelid, '-', inhparent)", ""),
        ("pg_type", "oid", "WHERE oid >= 16384"),
        ("pg_operator", "oid", "WHERE oid >= 16384"),
        ("pg_opclass", "oid", "WHERE oid >= 16384"),
        ("pg_amproc", "oid", "WHERE oid >= 16384"),
        ("pg_amop", "oid", "WHERE oid >= 16384"),
        ("pg_cast", "oid", "WHERE oid >= 16384"),
        ("pg_namespace", "oid", ""),
        ("pg_extension", "oid", ""),
        ("pg_statistic_ext", "oid", ""),
        ("pg_db_role_setting", "concat(setdatabase, '-', setrole)", ""),
        ("pg_event_trigger", "oid", ""),
    ),
    "rolname": (("pg_roles", "oid", ""),),  # a view
}

FINGERPRINT: Final = " UNION ALL ".join(
    [
        *(
            f"SELECT '{table}', count(*), sum(hashtextextended(concat({key}, ':', {moves}), 0)) FROM {table} {where}"  # noqa: S608
            for moves, rows in _MOVING.items()
            for table, key, where in rows
        ),
        "SELECT 'search_path', 1, hashtextextended(reset_val, 0) FROM pg_settings WHERE name = 'search_path'",
    ]
)
"""A row of every catalog gets a new xmin when it is changed: one number a catalog tells that something moved.

Asked like the rest after `PREPARE`: on another search path somebody's ``concat(oid, text, xid)`` would suit better than
the built-in one, and could keep the guard from ever seeing a change.
"""
