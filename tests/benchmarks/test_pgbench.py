"""Reading what pgbench writes."""

from __future__ import annotations

import pytest

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.pgbench import Transaction, parse_log, parse_processed

_SAID = """\
pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: <builtin: select only>
query mode: prepared
number of transactions actually processed: 20712
number of failed transactions: {failed} (0.000%)
latency average = 0.386 ms
tps = 20725.3 (without initial connection time)
"""


def test_a_transaction_ends_at_its_wall_clock_time() -> None:
    found = parse_log("0 199 2241 0 1175850568 995598\n1 7 35 0 1175850569 608\n")
    assert found == [Transaction(1175850568995598, 2241), Transaction(1175850569000608, 35)]


@pytest.mark.parametrize("line", ["0 1 22", "0 1 skipped 0 1175850569 608", "pgbench: error"])
def test_a_line_of_another_kind_is_an_error(line: str) -> None:
    with pytest.raises(BenchmarkError, match="none of its"):
        parse_log(f"0 199 2241 0 1175850568 995598\n{line}\n")


def test_it_says_how_many_it_made() -> None:
    assert parse_processed(_SAID.format(failed=0)) == 20712


def test_a_failed_transaction_fails_the_run() -> None:
    with pytest.raises(BenchmarkError, match="3 transactions failed"):
        parse_processed(_SAID.format(failed=3))


def test_a_run_that_says_nothing_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="could not connect"):
        parse_processed("pgbench: error: could not connect")
