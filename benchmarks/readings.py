"""What it costs to read a statement: both keys cold, remembered by text and by shape, against the parsers alone.

    python -m benchmarks.readings [--rounds 5]

The statements are what clients really send, the mix of `benchmarks/clients.py`. Each figure is the best of several
rounds in one process, in CPU time; on a noisy machine compare ratios, not microseconds.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import re
import statistics
import time
from collections.abc import Callable, Iterable

import msgspec
import sqlglot
from postgast.native import lib

from benchmarks.clients import captured_mix
from readonly_guard.sql import Analyzer

SAMPLES = {
    "SELECT 1": "SELECT 1",
    "point select": "SELECT name_last, name_first FROM person WHERE person_id = 900001 AND active_ind = true",
    "mapper query": (
        "SELECT p.person_id AS p_id, p.name_last AS p_last, p.name_first AS p_first, e.encntr_id AS e_id,"
        " e.reg_dt_tm AS e_reg, count(c.event_id) AS n FROM person AS p LEFT OUTER JOIN encounter AS e"
        " ON e.person_id = p.person_id LEFT OUTER JOIN clinical_event AS c ON c.encntr_id = e.encntr_id"
        " WHERE p.person_id IN (1, 2, 3, 4, 5) AND (e.reg_dt_tm >= '2024-11-12' OR e.reg_dt_tm IS NULL)"
        " GROUP BY p.person_id, p.name_last, p.name_first, e.encntr_id, e.reg_dt_tm ORDER BY e.reg_dt_tm DESC LIMIT 50"
    ),
}


def best(work: Callable[[str], object], texts: Iterable[str], rounds: int) -> float:
    """Microseconds of CPU time a text, in the best round."""
    texts = list(texts)
    took = []
    for _ in range(rounds):
        gc.collect()
        started = time.process_time()
        for text in texts:
            work(text)
        took.append(time.process_time() - started)
    return min(took) / len(texts) * 1e6


def libpg_query(text: str) -> None:
    """The grammar alone, its JSON decoded."""
    result = lib.pg_query_parse(text.encode())
    if not result.error:
        msgspec.json.decode(result.parse_tree)
    lib.pg_query_free_parse_result(result)


def sqlglot_alone(text: str) -> None:
    """The dialect's own parse of the client's text."""
    try:
        sqlglot.parse(text, dialect="postgres")
    except Exception:  # noqa: BLE001  it cannot read all of them
        return


def row(name: str, texts: list[str], rounds: int) -> tuple[str, ...]:
    """One line of the table."""
    other = [re.sub(r"\b\d+\b", "7", re.sub(r"'[^']*'", "'z'", text)) for text in texts]
    pg = best(libpg_query, texts, rounds)
    glot = best(sqlglot_alone, texts, rounds)
    cold = best(Analyzer().read, texts, rounds)
    analyzer = Analyzer()
    for text in texts:
        analyzer.analyse(text)
    warm = best(analyzer.analyse, texts, rounds)
    shape = best(analyzer.recall, other, rounds)
    return name, f"{pg:.0f}", f"{glot:.0f}", f"{cold:.0f}", f"{cold / glot:.2f}", f"{shape:.0f}", f"{warm:.2f}"


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what its own dialect cannot read
    texts = [text for several in captured_mix().values() for text in several]
    gc.freeze()
    print(f"{os.uname().machine}, {os.cpu_count()} cores, sqlglot {sqlglot.__version__}")
    print(f"{len(texts)} statements of clients, median {statistics.median(map(len, texts)):.0f} characters\n")
    print("µs of CPU a statement\n")
    print("| statements | libpg_query | sqlglot | cold, both keys | of sqlglot | by shape | by text |")
    print("|---|---|---|---|---|---|---|")
    for name, mix in [*((name, [text]) for name, text in SAMPLES.items()), ("clients", texts)]:
        if len(mix) == 1:  # one statement alone is too quick to time; the same object again would not be scanned again
            mix = [(text + " ")[:-1] for text in mix * 200]  # noqa: PLW2901
        print("| " + " | ".join(row(name, mix, rounds)) + " |")


if __name__ == "__main__":
    main()
