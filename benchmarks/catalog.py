"""What a large catalog costs: ``python benchmarks/catalog.py [--objects 100000]``.

Makes a database on the embedded PostgreSQL of tables, views of views, functions in SQL and PL/pgSQL and the types that
come with them, some objects of each schema in one chain, and prints seconds and megabytes for each step that the guard
takes with it. Making the database takes longer than everything that is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from readonly_guard.catalog import CatalogResolver, capture, decode, encode, fingerprint, report
from readonly_guard_cli.demo import EmbeddedServer

OBJECTS_OF_A_ROUND = 10
"""A table with its row type and its array; a view with these; two functions; a domain with its array."""
ROUNDS_OF_A_SCHEMA = 100


def statements(objects: int) -> Iterator[str]:
    """What makes the catalog, a transaction each: one schema, whose views stand on each other."""
    for schema in range(max(1, objects // (OBJECTS_OF_A_ROUND * ROUNDS_OF_A_SCHEMA))):
        made = [f"CREATE SCHEMA s{schema}", f"SET LOCAL search_path = s{schema}"]
        for n in range(ROUNDS_OF_A_SCHEMA):
            below = f"v{n - 1}" if n else "t0"
            made += [
                f"CREATE DOMAIN d{n} AS text CHECK (VALUE ~ '^[0-9]+$')",
                f"CREATE TABLE t{n} (id int PRIMARY KEY, at timestamptz, name d{n}, CHECK (id > 0))",
                f"CREATE VIEW v{n} AS SELECT b.id, upper(t.name) AS name FROM t{n} t JOIN {below} b ON b.id = t.id",
                f"CREATE FUNCTION f{n}() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM s{schema}.v{n}'",
                f"""CREATE FUNCTION g{n}(a int) RETURNS int LANGUAGE plpgsql {"STABLE" if n else "VOLATILE"} AS $$
                    DECLARE r record; n int := 0;
                    BEGIN FOR r IN SELECT * FROM s{schema}.t{n} WHERE id = a LOOP n := n + r.id; END LOOP;
                    RETURN n + s{schema}.g{max(n - 1, 0)}(a); END $$""",
            ]  # fmt: skip
        yield "; ".join(made)


@contextmanager
def measured(step: str) -> Iterator[None]:
    """Prints what a step took, and the most memory that the process has held so far."""
    start = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{step:<12} {time.perf_counter() - start:8.2f} s   at most {peak:6.0f} MB so far", flush=True)


def main() -> None:
    """Make the database, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    objects = parser.parse_args().objects
    with EmbeddedServer() as server:
        dsn = server.admin_dsn
        with psycopg.connect(dsn, autocommit=True) as connection:
            for made in statements(objects):
                connection.execute(made)
            connection.execute("VACUUM ANALYZE")
        with measured("fingerprint"):
            asyncio.run(fingerprint(dsn))
        with measured("capture"):
            snapshot = asyncio.run(capture(dsn))
    with measured("encode"):
        document = encode(snapshot)
    with measured("decode"):
        decode(document)
    with measured("index"):
        resolver = CatalogResolver(snapshot)
    with measured("report"):
        findings = report(resolver)
    print(f"{resolver.size} objects, {len(document) / 1e6:.0f} MB of JSON, {len(findings)} findings")


if __name__ == "__main__":
    main()
