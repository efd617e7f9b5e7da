"""Patience with a clock of the test's own, and the crowd's counting."""

from __future__ import annotations

import pytest

from readonly_guard.settings import LimitSettings
from readonly_guard_proxy.net.patience import Patience, deadlines_of, interval_s
from readonly_guard_proxy.session.events import Waiting

_DEADLINES = {Waiting.IDLE: 10.0, Waiting.STATEMENT: 3.0}


def test_it_runs_out_once_and_again_after_the_grace():
    patience = Patience(_DEADLINES)
    looks = {now: patience.ran_out((Waiting.STATEMENT, 1), now) for now in range(100, 115)}
    assert [now for now, ran_out in looks.items() if ran_out] == [103, 108, 113]


def test_whatever_happens_meanwhile_begins_it_anew():
    patience = Patience(_DEADLINES)
    for now in range(1_000):  # another statement at every look, and idle in between
        assert not patience.ran_out((Waiting.STATEMENT if now % 2 else Waiting.IDLE, now), now)


def test_what_has_no_deadline_may_wait_for_ever():
    patience = Patience(_DEADLINES)
    assert not any(patience.ran_out((Waiting.IDLE_IN_TRANSACTION, 1), now) for now in (0, 10, 10**9))


def test_deadlines_and_how_often_to_look():
    deadlines_s = deadlines_of(LimitSettings())
    assert deadlines_s == {Waiting.STARTUP: 15.0}
    assert interval_s(deadlines_s.values()) == 1.0
    assert interval_s((15.0, 0.4)) == pytest.approx(0.1)
    assert interval_s(()) == 1.0
