"""The ledger is read when its files have changed, and only then; what another process wrote is seen."""

from __future__ import annotations

import pytest

from readonly_guard.audit import verify
from readonly_guard.review import BrokenLog, Desk, Step, ledger

from .conftest import MANAGER, MONTH, UNIT, open_event


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """How often the chain was verified."""
    calls: list[int] = []
    monkeypatch.setattr(ledger, "verify", lambda path: calls.append(1) or verify(path))
    return calls


def test_what_was_written_here_is_not_read_again(desk, counted):
    desk.ledger.history()
    case = next(iter(desk.ledger.history().cases.values()))
    for _ in range(3):
        desk.record_reading(MANAGER, "event", {"case": case.event})
    after = desk.take_step(MANAGER, Step.BEGIN, [case.event])
    assert desk.ledger.history() is after
    assert len(counted) == 1
    assert after.head == verify(desk.ledger.path).head
    assert Desk.open(desk.directory).ledger.history().cases == after.cases


def test_what_another_process_wrote_is_seen(desk, counted):
    case = next(iter(desk.ledger.history().cases.values()))
    other = Desk.open(desk.directory, clock=desk.now)
    other.take_step(MANAGER, Step.BEGIN, [case.event])
    assert desk.ledger.history().cases[case.event].steps[-1].step == "begin"
    desk.record_reading(MANAGER, "event", {"case": case.event})
    assert other.ledger.history().head == desk.ledger.history().head


def test_what_was_changed_after_it_was_written_here_is_found(desk):
    case = next(iter(desk.ledger.history().cases.values()))
    desk.take_step(MANAGER, Step.BEGIN, [case.event])
    segment = min(desk.ledger.path.glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"begin"', b'"clear"', 1))
    with pytest.raises(BrokenLog):
        desk.ledger.history()


def test_signing_reads_it_all(nearly, counted):
    nearly.take_step(MANAGER, Step.CLEAR, [open_event(nearly)])
    before = len(counted)
    nearly.sign(MANAGER, MONTH, UNIT)
    assert len(counted) == before + 1


def test_what_was_handed_out_does_not_change(desk):
    history = desk.ledger.history()
    event, case = next(iter(history.cases.items()))
    desk.take_step(MANAGER, Step.BEGIN, [event])
    assert history.cases[event] is case
    assert desk.ledger.history().cases[event] is not case
