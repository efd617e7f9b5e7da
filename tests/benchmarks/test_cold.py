"""Texts never seen: what a row says, and the whole of it for real."""

from __future__ import annotations

import pytest

from benchmarks.wire.cold import Cold, Took, cold, row_of
from benchmarks.wire.report import Report, tables


def test_a_row_is_of_each_texts_best_and_median_round_and_not_of_its_outliers() -> None:
    took = {f"{number:03}": [Took(number, 2 * number), Took(1000, 2000), Took(number, 0)] for number in range(1, 201)}
    row = row_of("psql", "by the pool", took)
    assert (row.texts, row.characters) == (200, 3)
    assert row.cpu == (100, 180, 198, 200)
    assert row.wall == (200, 360, 396, 400)


def test_few_texts_have_no_percentile_beyond_their_longest() -> None:
    assert row_of("psql", "by the pool", {"a": [Took(1, 1)], "b": [Took(3, 5)]}).cpu == (1, 3, 3, 3)


def test_the_table() -> None:
    row = Cold(client="psql", way="by the pool", texts=9, characters=61.5, cpu=(0.2, 0.4, 1, 1.25), wall=(1, 2, 3, 4))
    assert tables(Report(machine={}, setting={}, cold=(row,))).splitlines()[-1] == (
        "| psql | 9 | 62 | by the pool | 0.20 | 0.40 | 1.00 | 1.25 | 1.00 | 3.00 |"
    )


@pytest.mark.slow
def test_every_client_sends_something_and_all_of_it_is_read() -> None:
    rows = cold(1)  # it asserts that every text is a read
    assert len(rows) == 2 * 8
    assert all(0 < one.cpu[0] <= one.cpu[-1] < 10_000 for one in rows)
    by_client = {one.client: one for one in rows if one.way == "in one process"}
    *clients, everything = by_client.values()
    assert list(by_client) == [
        *("psql", "pg_dump", "asyncpg", "psycopg", "SQLAlchemy", "a chart", "reports", "the client mix")
    ]
    assert everything.texts == sum(one.texts for one in clients) > 100
    assert everything.cpu[-1] == max(one.cpu[-1] for one in clients)
