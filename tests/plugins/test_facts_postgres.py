"""`facts_postgres` over the synthetic database: care relations as the record system has them, decided by policy."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from importlib.resources import files

import asyncpg
import pytest

from readonly_guard import ConfigurationError, Declared, Guard, StatementRequest, Subject
from readonly_guard.domain import AccessRequest, Action
from readonly_guard_cli.demo import policy_data
from readonly_guard_plugins.facts_postgres import FactsPostgres, FactsSettings

RELATIONS = """
SELECT 'person_id:' || e.person_id AS patient, p.username, r.beg_effective_dt_tm::date AS "from",
       (r.end_effective_dt_tm + interval '1 year')::date AS "to"
  FROM millennium.encntr_prsnl_reltn r
  JOIN millennium.encounter e USING (encntr_id)
  JOIN millennium.prsnl p ON p.person_id = r.prsnl_person_id
 WHERE 'person_id:' || e.person_id = ANY ($1::text[])
"""
USER = """
SELECT username, hsa_id, name_full_formatted AS name, 'Medicin' AS care_unit, DATE '2024-11-12' AS granted_at,
       NULL::date AS revoked_at, DATE '2024-12-18' AS acknowledged_at, ARRAY['TREAT'] AS purposes
  FROM millennium.prsnl WHERE username = $1
"""
UNIT = "SELECT $1::text AS name, 'SÄS' AS administration, 'SE1' AS provider, true AS is_southern, true AS is_care"
BLOCKS = """
SELECT key AS patient, 'SE1' AS provider, unit, "to" FROM (VALUES
       ('person_id:1', 'Kirurgi', NULL::date), ('person_id:1', NULL, DATE '2025-01-01'), ('person_id:2', NULL, NULL)
     ) AS b (key, unit, "to") WHERE key = ANY ($1::text[])
"""
NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings_of(millennium, tmp_path):
    """As a person of the demo, who may read all of it."""
    password = tmp_path / "password"
    password.write_text(f"{millennium.password}\n", encoding="utf-8")

    def make(**changes):
        where = {"host": "127.0.0.1", "port": millennium.server.port, "database": millennium.name}
        return FactsSettings(**{**where, "user": "alind", "password": password, "timeout_s": 10.0, **changes})

    return make


@contextlib.asynccontextmanager
async def plugin_of(settings, **arguments):
    plugin = FactsPostgres(settings, **arguments)
    try:
        yield plugin
    finally:
        await plugin.guard_shutdown()


def question(user, *patients, action="read"):
    context = {"patients": patients}
    return AccessRequest(
        request_id="1", subject=Subject(id=user), action=Action(name=action), resources=(), context=context
    )


async def test_each_query_becomes_a_fact(settings_of):
    settings = settings_of(user_query=USER, unit_query=UNIT, relations_query=RELATIONS, blocks_query=BLOCKS)
    async with plugin_of(settings) as plugin:
        facts = await plugin.gather_context(question("alind", "person_id:1", "person_id:2", "person_id:3"))
        assert facts["user"]["granted_at"] == "2024-11-12"
        assert facts["user"]["purposes"] == ["TREAT"]
        assert facts["unit"]["name"] == "Medicin"
        assert facts["relations"] == {"person_id:1": {}, "person_id:2": {}, "person_id:3": {}}
        assert facts["blocks"] == {
            "person_id:1": [
                {"provider": "SE1", "unit": "Kirurgi", "to": None},
                {"provider": "SE1", "to": "2025-01-01"},
            ],
            "person_id:2": [{"provider": "SE1", "to": None}],
            "person_id:3": [],
        }
        assert json.dumps(facts)


async def test_someone_unknown_is_looked_for_and_not_there(settings_of):
    async with plugin_of(settings_of(user_query=USER, unit_query=UNIT)) as plugin:
        assert await plugin.gather_context(question("nobody")) == {"user": None}


async def test_patients_are_looked_up_where_records_are_opened(settings_of):
    async with plugin_of(settings_of(relations_query=RELATIONS)) as plugin:
        assert await plugin.gather_context(question("alind", "person_id:1", action="session")) == {"relations": {}}


async def test_answers_are_kept_for_a_while(settings_of, millennium):
    now = [0.0]
    query = "SELECT $1::text AS name, random()::text AS hsa_id"
    async with plugin_of(settings_of(user_query=query, cache_s=10.0), clock=lambda: now[0]) as plugin:
        first = await plugin.gather_context(question("alind"))
        now[0] = 9.9
        assert await plugin.gather_context(question("alind")) == first
        now[0] = 10.0
        assert await plugin.gather_context(question("alind")) != first


@pytest.mark.parametrize(
    ("changes", "raises"),
    [
        ({"user_query": "SELECT no_such_column"}, asyncpg.PostgresError),
        ({"user_query": "SELECT pg_sleep(30), $1::text", "timeout_s": 0.1}, asyncio.TimeoutError),
        ({"user_query": USER, "database": "nowhere"}, asyncpg.InvalidCatalogNameError),
        ({"user_query": USER, "host": "/nowhere"}, OSError),
    ],
)
async def test_what_cannot_be_had_raises(settings_of, changes, raises):
    async with plugin_of(settings_of(**changes)) as plugin:
        with pytest.raises(raises):
            await plugin.gather_context(question("alind"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [({}, "names no query"), ({"unit_query": UNIT}, "unit_query goes by the care_unit that user_query gives")],
)
def test_settings_that_look_nothing_up_are_refused(settings, says):
    with pytest.raises(ConfigurationError, match=says):
        FactsPostgres(FactsSettings(host="h", database="d", user="u", **settings))


async def test_a_care_relation_of_the_record_system_opens_the_record(settings_of, millennium, tmp_path):
    """With the demand `always`: who has met the patient reads, who has not does not, and a broken query opens nothing."""
    path = tmp_path / "data.json"
    demands = json.loads(files("readonly_guard_policies").joinpath("demands/data.json").read_text(encoding="utf-8"))
    path.write_text(json.dumps(policy_data() | {"demands": demands | {"relation": "always"}}), encoding="utf-8")
    connection = await asyncpg.connect(millennium.admin_dsn)
    rows = await connection.fetch(
        """SELECT p.username, e.person_id FROM millennium.encntr_prsnl_reltn r JOIN millennium.encounter e USING (encntr_id)
             JOIN millennium.prsnl p ON p.person_id = r.prsnl_person_id
            WHERE p.username IN ('alind', 'jwallin')"""
    )
    await connection.close()
    met = {(row["username"], row["person_id"]) for row in rows}
    patient = next(person for user, person in met if user == "alind" and ("jwallin", person) not in met)

    async def ask(plugin, user):
        guard = Guard.open(journal=None, data=[path], clock=lambda: NOW)
        guard._hooks.register(plugin)
        text = f"SELECT * FROM person WHERE person_id = {patient}"
        return (
            await guard.decide(
                StatementRequest(text=text, subject=Subject(id=user), declared=Declared(purpose="TREAT"))
            )
        ).codes

    async with plugin_of(settings_of(relations_query=RELATIONS)) as plugin:
        assert await ask(plugin, "alind") == ()
        assert await ask(plugin, "jwallin") == ("RG-L01",)
    async with plugin_of(settings_of(relations_query="SELECT 1/0")) as plugin:
        assert await ask(plugin, "alind") == ("RG-SYS-003",)
