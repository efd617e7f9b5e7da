"""What the timer does: everything once, nothing twice, and nothing from a log that is not whole."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from readonly_guard.review import BrokenLog, Desk, NotPossible, Store, StoreBusy, run_month
from readonly_guard.review.plan import LateWritesPlan

from .conftest import MANAGER, MONTH, SUPERIOR, UNIT

_NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.fixture
def fresh(directory) -> Desk:
    return Desk.open(directory, clock=lambda: _NOW)


def test_every_unit_that_had_events_is_selected_once(fresh):
    done = run_month(fresh, SUPERIOR)
    assert done.imported.decisions > 0
    assert [(made.unit, made.period) for made in done.selected] == [("Akutmottagning", "2026-10"), (UNIT, "2026-10")]
    assert "Kirurgmottagning" in done.without_reviewer  # had events, and nobody is named for it
    assert (done.late, done.overdue) == (None, 0)
    again = run_month(fresh, SUPERIOR)
    assert (again.imported.decisions, again.selected) == (0, ())


def test_what_was_selected_by_hand_is_left_alone(fresh):
    fresh.log.bring_in()
    fresh.select(MANAGER, MONTH, UNIT)
    assert [made.unit for made in run_month(fresh, SUPERIOR).selected] == ["Akutmottagning"]


def test_the_database_is_looked_at_where_there_is_one(fresh, millennium):
    fresh.plan = msgspec.structs.replace(fresh.plan, late_writes=LateWritesPlan(dsn=millennium.admin_dsn))
    done = run_month(fresh, SUPERIOR)
    assert done.late == fresh.ledger.history().late[-1]


def test_nothing_is_selected_from_a_broken_log_or_by_who_may_not(fresh, directory):
    with pytest.raises(NotPossible, match="officers"):
        run_month(fresh, MANAGER)
    segment = min((directory / "journal").glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    with pytest.raises(BrokenLog):
        run_month(fresh, SUPERIOR)
    assert fresh.ledger.history().selections == {}


def test_a_store_that_is_being_written_says_so(desk):
    with (
        Store.open(desk.log.store_path, is_written=True),
        pytest.raises(StoreBusy, match="try again"),
        Store.open(desk.log.store_path),
    ):
        pass
