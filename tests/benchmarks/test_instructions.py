"""Reading what callgrind writes."""

from __future__ import annotations

import pytest

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.instructions import parse_dump


def test_the_total_of_a_dump() -> None:
    assert parse_dump("events: Ir\nsummary: 1920361\n\nob=(1) /usr/bin/python\nfn=(1) main\n16 4000\n") == 1920361
    assert parse_dump("events: Ir\nfn=(1) main\n16 4000\ntotals: 4326\n") == 4326


def test_a_dump_that_broke_off_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="no total"):
        parse_dump("events: Ir\nfn=(1) main\n16 4000\n")
