"""Decisions with facts that a plugin looks up: µs each, with `facts_postgres` over a PostgreSQL of a region's size.

python -m benchmarks.facts [--staff 10000] [--relations 1000000] [--decisions 5000] [--opa .tools/opa]

Roster and care relations are tables of a real server on this machine, and none of the policies' data. Elapsed time,
from the question until the answer: the first question of an asker asks for the person and the patient, a further
patient of somebody who has asked before for the patient only, and what is remembered asks for nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import psycopg

from benchmarks.policies import opa_server, questions, show
from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.hooks import gather
from readonly_guard.hooks.facts import Found
from readonly_guard.policy import EmbeddedEngine, OpaServer, PolicyDecisionPoint, PolicySet, load_policies
from readonly_guard_cli.demo import EmbeddedServer
from readonly_guard_plugins.facts_postgres import FactsPostgres, FactsSettings

_SCHEMA = """
CREATE TABLE staff (username text PRIMARY KEY, hsa_id text, name text, care_unit text, granted_at date, revoked_at date,
                    acknowledged_at date, purposes text[]);
CREATE TABLE care_relation (patient_id bigint, username text, begins date, ends date);
"""
_USER = "SELECT * FROM staff WHERE username = $1"
_RELATIONS = """
SELECT 'person_id:' || patient_id AS patient, username, begins AS "from", ends AS "to" FROM care_relation
 WHERE patient_id = ANY (SELECT split_part(key, ':', 2)::bigint FROM unnest($1::text[]) AS key)
"""


def fill(dsn: str, staff: int, relations: int) -> None:
    """The people of a region, and that many care relations, five a patient: those of `benchmarks.policies`."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_SCHEMA)
        connection.execute(
            "INSERT INTO staff SELECT 'user' || n, 'SE2321000131-E' || n, 'Anna Ek', 'SE2321000131-F000000000001',"
            " '2024-11-12', NULL, '2024-12-19', '{TREAT}' FROM generate_series(0, %s - 1) AS n",
            (staff,),
        )
        connection.execute(
            "INSERT INTO care_relation SELECT n / 5, 'user' || ((n / 5) * 7 + n %% 5) %% %s, '2024-11-12', NULL"
            " FROM generate_series(0, %s - 1) AS n",
            (staff, relations),
        )
        connection.execute("CREATE INDEX ON care_relation (patient_id)")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def without_people() -> PolicySet:
    """The shipped policies with units, but nobody in roster and relations: these are looked up."""
    policies = load_policies(None)
    assert policies.cases is not None
    data = (
        policies.data | policies.cases.data | {"roster": {"users": {}}, "relations": {}, "blocks": {}, "patients": {}}
    )
    return msgspec.structs.replace(policies, data=data, cases=None)


def decider(plugin: FactsPostgres, pdp: PolicyDecisionPoint) -> Callable[[AccessRequest], Awaitable[Answer]]:
    """As the guard decides: ask the plugin, then the policies."""

    async def decide(request: AccessRequest) -> Answer:
        facts = await gather([Found("facts_postgres", plugin.gather_context(request))], 2.0)
        return await pdp.decide(msgspec.structs.replace(request, context={**request.context, "facts": facts}))

    return decide


async def measure(
    name: str,
    settings: FactsSettings,
    pdp: PolicyDecisionPoint,
    first: list[AccessRequest],
    further: list[AccessRequest],
) -> None:
    """Print what the three kinds of questions take."""
    plugin = FactsPostgres(settings)
    decide = decider(plugin, pdp)
    try:
        await plugin.gather_context(msgspec.structs.replace(first[0], subject=further[-1].subject))  # connects
        for kind, asked in (
            ("an asker's first question", first),
            ("a further patient", further),
            ("remembered", further[-1:] * len(further)),
        ):
            times = []
            for request in asked:
                began = time.perf_counter_ns()
                answer = await decide(request)
                times.append(time.perf_counter_ns() - began)
                assert answer.allow, answer
            show(f"{name}, {kind}", times)
    finally:
        await plugin.guard_shutdown()


async def with_opa(binary: str, policies: PolicySet, settings: FactsSettings, *asked: list[AccessRequest]) -> None:
    """The same with a real OPA server."""
    with opa_server(binary, policies) as url:
        async with OpaServer(url, deadline_s=5) as server:
            deadline = time.monotonic() + 60
            while True:
                try:
                    await server.decide(asked[0][0])
                    break
                except PolicyUnavailable:
                    assert time.monotonic() < deadline, "OPA did not start"
                    await asyncio.sleep(0.2)
            await measure("OPA", settings, server, *asked)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--staff", type=int, default=10_000)
    parser.add_argument("--relations", type=int, default=1_000_000)
    parser.add_argument("--decisions", type=int, default=5_000)
    parser.add_argument("--opa", help="path of an OPA binary; without it OPA is left out")
    options = parser.parse_args()
    asked = list(questions(options.staff, options.relations, options.staff + options.decisions))
    first, further = asked[: options.decisions], asked[options.staff :]
    policies = without_people()
    with EmbeddedServer() as server, tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        fill(server.admin_dsn, options.staff, options.relations)
        print(f"{options.staff:,} staff, {options.relations:,} relations in {time.perf_counter() - began:.0f} s")
        password = Path(folder) / "password"
        password.write_text(psycopg.conninfo.conninfo_to_dict(server.admin_dsn)["password"], encoding="utf-8")
        settings = FactsSettings(
            host=str(server.socket_dir),
            port=server.port,
            database="postgres",
            user="postgres",
            password=password,
            cache_s=3_600,
            user_query=_USER,
            relations_query=_RELATIONS,
        )
        asyncio.run(measure("embedded", settings, EmbeddedEngine(policies), first, further))
        if options.opa:
            asyncio.run(with_opa(options.opa, policies, settings, first[:2_000], further[:2_000]))


if __name__ == "__main__":
    main()
