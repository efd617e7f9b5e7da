"""A patient predicate is found only where it pins everything that is read; the oracle of that is the real server."""

from __future__ import annotations

import os
import random

import psycopg
import pytest

from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Analyzer

SEED = int(os.environ.get("READONLY_GUARD_FUZZ_SEED", "20241112"))
TEXTS = int(os.environ.get("READONLY_GUARD_LINEAGE_TEXTS", "4000"))

BOUND = """
SELECT * FROM person WHERE person_id = 1
SELECT * FROM person WHERE 1 = person_id
SELECT * FROM person WHERE person_id = $1
SELECT * FROM person WHERE person_id = $1::int8
SELECT * FROM person WHERE person_id = CAST($1 AS bigint)
SELECT * FROM person WHERE person_id = '1'::pg_catalog.int8
SELECT * FROM person WHERE person_id = -1
SELECT * FROM person WHERE person_id = 99999999999
SELECT * FROM person WHERE person_id::text = '7'
SELECT * FROM person WHERE person_id IN (1, 2)
SELECT * FROM person WHERE person_id IN ($1, $2, 3)
SELECT * FROM person WHERE person_id IN ($1)
SELECT * FROM person WHERE person_id = ANY ($1)
SELECT * FROM person WHERE person_id = ANY ($1::bigint[])
SELECT * FROM person WHERE person_id = ANY ('{1,2}')
SELECT * FROM person WHERE person_id = ANY (ARRAY[1, $1])
SELECT * FROM person WHERE person_id = ANY (ARRAY[1, $1]::bigint[])
SELECT * FROM person WHERE person_id OPERATOR(pg_catalog.=) 1
SELECT * FROM person WHERE "person_id" = 1
SELECT * FROM person WHERE U&"person_id" = 1
SELECT * FROM PERSON WHERE Person_Id = 1
SELECT * FROM person WHERE (name_last, person_id) = ('A', 1)
SELECT * FROM person WHERE ROW(person_id, 1) = ROW(2, person_id)
SELECT * FROM person WHERE (person_id, name_last) IN ((1, 'A'), ($1, 'B'))
SELECT * FROM person WHERE active_ind AND (name_last = 'A' AND (person_id = 1 AND sex_cd = 2))
SELECT * FROM person WHERE person_id = 1 AND (name_last = 'A' OR name_last = 'B')
SELECT * FROM millennium.person WHERE person_id = 1
SELECT * FROM millennium.person WHERE millennium.person.person_id = 1
SELECT * FROM ONLY person WHERE person_id = 1
SELECT * FROM person TABLESAMPLE system (10) WHERE person_id = 1
SELECT * FROM person AS p WHERE p.person_id = 1
SELECT * FROM encounter WHERE encntr_id = 1
SELECT count(*) FROM clinical_event WHERE person_id = 1 GROUP BY event_cd HAVING count(*) > 1
TABLE code_value UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM person WHERE person_id = 1
SELECT * FROM person AS p JOIN encounter AS e USING (person_id) WHERE p.person_id = 1
SELECT * FROM person AS p JOIN encounter AS e USING (person_id) WHERE person_id = 1
SELECT * FROM person AS p LEFT JOIN encounter AS e USING (person_id) WHERE person_id = 1
SELECT * FROM person AS p RIGHT JOIN encounter AS e USING (person_id) WHERE person_id = 1
SELECT * FROM person AS p LEFT JOIN encounter AS e ON e.person_id = p.person_id WHERE p.person_id = 1
SELECT * FROM encounter AS e RIGHT JOIN person AS p ON e.person_id = p.person_id WHERE p.person_id = 1
SELECT * FROM person AS p LEFT JOIN encounter AS e ON e.person_id = p.person_id LEFT JOIN diagnosis AS d ON d.encntr_id = e.encntr_id WHERE p.person_id = 1
SELECT * FROM person AS p LEFT JOIN (encounter AS e JOIN diagnosis AS d USING (encntr_id)) ON e.person_id = p.person_id WHERE p.person_id = 1
SELECT * FROM person AS p, encounter AS e WHERE e.person_id = p.person_id AND e.person_id = 1
SELECT * FROM person AS p, encounter AS e WHERE e.person_id = 1 AND p.person_id = 1
SELECT * FROM person AS p FULL JOIN encounter AS e ON true WHERE p.person_id = 1 AND e.person_id = 1
SELECT * FROM encounter AS e CROSS JOIN diagnosis AS d WHERE e.encntr_id = 5 AND (d.encntr_id, 1) = (e.encntr_id, 1)
SELECT * FROM person AS a JOIN person AS b ON a.person_id = b.person_id AND b.person_id = 1
SELECT * FROM person AS a NATURAL JOIN person AS b WHERE a.person_id = 1 AND b.person_id = 1
SELECT * FROM encounter AS e JOIN organization AS o ON o.organization_id = e.organization_id WHERE e.person_id = 1
SELECT c.*, s.name_full_formatted FROM clinical_event AS c JOIN prsnl AS s ON s.person_id = c.performed_prsnl_id WHERE c.person_id = 1
SELECT * FROM clinical_event AS c JOIN ce_blob AS b ON b.event_id = c.event_id WHERE c.person_id = 1
SELECT * FROM person AS p, pg_class AS c WHERE p.person_id = 1
SELECT * FROM person AS p, generate_series(1, 3) AS g WHERE p.person_id = 1
SELECT * FROM (SELECT * FROM person WHERE person_id = 1) AS s
SELECT * FROM (SELECT * FROM person WHERE person_id = 1) AS s JOIN encounter AS e ON e.person_id = s.person_id
SELECT * FROM (SELECT person_id AS x FROM person WHERE person_id = 1) AS s JOIN encounter AS e ON e.person_id = s.x
SELECT * FROM (SELECT person_id, name_last FROM person WHERE person_id = 1) AS s(a, b) JOIN encounter AS e ON e.person_id = s.a
WITH s AS (SELECT * FROM person WHERE person_id = 1) SELECT * FROM s JOIN encounter AS e USING (person_id)
WITH s AS (SELECT * FROM person WHERE person_id = 1), t AS (SELECT e.* FROM encounter AS e JOIN s ON s.person_id = e.person_id) SELECT * FROM t
WITH s AS MATERIALIZED (SELECT * FROM person WHERE person_id = 1) SELECT 1
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT * FROM t, person AS p WHERE p.person_id = 1
SELECT * FROM person WHERE person_id = 1 UNION ALL SELECT * FROM person WHERE person_id = 2
(SELECT person_id FROM person WHERE person_id = 1 EXCEPT SELECT person_id FROM encounter WHERE person_id = 1) ORDER BY 1 LIMIT 1
SELECT * FROM diagnosis AS d JOIN (SELECT person_id FROM person WHERE person_id = 1 UNION SELECT person_id FROM encounter WHERE person_id = 2) AS s ON s.person_id = d.person_id
SELECT * FROM person AS p WHERE p.person_id = 1 AND EXISTS (SELECT FROM encounter AS e WHERE e.person_id = p.person_id)
SELECT * FROM person AS p WHERE p.person_id = 1 AND NOT EXISTS (SELECT FROM encounter AS e WHERE e.person_id = p.person_id)
SELECT (SELECT max(e.reg_dt_tm) FROM encounter AS e WHERE e.person_id = p.person_id) FROM person AS p WHERE p.person_id = 1
SELECT * FROM person WHERE person_id = 1 ORDER BY (SELECT count(*) FROM encounter AS e WHERE e.person_id = 1)
SELECT * FROM person WHERE person_id IN (SELECT a.person_id FROM person_alias AS a WHERE a.alias = '191212121212')
SELECT * FROM person WHERE person_id = ANY (SELECT a.person_id FROM person_alias AS a WHERE a.alias = $1)
SELECT * FROM person AS p WHERE person_id = (SELECT a.person_id FROM person_alias AS a WHERE a.alias = '191212121212')
SELECT * FROM encounter AS e WHERE (e.person_id, 1) IN (SELECT p.person_id, 1 FROM person AS p WHERE p.person_id = 1)
SELECT * FROM person AS p LEFT JOIN LATERAL (SELECT * FROM encounter AS e WHERE e.person_id = p.person_id LIMIT 1) AS x ON true WHERE p.person_id = 1
SELECT * FROM person AS p CROSS JOIN LATERAL (SELECT 1 FROM encounter AS e WHERE e.person_id = p.person_id) AS x WHERE p.person_id = 1
EXPLAIN SELECT * FROM person WHERE person_id = 1
EXPLAIN (ANALYZE) SELECT * FROM person WHERE person_id = 1
COPY (SELECT * FROM person WHERE person_id = 1) TO STDOUT
DECLARE c CURSOR FOR SELECT * FROM person WHERE person_id = 1
PREPARE s (bigint) AS SELECT * FROM person WHERE person_id = $1
"""

NOT_BOUND = """
SELECT 1
SELECT 1 AS person_id
SELECT * FROM person
TABLE person
COPY person TO STDOUT
SELECT * FROM code_value WHERE code_value = 1
SELECT * FROM prsnl WHERE person_id = 1
SELECT * FROM pg_class WHERE relname = 'person_id'
SELECT * FROM pg_stats WHERE tablename = 'person_id'
SELECT person_id FROM person WHERE name_last = 'A'
SELECT * FROM person WHERE person_id = 1 OR true
SELECT * FROM person WHERE person_id = 1 OR person_id = 2
SELECT * FROM person WHERE NOT person_id = 1
SELECT * FROM person WHERE NOT (person_id = 1 AND active_ind)
SELECT * FROM person WHERE (person_id = 1) IS NOT TRUE
SELECT * FROM person WHERE person_id <> 1
SELECT * FROM person WHERE person_id > 1
SELECT * FROM person WHERE person_id NOT IN (1, 2)
SELECT * FROM person WHERE person_id <> ALL ($1)
SELECT * FROM person WHERE person_id <> ANY ($1)
SELECT * FROM person WHERE person_id = ALL ($1)
SELECT * FROM person WHERE person_id BETWEEN 1 AND 2
SELECT * FROM person WHERE person_id IS NOT DISTINCT FROM $1
SELECT * FROM person WHERE person_id IS NOT NULL
SELECT * FROM person WHERE person_id = NULL
SELECT * FROM person WHERE person_id = person_id
SELECT * FROM person WHERE person_id IN (1, person_id)
SELECT * FROM person WHERE person_id IN (person_id)
SELECT * FROM person WHERE person_id = ANY (ARRAY[person_id, 1])
SELECT * FROM person WHERE person_id = sex_cd
SELECT * FROM person WHERE person_id = abs($1)
SELECT * FROM person WHERE abs(person_id) = 1
SELECT * FROM person WHERE person_id % 2 = 1
SELECT * FROM person WHERE person_id::bool = $1
SELECT * FROM person WHERE person_id::varchar(1) = '1'
SELECT * FROM person WHERE person_id::text::char = '1'
SELECT * FROM person WHERE person_id = 1::float8
SELECT * FROM person WHERE coalesce(person_id = 1, true)
SELECT * FROM person WHERE CASE WHEN person_id = 1 THEN true ELSE true END
SELECT * FROM person WHERE (person_id = 1) = active_ind
SELECT * FROM person WHERE (person_id, 1) <> (1, 1)
SELECT * FROM person WHERE (person_id, name_last) IN ((1, 'A'), (person_id, 'B'))
SELECT p.* FROM person AS p, (SELECT 1, 7) AS c, (SELECT 3, 4) AS d WHERE (c.*, p.person_id, 1) = (1, 7, d.*)
SELECT p.* FROM person AS p, (SELECT 1, 7) AS c, (SELECT 3, 4) AS d WHERE ROW(c.*, p.person_id, 1) IN (ROW(1, 7, d.*))
SELECT p.* FROM person AS p, (SELECT 1, 7) AS c, (SELECT 3, 4) AS d WHERE ((c).*, p.person_id, 1) = (1, 7, (d).*)
SELECT p.* FROM person AS p, (SELECT 1, 7) AS c WHERE (c.*, p.person_id) IN (SELECT 1, q.person_id, 9 FROM person AS q WHERE q.person_id = 7)
SELECT e.* FROM encounter AS e, (SELECT (c).*, q.person_id AS z FROM (SELECT 1, 7) AS c, person AS q WHERE q.person_id = 7) AS s(a, b) WHERE e.person_id = s.b
SELECT e.* FROM encounter AS e WHERE (1, e.person_id) IN (SELECT (c).*, q.person_id FROM (SELECT 1) AS c, person AS q WHERE q.person_id = 7)
SELECT p.* FROM person AS p, (SELECT 30000000::real AS f) AS x WHERE x.f = '30000001' AND p.person_id = x.f
SELECT p.* FROM person AS p, (SELECT 30000000::real) AS x(person_id) WHERE x.person_id = '30000001' AND p.person_id = x.person_id
SELECT p.* FROM person AS p, (SELECT 16384::regclass AS r) AS x WHERE x.r = 'person' AND p.person_id = x.r
SELECT p.* FROM person AS p, (SELECT -1::oid AS o) AS x, encounter AS e WHERE e.person_id = 1 AND x.o = e.person_id AND p.person_id = x.o
SELECT p.* FROM person AS p, prsnl AS x WHERE x.prsnl_id = '7' AND p.person_id = x.prsnl_id
SELECT person_id = 1 FROM person
SELECT count(*) FILTER (WHERE person_id = 1) FROM person
SELECT person_id FROM person GROUP BY person_id HAVING person_id = 1
SELECT * FROM person ORDER BY person_id = 1
SELECT * FROM person AS p, encounter AS e WHERE p.person_id = 1
SELECT * FROM person AS p, encounter AS e WHERE p.person_id = 1 AND e.active_ind = p.active_ind
SELECT * FROM person AS p JOIN encounter AS e ON e.person_id > p.person_id WHERE p.person_id = 1
SELECT * FROM person AS p JOIN encounter AS e ON e.person_id = p.person_id OR true WHERE p.person_id = 1
SELECT * FROM person AS p JOIN clinical_event AS c ON c.performed_prsnl_id = p.person_id WHERE c.person_id = 1
SELECT * FROM person AS p LEFT JOIN encounter AS e ON p.person_id = 1
SELECT * FROM person AS p LEFT JOIN encounter AS e ON p.person_id = 1 AND e.person_id = p.person_id
SELECT * FROM person AS p LEFT JOIN encounter AS e ON p.person_id = e.person_id AND e.person_id = 1
SELECT * FROM person AS p RIGHT JOIN encounter AS e ON p.person_id = e.person_id WHERE p.person_id = 1
SELECT * FROM person AS p FULL JOIN encounter AS e ON p.person_id = e.person_id AND p.person_id = 1
SELECT * FROM person AS p FULL JOIN encounter AS e USING (person_id) WHERE person_id = 1
SELECT * FROM diagnosis AS d JOIN (person AS p LEFT JOIN encounter AS e ON p.person_id = 1) ON d.person_id = p.person_id
SELECT * FROM person AS p NATURAL JOIN encounter AS e WHERE p.person_id = 1
SELECT * FROM person AS p JOIN encounter AS e USING (active_ind) WHERE p.person_id = 1
SELECT * FROM (person AS p JOIN encounter AS e USING (active_ind)) AS j WHERE j.person_id = 1
SELECT * FROM ce_blob AS b, clinical_event AS c WHERE person_id = 1
SELECT * FROM ce_blob AS b JOIN prsnl AS s ON true WHERE person_id = 1
SELECT * FROM ce_blob, generate_series(1, 2) AS person_id WHERE person_id = 1
SELECT * FROM ce_blob, (SELECT 1 AS person_id) AS s WHERE person_id = 1
SELECT * FROM ce_blob, (VALUES (1)) AS s(person_id) WHERE s.person_id = 1
SELECT * FROM clinical_event AS c(person_id) WHERE c.person_id = 1
SELECT * FROM clinical_event AS c(person_id) WHERE person_id = 1
SELECT * FROM (SELECT 1 AS person_id, b.* FROM ce_blob AS b) AS s WHERE s.person_id = 1
SELECT * FROM (SELECT * FROM person) AS s WHERE s.person_id = 1
SELECT * FROM (SELECT * FROM person) AS s, person AS p WHERE p.person_id = 1 AND s.person_id = p.person_id
SELECT * FROM (SELECT sex_cd AS person_id FROM person WHERE person_id = 1) AS s JOIN encounter AS e ON e.person_id = s.person_id
SELECT * FROM (SELECT name_last, person_id FROM person WHERE person_id = 1) AS s(person_id) JOIN encounter AS e ON e.person_id::text = s.person_id
WITH s AS (SELECT * FROM person) SELECT * FROM s WHERE s.person_id = 1
WITH s AS (SELECT * FROM person) SELECT * FROM encounter WHERE person_id = 1
WITH s AS (SELECT * FROM person WHERE person_id = 1) SELECT * FROM encounter
WITH person AS (SELECT 1 AS person_id) SELECT * FROM person, millennium.person AS q WHERE person.person_id = 1
WITH s AS (SELECT p.person_id, p.sex_cd FROM person AS p WHERE p.person_id = 1) SELECT * FROM s AS a, s AS b, encounter AS e WHERE a.sex_cd = 5 AND e.person_id = b.sex_cd
WITH RECURSIVE t AS (SELECT person_id FROM person WHERE person_id = 1 UNION ALL SELECT e.person_id FROM encounter AS e JOIN t ON t.person_id = e.person_id) SELECT * FROM t
SELECT * FROM person WHERE person_id = 1 UNION ALL SELECT * FROM person
SELECT * FROM person UNION ALL SELECT * FROM person WHERE person_id = 1
SELECT person_id FROM person WHERE person_id = 1 UNION SELECT person_id FROM encounter ORDER BY person_id
SELECT * FROM diagnosis AS d JOIN (SELECT person_id FROM person WHERE person_id = 1 UNION SELECT sex_cd FROM person WHERE person_id = 2) AS s ON s.person_id = d.person_id
SELECT * FROM person WHERE EXISTS (SELECT FROM person WHERE person_id = 1)
SELECT * FROM person AS p WHERE EXISTS (SELECT FROM encounter AS e WHERE e.person_id = p.person_id AND e.person_id = 1)
SELECT * FROM person AS p WHERE p.person_id = 1 AND EXISTS (SELECT FROM encounter)
SELECT * FROM person AS p WHERE p.person_id = 1 AND EXISTS (SELECT FROM ce_blob AS b WHERE person_id = 1)
SELECT * FROM person AS p WHERE p.person_id = 1 AND EXISTS (SELECT FROM encounter AS p WHERE p.active_ind)
SELECT * FROM encounter AS e WHERE EXISTS (SELECT FROM encounter AS x WHERE e.person_id = 1 AND x.person_id = 1)
SELECT (SELECT max(person_id) FROM encounter) FROM person AS p WHERE p.person_id = 1
SELECT * FROM person WHERE person_id = 1 LIMIT (SELECT count(*) FROM encounter)
SELECT * FROM person WHERE person_id IN (SELECT person_id FROM encounter)
SELECT * FROM person AS p WHERE p.person_id IN (SELECT e.person_id FROM encounter AS e WHERE e.person_id = p.person_id)
SELECT * FROM person WHERE person_id NOT IN (SELECT e.person_id FROM encounter AS e WHERE e.person_id = 1)
SELECT * FROM person WHERE person_id = ALL (SELECT e.person_id FROM encounter AS e WHERE e.person_id = 1)
SELECT * FROM person WHERE person_id < (SELECT e.person_id FROM encounter AS e WHERE e.person_id = 1)
SELECT * FROM person WHERE person_id = (SELECT max(e.person_id) FROM encounter AS e WHERE e.person_id = 1)
SELECT * FROM person WHERE person_id IN (SELECT a.person_id FROM person_alias AS a WHERE alias = '191212121212')
SELECT * FROM person AS p, LATERAL (SELECT * FROM encounter AS e WHERE e.active_ind = p.active_ind) AS x WHERE p.person_id = 1
SELECT * FROM diagnosis AS d WHERE EXISTS (SELECT FROM person AS d, (SELECT * FROM encounter AS e WHERE e.person_id = d.person_id) AS s WHERE d.person_id = 1)
SELECT * FROM person AS p WHERE p.person_id = 1 AND EXISTS (SELECT FROM diagnosis AS p JOIN encounter AS e ON e.person_id = p.person_id)
SELECT JSON_ARRAY(SELECT person_id FROM encounter) FROM person WHERE person_id = 1
SELECT * FROM journal_overview AS v, person AS p WHERE p.person_id = 1
EXECUTE s (1)
EXPLAIN EXECUTE s (1)
FETCH ALL FROM c
LOCK TABLE person IN ACCESS SHARE MODE
"""


def lines(text):
    return [line for line in text.splitlines() if line]


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


def has_predicate(analyzer, text):
    analysis = analyzer.analyse(text)
    assert analysis.is_read, analysis.reasons
    return analysis.readings[0].has_patient_predicate


@pytest.mark.parametrize("text", lines(BOUND))
def test_everything_read_is_pinned(analyzer, text):
    assert has_predicate(analyzer, text)


@pytest.mark.parametrize("text", lines(NOT_BOUND))
def test_something_read_is_not_pinned(analyzer, text):
    assert not has_predicate(analyzer, text)


def test_keys_and_reference_tables_are_configuration():
    rules = ReadingSettings(patient_keys=("pnr",), reference_tables=("unit",))
    analyzer = Analyzer(rules)
    assert has_predicate(analyzer, "SELECT * FROM chart, unit WHERE chart.pnr = '191212121212'")
    assert not has_predicate(analyzer, "SELECT * FROM chart, code_value WHERE chart.pnr = '191212121212'")
    assert not has_predicate(analyzer, "SELECT * FROM chart WHERE person_id = 1")


def test_a_chain_of_joins_is_followed_and_a_long_one_costs_little(analyzer):
    joins = " ".join(f"JOIN encounter AS e{n} ON e{n}.person_id = e{n - 1}.person_id" for n in range(1, 150))
    assert has_predicate(analyzer, f"SELECT 1 FROM encounter AS e0 {joins} WHERE e149.person_id = 1")
    assert not has_predicate(analyzer, f"SELECT 1 FROM encounter AS e0 {joins} WHERE e149.active_ind")


# --- against the server ---------------------------------------------------------------------------------------------

TABLES = ("person", "encounter", "diagnosis", "allergy", "clinical_event", "orders", "sch_appt")


class Statements:
    """Random queries that select the patient of every row they read."""

    def __init__(self, patients, encounters):
        self.chance = random.Random(SEED)
        self.patients = patients
        self.encounters = encounters
        self.count = 0

    def patient(self):
        return self.chance.choice(self.patients)

    def constant(self):
        patient, other = self.patient(), self.patient()
        return self.chance.choice(
            [
                f"= {patient}",
                f"= '{patient}'::int8",
                f"IN ({patient}, {other})",
                f"= ANY ('{{{patient}}}')",
                f"> {patient}",
            ]
        )

    def atom(self, aliases, depth):
        one, other = (self.chance.choice(aliases) for _ in range(2))
        match self.chance.randint(0, 16):
            case 0 | 1 | 2 | 3:
                return f"{one}.person_id {self.constant()}"
            case 4 | 5 | 6:
                return f"{one}.person_id = {other}.person_id"
            case 7:
                return f"({self.atom(aliases, depth + 1)} {self.chance.choice(['OR', 'AND'])} {self.atom(aliases, depth + 1)})"
            case 8:
                return f"NOT {self.atom(aliases, depth + 1)}"
            case 9:
                return f"({one}.person_id, {other}.active_ind) = ({other}.person_id, true)"
            case 10:
                return f"person_id {self.constant()}"
            case 11 if depth < 2:
                return f"EXISTS ({self.query(aliases, depth + 1, star=True)[0]})"
            case 12 if depth < 2:
                inner, columns = self.query(aliases, depth + 1)
                return f"{one}.person_id IN (SELECT q.{self.chance.choice(columns)} FROM ({inner}) AS q)"
            case 13:
                return f"{one}.encntr_id = {other}.encntr_id"
            case 15:  # a query that gives more columns than it seems
                pair = f"(SELECT 1 AS a, {self.patient()} AS b) AS v"
                inner = f"SELECT (v).*, {other}.person_id AS c FROM {pair}"
                return f"{one}.person_id = (SELECT q.b FROM ({inner}) AS q(a, b))"
            case 14:
                return f"{one}.encntr_id = {self.chance.choice(list(self.encounters))}"
            case _:
                return f"{one}.updt_cnt = {other}.updt_cnt"

    def item(self, depth):
        self.count += 1
        alias = f"t{self.count}" if self.chance.random() < 0.8 else f"t{self.chance.randint(1, max(self.count - 3, 1))}"
        table = self.chance.choice(TABLES)
        if depth < 2 and self.chance.random() < 0.15:
            return f"(SELECT * FROM {table} WHERE person_id {self.constant()}) AS {alias}", alias
        if depth < 2 and self.chance.random() < 0.05:  # rows that are longer than they seem
            named, meant = self.patient(), f"(SELECT unnest(ARRAY{self.patients}) AS a, 1 AS b) AS w"
            rows = f"(v.*, y.person_id, 1) = (1, {named}, w.*)"
            read = f"{table} AS y, (SELECT 1 AS a, {named} AS b) AS v, {meant}"
            return f"(SELECT y.* FROM {read} WHERE {rows}) AS {alias}", alias
        return f"{table} AS {alias}", alias

    def query(self, outer=(), depth=0, *, star=False):
        text, alias = self.item(depth)
        aliases = [alias]
        for _ in range(self.chance.choice([0, 1, 1, 2] if depth == 0 else [0, 0, 1])):
            item, alias = self.item(depth)
            aliases.append(alias)
            kind = self.chance.choice(
                [",", "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "USING"]
            )
            if kind == ",":
                text = f"{text}, {item}"
            elif kind == "USING":
                text = f"{text} {self.chance.choice(['', 'LEFT', 'RIGHT', 'FULL'])} JOIN {item} USING (person_id)"
            else:
                on = " AND ".join(self.atom(aliases, depth + 1) for _ in range(self.chance.randint(1, 2)))
                text = f"{text} {kind} {item} ON {on}"
        seen = [*aliases, *outer]
        where = " AND ".join(self.atom(seen, depth) for _ in range(self.chance.randint(1, 3)))
        columns = [f"c{number}" for number in range(len(aliases))]
        named = ", ".join(f"{alias}.person_id AS {name}" for alias, name in zip(aliases, columns, strict=True))
        if depth == 0 and self.chance.random() < 0.3:
            inner, below = self.query(aliases, 1)
            columns.append("more")
            named += f", (SELECT array_agg(q.{self.chance.choice(below)}) FROM ({inner}) AS q) AS more"
        return f"SELECT {'1' if star else named} FROM {text} WHERE {where}", columns


@pytest.mark.slow
def test_what_is_pinned_gives_no_row_of_another_patient(millennium, analyzer):
    with psycopg.connect(millennium.admin_dsn, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '2s'")
        patients = [
            row[0] for row in connection.execute("SELECT person_id FROM encounter GROUP BY 1 ORDER BY 1 LIMIT 3")
        ]
        encounters = dict(
            connection.execute("SELECT encntr_id, person_id FROM encounter WHERE person_id = ANY (%s)", [patients])
        )
        statements = Statements(patients, encounters)
        claimed = ran = rows = 0
        for _ in range(TEXTS):
            text, _ = statements.query()
            if not (analysis := analyzer.analyse(text)).is_read or not analysis.readings[0].has_patient_predicate:
                continue
            claimed += 1
            lineage = analyzer.lineage(text)
            assert lineage.is_bound
            assert analysis.patients.is_bound
            named = {
                encounters[one.literal] if one.column == "encntr_id" else int(one.literal)
                for one in lineage.patient_bindings
            }
            listed = [name.partition(":") for name in analysis.patients.named]
            assert {encounters[int(key)] if column == "encntr_id" else int(key) for column, _, key in listed} == named
            try:
                found = connection.execute(text).fetchall()
            except psycopg.Error:
                continue  # an ambiguous or unknown name, a join that PostgreSQL does not do, too much work
            ran += 1
            rows += bool(found)
            values = [value for row in found for value in row]
            flat = {one for value in values for one in (value if isinstance(value, list) else [value])}
            assert flat - {None} <= named, text
    assert claimed > TEXTS // 50, "the generator makes hardly anything that is pinned: it tests nothing"
    assert ran > claimed // 3
    assert rows > ran // 10
