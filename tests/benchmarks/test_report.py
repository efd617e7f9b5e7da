"""Tables and JSON."""

from __future__ import annotations

import json

from benchmarks.wire.figures import Figures, Row
from benchmarks.wire.idle import Idle
from benchmarks.wire.report import Report, as_json, as_markdown
from benchmarks.wire.transfer import Transfer

_REPORT = Report(
    machine={"kernel": "6.1"},
    setting={"rounds": "5 of 2 s"},
    load=(
        Row(
            workload="records",
            mode="simple",
            clients=8,
            route="guard",
            rounds=5,
            median=Figures(tps=12345.6, p50_us=640, p99_us=1999, cpu_us=24.06, user_us=8),
            cpu_to_pgbouncer=1.5,
            tps_to_pgbouncer=0.98,
            added_p50_us=320,
        ),
    ),
    transfer=(
        Transfer(
            statement="COPY", route="direct", megabytes=1000, megabytes_s=800, cpu_us=0, peak_bytes=0, speed_to_direct=1
        ),
    ),
    idle=(Idle(route="guard", sessions=1000, process_bytes=200_000_000, session_bytes=4100),),
)


def test_the_tables_show_units_and_leave_out_what_there_is_none_of() -> None:
    text = as_markdown(_REPORT)
    assert "- kernel: 6.1\n- rounds: 5 of 2 s\n" in text
    assert (
        "| records, simple, 8 clients | guard | 12,346 | 0.64 (+0.32) | 2.00 | 24.1 | 8.0 | 1.50 | 0.98 | – |" in text
    )
    assert "| COPY, 1,000 MB | direct | 800 | 1.00 | – | – | – |" in text
    assert "| guard | 1,000 | 200.0 | 4.1 |" in text
    assert "instructions" not in text


def test_the_json_holds_all_figures() -> None:
    found = json.loads(as_json(_REPORT))
    assert found["load"][0]["median"]["p99_us"] == 1999
    assert found["load"][0]["added_p99_us"] is None
