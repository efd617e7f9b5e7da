"""How names are resolved, what is denied for being unknown, and what the owner may allow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import psycopg
import pytest

from readonly_guard.case import Case
from readonly_guard.catalog import CatalogResolver, capture, names, outcomes, report
from readonly_guard.catalog import resolver as resolver_module
from readonly_guard.catalog.extensions import shipped_extensions
from readonly_guard.domain import SearchPath, StatementRequest, Subject
from readonly_guard.settings import (
    AllowedObjectSettings,
    CatalogSettings,
    InformationSetSettings,
    KnownExtensionSettings,
    ReadingSettings,
)
from readonly_guard.sql import Analyzer


def codes(resolver, sql, *paths, user="reader"):
    path = SearchPath(user=user, paths=paths or (None,))
    return [reason.code for reason in Analyzer(resolver=resolver).analyse(sql, path).reasons]


def knowing(server, made, undone):
    """What is known of a server while it has something more."""
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(made)
        try:
            return CatalogResolver(asyncio.run(capture(server.dsn)))
        finally:
            admin.execute(undone)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nowhere", "RG-F04"),
        ("SELECT * FROM no_schema.nothing", "RG-F04"),
        ("SELECT * FROM pg_temp.t", "RG-F04"),
        ("SELECT nothing_known(1)", "RG-F01"),
        ("SELECT canary.nothing_known(1)", "RG-F01"),
        ("SELECT 1 <=====> 2", "RG-F04"),
        ("SELECT 1 OPERATOR(canary.===) 2", "RG-F04"),
        ("SELECT 1::no_such_type", "RG-F04"),
        ("SELECT 1::canary.int4", "RG-F04"),
        ("SELECT canary.poke(1, 2, 3)", "RG-F01"),
    ],
)
def test_what_is_not_known_is_denied(newest, sql, code):
    assert codes(newest.resolver, sql, ("canary",)) == [code]


def test_without_a_search_path_the_default_of_role_and_database_counts(newest):
    statement = "SELECT lower(n) FROM t_shadowed.t"
    assert codes(newest.resolver, statement) == []
    for who, user in (("ROLE reader", "reader"), ("DATABASE postgres", "other")):
        with psycopg.connect(newest.dsn, autocommit=True) as admin:
            admin.execute(f"ALTER {who} SET search_path = t_shadowed")
            try:
                resolver = CatalogResolver(asyncio.run(capture(newest.dsn)))
            finally:
                admin.execute(f"ALTER {who} RESET search_path")
        assert codes(resolver, statement, user=user) == ["RG-F03"]
        # a role's setting is only its own
        assert codes(resolver, statement, user="reader") == (["RG-F03"])


def test_user_stands_for_the_role(newest):
    path = ("$user", "canary")
    assert codes(newest.resolver, "SELECT lower(n) FROM t_shadowed.t", path, user="t_shadowed") == ["RG-F03"]
    assert codes(newest.resolver, "SELECT lower(n) FROM t_shadowed.t", path, user="reader") == []


def test_pg_catalog_is_first_unless_the_path_says_where(newest):
    # l_elsewhere has a function now(): as relations and types go, the first of a name wins
    assert codes(newest.resolver, "SELECT * FROM pg_class", ("canary",)) == []
    resolver = knowing(newest, "CREATE VIEW canary.pg_class AS SELECT canary.poke() AS n", "DROP VIEW canary.pg_class")
    assert codes(resolver, "SELECT * FROM pg_class", ("canary",)) == []
    assert codes(resolver, "SELECT * FROM pg_class", ("canary", "pg_catalog")) == ["RG-F03"]


def test_every_path_that_may_be_in_force_is_asked(newest):
    statement = "SELECT lower(n) FROM t_shadowed.t"
    assert codes(newest.resolver, statement, ("canary",), ("t_shadowed",)) == ["RG-F03"]
    assert codes(newest.resolver, statement, *[(f"s{number}",) for number in range(17)]) == ["RG-T06"]


def test_sessions_for_which_names_mean_the_same_share_what_is_known(newest):
    resolver, statement = CatalogResolver(newest.snapshot), "SELECT lower(n) FROM t_shadowed.t"
    paths = [("$user", "canary"), ("canary", "nowhere"), ("canary",) * 500]
    contexts = {one for user in ("reader", "other") for one in resolver.contexts(SearchPath(user=user, paths=paths))}
    assert len(contexts) == 1
    assert codes(resolver, statement, *paths) == []
    assert codes(resolver, statement, ("$user", "canary"), user="t_shadowed") == ["RG-F03"]
    assert codes(resolver, statement, ("t_shadowed", "canary"), user="other") == ["RG-F03"]


def test_what_is_known_of_search_paths_is_bounded_and_found_again(newest, monkeypatch):
    for module in (outcomes, resolver_module):
        monkeypatch.setattr(module, "_MOST_CONTEXTS", 3)
    resolver = CatalogResolver(newest.snapshot)
    resolver.closure._most_outcomes = 20
    for _ in range(2):
        for schema in newest.snapshot.schemas[:30]:
            assert codes(resolver, "SELECT lower(n) FROM t_shadowed.t", (schema, "t_shadowed")) == ["RG-F03"]
            assert codes(resolver, "SELECT n + 1 FROM t_shadowed.t", ("canary", schema)) == []
    assert len(resolver.closure._outcomes._names) <= 3
    assert len(resolver._everywhere) <= 3
    assert len(resolver.closure._outcomes) < 200


def test_the_owner_may_allow_an_object_by_name(newest):
    allow = [
        AllowedObjectSettings(object="function canary.poke(integer)", reason="a test"),
        AllowedObjectSettings(object="relation t_view.v", reason="a test"),
        AllowedObjectSettings(object="function t_named.f", reason="a test"),
    ]
    resolver = CatalogResolver(newest.snapshot, settings=CatalogSettings(allow=tuple(allow)))
    assert codes(resolver, "SELECT canary.poke(1)") == []
    assert codes(resolver, "SELECT canary.poke()") == ["RG-F02"]
    assert codes(resolver, "SELECT * FROM t_view.v") == []
    assert codes(resolver, "SELECT t_named.f(1)") == []
    assert codes(resolver, "SELECT t_named.g(1)") == ["RG-F02"]


def test_an_extension_is_known_by_name_and_version(newest):
    statement = "SELECT canary.similarity('a', 'b')"
    assert codes(newest.resolver, statement) == []
    assert codes(newest.resolver, "SELECT canary.set_limit(0.5)") == ["RG-F02"]
    other = KnownExtensionSettings(name="pg_trgm", at_least="7", below="8")
    resolver = CatalogResolver(newest.snapshot, settings=CatalogSettings(extensions=(other,)))
    assert codes(resolver, statement) == ["RG-F01"]
    newer = msgspec.structs.replace(
        newest.snapshot,
        extensions=tuple(
            msgspec.structs.replace(one, version="2.0") if one.name == "pg_trgm" else one
            for one in newest.snapshot.extensions
        ),
    )
    assert codes(CatalogResolver(newer), statement) == ["RG-F01"]


def test_a_cast_between_built_in_types_is_in_every_statement(newest):
    resolver = knowing(
        newest,
        "CREATE FUNCTION canary.c(point) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT canary.poke()';"
        "CREATE CAST (point AS int) WITH FUNCTION canary.c(point) AS IMPLICIT",
        "DROP CAST (point AS int); DROP FUNCTION canary.c(point)",
    )
    assert codes(resolver, "SELECT 1 + point '(1,1)'") == ["RG-F03"]
    assert codes(resolver, "SELECT 1") == ["RG-F03"]
    assert codes(resolver, "SHOW server_version") == []


def test_a_function_that_is_called_immutable_and_changes_a_setting(oldest):
    with psycopg.connect(oldest.dsn, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION isn SCHEMA canary")
        try:
            resolver = CatalogResolver(asyncio.run(capture(oldest.dsn)))
            assert admin.execute("SELECT canary.isn_weak(true), canary.isn_weak()").fetchone() == (True, True)
        finally:
            admin.execute("DROP EXTENSION isn")
    assert codes(resolver, "SELECT canary.isn_weak(true)") == ["RG-F02"]


def test_the_statements_of_all_sessions_are_a_search_by_the_view_and_by_its_function(oldest):
    with psycopg.connect(oldest.dsn, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION pg_stat_statements SCHEMA canary")
        try:
            analyzer = Analyzer(resolver=CatalogResolver(asyncio.run(capture(oldest.dsn))))
        finally:
            admin.execute("DROP EXTENSION pg_stat_statements")
    for source, relation in (
        ("canary.pg_stat_statements", "canary.pg_stat_statements"),
        ("canary.pg_stat_statements(true)", "canary.pg_stat_statements"),
        ("canary.pg_stat_statements_info()", ""),
    ):
        request = StatementRequest(text=f"SELECT * FROM {source}", subject=Subject(id="alind"))
        question = Case(request, analyzer.analyse(request.text), "id", "2024-11-12T00:00:00Z").question
        assert " ".join(resource.id for resource in question.resources) == relation
        assert question.action.name == ("search" if relation else "catalog"), source


def test_a_cast_of_assignments_is_in_every_function(newest):
    resolver = knowing(
        newest,
        "CREATE FUNCTION canary.c(point) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT canary.poke()';"
        "CREATE CAST (point AS int) WITH FUNCTION canary.c(point) AS ASSIGNMENT;"
        "CREATE FUNCTION canary.f() RETURNS int LANGUAGE sql STABLE AS $$ SELECT point '(1,1)' $$",
        "DROP FUNCTION canary.f(); DROP CAST (point AS int); DROP FUNCTION canary.c(point)",
    )
    assert codes(resolver, "SELECT canary.f()") == ["RG-F03"]


def test_the_role_that_a_session_begins_as_is_the_one_that_user_stands_for(newest):
    statement, path = "SELECT lower(n) FROM t_shadowed.t", ("$user", "canary")
    resolver = knowing(
        newest,
        "CREATE ROLE t_shadowed; CREATE ROLE other; ALTER ROLE other SET role = t_shadowed",
        "DROP ROLE other; DROP ROLE t_shadowed",
    )
    assert codes(resolver, statement, path, user="other") == ["RG-F03"]
    assert codes(resolver, statement, path, user="reader") == []


def test_a_name_cannot_steer_the_terminal_that_it_is_read_on(newest):
    resolver = knowing(
        newest, 'CREATE VIEW canary."v\x1b[2J\n" AS SELECT canary.poke() AS n', 'DROP VIEW canary."v\x1b[2J\n"'
    )
    (reason,) = Analyzer(resolver=resolver).analyse('SELECT * FROM canary."v\x1b[2J\n"').reasons
    assert reason.what.startswith(
        "view canary.v\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER} (view definition)"
    )


def test_every_object_of_a_chain_tells_its_own_rest_of_it(newest):
    resolver = CatalogResolver(newest.snapshot)
    why = {}
    for view in ("d", "b", "c", "a"):  # b was passed on the way from d
        (reason,) = Analyzer(resolver=resolver).analyse(f"SELECT * FROM t_view_of_views.{view}").reasons
        why[view] = reason.what.partition(" → ")
    assert why["d"][2].startswith(why["c"][0])
    assert why["d"][2].endswith(why["b"][2])
    assert why["b"][2].startswith(why["a"][0])


def test_what_a_field_may_call_is_found_however_many_were_asked_for(newest, monkeypatch):
    monkeypatch.setattr(names, "_MOST_REMEMBERED", 2)
    resolver = CatalogResolver(newest.snapshot)
    for other in ("", "", ", t.a, t.b, t.c", ""):
        assert codes(resolver, f"SELECT t.touched{other} FROM t", ("t_attribute",)) == ["RG-F03"]


def test_the_place_in_the_statement_is_told(newest):
    (reason,) = Analyzer(resolver=newest.resolver).analyse("SELECT 'ö', canary.poke()").reasons
    assert (reason.code, reason.position, reason.what) == (
        "RG-F02",
        13,
        "function canary.poke(): it is volatile; declare it STABLE if it only reads",
    )


def test_the_report_names_what_the_traps_are_made_of(newest):
    found = {finding.title: str(finding.chain) for finding in report(newest.resolver)}
    assert "view t_view.v" in found
    assert found["view t_view_of_views.d"].count("→") == 4
    assert "table t_policy.t" in found
    assert "policy own" in found["table t_policy.t"]
    assert "foreign table t_foreign_table.t" in found
    assert not [title for title in found if " l_view." in title or " l_types." in title]


def test_a_defect_of_the_resolver_is_a_denial(newest):
    class Broken:
        def judge(self, reading, path):
            raise KeyError("canary")

    (reason,) = Analyzer(resolver=Broken()).analyse("SELECT 1").reasons
    assert reason.code == "RG-F03"
    assert "canary" not in reason.what


MADE = """
    CREATE TABLE canary.person (person_id bigint, name_last text);
    CREATE TABLE canary.code_value (code_value bigint, display text);
    CREATE VIEW canary.everybody AS SELECT * FROM canary.person;
    CREATE FUNCTION canary.in_sql(n bigint) RETURNS text STABLE LANGUAGE sql
        AS 'SELECT name_last FROM canary.person WHERE person_id = n';
    CREATE FUNCTION canary.in_plpgsql(n bigint) RETURNS text STABLE LANGUAGE plpgsql
        AS 'BEGIN RETURN (SELECT name_last FROM canary.everybody WHERE person_id = n); END';
    CREATE FUNCTION canary.by_another(n bigint) RETURNS text STABLE LANGUAGE sql AS 'SELECT canary.in_sql(n)';
    CREATE FUNCTION canary.allowed(n bigint) RETURNS text VOLATILE LANGUAGE sql
        AS 'SELECT name_last FROM canary.person WHERE person_id = n';
    CREATE FUNCTION canary.display(n bigint) RETURNS text STABLE LANGUAGE sql
        AS 'SELECT display FROM canary.code_value WHERE code_value = n';
    CREATE FUNCTION canary.is_there(n bigint, m bigint) RETURNS bool STABLE LANGUAGE sql
        AS 'SELECT EXISTS (SELECT FROM canary.person WHERE person_id = n)';
    CREATE OPERATOR canary.<=?=> (FUNCTION = canary.is_there, LEFTARG = bigint, RIGHTARG = bigint);
"""
UNDONE = """
    DROP OPERATOR canary.<=?=> (bigint, bigint); DROP FUNCTION canary.in_sql, canary.in_plpgsql, canary.by_another,
    canary.allowed, canary.display, canary.is_there; DROP VIEW canary.everybody; DROP TABLE canary.person, canary.code_value
"""


def test_what_a_function_reads_is_read_by_the_statement(newest):
    snapshot = knowing(newest, MADE, UNDONE).snapshot
    allow = (AllowedObjectSettings(object="function canary.allowed", reason="a test"),)
    sets = (InformationSetSettings(name="Personuppgifter", table="person"),)
    resolver = CatalogResolver(snapshot, settings=CatalogSettings(allow=allow))
    analyzer = Analyzer(ReadingSettings(information_sets=sets), resolver=resolver)

    def asked(sql):
        request = StatementRequest(text=sql, subject=Subject(id="alind"))
        return Case(
            request, analyzer.analyse(sql, SearchPath(paths=(("canary",),))), "id", "2024-11-12T00:00:00Z"
        ).question

    for sql in (
        "SELECT in_sql(7)",
        "SELECT in_plpgsql(7)",
        "SELECT by_another(7)",
        "SELECT allowed(7)",
        "SELECT 7::bigint OPERATOR(canary.<=?=>) 8",
        "SELECT * FROM in_sql(7)",
        "SELECT n FROM generate_series(1, 9) AS n ORDER BY in_sql(n)",
        "SELECT name_last, in_sql(8) FROM person WHERE person_id = 7",
        "PREPARE p AS SELECT in_sql($1)",
    ):
        question = asked(sql)
        assert question.action.name == "search", sql
        assert "canary.person" in [resource.id for resource in question.resources], sql
        assert question.context["is_bound"] is False
        assert question.context["information_sets"] == ("Personuppgifter",)
    for number in (7, 8):  # the second by its shape
        reference = asked(f"SELECT name_last, display({number}) FROM person WHERE person_id = {number}")
        assert (reference.action.name, reference.context["is_bound"]) == ("read", True)
        other = asked(f"SELECT in_sql(9) FROM person WHERE person_id = {number}")
        assert (other.action.name, other.context["is_bound"]) == ("search", False)
        assert other.context["patients"] == (f"person_id:{number}",)
    assert asked("SELECT display(7)").action.name == "catalog"


def test_the_documentation_lists_the_extensions_that_are_known():
    text = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")
    listed = text.partition("Known extensions: ")[2].partition(", each within")[0]
    assert listed.replace("`", "").split() == [one.name for one in shipped_extensions()]


def test_another_database_is_not_this_one(newest):
    def codes_in(database, sql, resolver=newest.resolver):
        path = SearchPath(database=database, paths=(("l_view", "canary"),))
        return [reason.code for reason in Analyzer(resolver=resolver).analyse(sql, path).reasons]

    assert codes_in("postgres", "SELECT * FROM l_view.t") == []
    assert codes_in("", "SELECT * FROM l_view.t") == []
    assert codes_in("template1", "SELECT * FROM l_view.t") == ["RG-F04"]
    assert codes_in("template1", "SELECT canary.similarity('a', 'b')") == ["RG-F01"]
    assert codes_in("template1", "SELECT 1, now()") == []
    open_one = CatalogResolver(newest.snapshot, settings=CatalogSettings(unknown_relations="allow"))
    assert codes_in("template1", "SELECT * FROM l_view.t", open_one) == []


def test_the_columns_are_known_to_lineage(newest):
    lineage = Analyzer(resolver=newest.resolver).lineage("SELECT * FROM l_view.t", catalog=newest.snapshot.columns)
    assert [use.column for use in lineage.columns] == ["made", "n", "name"]
    assert lineage.complete
