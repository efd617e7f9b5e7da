"""The management report: how far the review has come in each unit and month, what is overdue, and what the trend is.

Figures only, no event and nobody's name but the reviewers'. Computed from the ledger each time; that a month had events
and was never selected comes from the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Final

import msgspec

from readonly_guard.moments import rfc3339
from readonly_guard.review.desk import Desk
from readonly_guard.review.ledger import History
from readonly_guard.review.periods import Period
from readonly_guard.review.standing import Actor
from readonly_guard.review.states import CONCLUDED
from readonly_guard.review.store import Store

__all__ = ["Management", "MonthFigures", "UnitMonth", "figures_of"]

_MOST_MONTHS: Final = 60


class UnitMonth(msgspec.Struct, frozen=True, kw_only=True):
    """A unit and a month.

    ``status`` is ``signed``, ``overdue``, ``ready`` (answered, not signed), ``open``, or ``missing``: there were
    events, and nobody has selected any. ``days`` is how long it took from the selection to the signature.
    """

    period: str
    unit: str
    status: str
    population: int = 0
    selected: int = 0
    answered: int = 0
    overdue: int = 0
    escalated: int = 0
    signed_at: str = ""
    signed_by: str = ""
    days: int | None = None

    @property
    def share(self) -> int:
        """The answered of the selected, in percent, rounded down: 100 is all."""
        return 100 * self.answered // self.selected if self.selected else 0 if self.status == "missing" else 100


class MonthFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All units of a month together; ``grounds`` and ``flags`` count what was selected, by word and by code."""

    period: str
    selected: int
    answered: int
    overdue: int
    missing: int
    grounds: dict[str, int]
    flags: dict[str, int]

    @property
    def share(self) -> int:
        """As of :class:`UnitMonth`."""
        return 100 * self.answered // self.selected if self.selected else 0 if self.missing else 100


class Management(msgspec.Struct, frozen=True, kw_only=True):
    """The report.

    Attributes:
        made: when.
        units: whose figures these are.
        periods: the months, oldest first.
        cells: by period and unit; a unit without any event in a month is not there.
        months: one for each period.
        usual_days: the median of the days from selection to signature; None before the first.
        overdue_days: from when on something is overdue.
    """

    made: str
    units: tuple[str, ...]
    periods: tuple[str, ...]
    cells: dict[tuple[str, str], UnitMonth]
    months: tuple[MonthFigures, ...]
    usual_days: float | None
    overdue_days: int

    @property
    def overdue(self) -> int:
        """Events that nobody has answered in time."""
        return sum(month.overdue for month in self.months)

    @property
    def missing(self) -> int:
        """Months of units that nobody has selected."""
        return sum(month.missing for month in self.months)


def figures_of(desk: Desk, actor: Actor, now: datetime, *, months: int = 12) -> Management:
    """The figures of the units that the actor may see, for the months before this one that the review knows.

    Args:
        desk: the review.
        actor: who asks.
        now: the time.
        months: at most so many months back, up to 60.

    Raises:
        BrokenLog: the review's own chain is not whole.
    """
    units = tuple(desk.standing.figures_of(actor.user))
    history = desk.ledger.history()
    last = Period.before(now)
    periods = [last.earlier(back) for back in range(min(max(1, months), _MOST_MONTHS) - 1, -1, -1)]
    active: dict[str, set[str]] = {}
    if desk.log.store_path.exists():
        with Store.open(desk.log.store_path) as store:
            active = {str(period): set(store.units_with_events(period)) for period in periods}
    cells = {
        (str(period), unit): cell
        for period in periods
        for unit in units
        if (cell := _cell(desk, history, str(period), unit, is_active=unit in active.get(str(period), set())))
    }
    known = [str(period) for period in periods if any((str(period), unit) in cells for unit in units)]
    shown = [str(period) for period in periods if known and str(period) >= known[0]]  # from the first that is known
    days = [cell.days for cell in cells.values() if cell.days is not None]
    return Management(
        made=rfc3339(now),
        units=units,
        periods=tuple(shown),
        cells=cells,
        months=tuple(_month(history, period, units, cells) for period in shown),
        usual_days=median(days) if days else None,
        overdue_days=desk.plan.overdue_days,
    )


def _cell(desk: Desk, history: History, period: str, unit: str, *, is_active: bool) -> UnitMonth | None:
    selection = history.selections.get((period, unit))
    if selection is None:
        return UnitMonth(period=period, unit=unit, status="missing") if is_active else None
    cases = [history.cases[event] for event in selection.events]
    answered = sum(case.state in CONCLUDED for case in cases)
    overdue = sum(desk.standing.is_overdue(case) for case in cases)
    signed = history.protocols.get((period, unit))
    is_answered = answered == len(cases)
    return UnitMonth(
        period=period,
        unit=unit,
        status="signed" if signed else "overdue" if overdue else "ready" if is_answered else "open",
        population=selection.population,
        selected=len(cases),
        answered=answered,
        overdue=overdue,
        escalated=sum(bool(case.reference) for case in cases),
        signed_at="" if signed is None else signed.time,
        signed_by="" if signed is None else signed.name,
        days=None if signed is None else _days(selection.time, signed.time),
    )


def _days(since: str, until: str) -> int:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).days


def _month(
    history: History, period: str, units: Sequence[str], cells: dict[tuple[str, str], UnitMonth]
) -> MonthFigures:
    mine = [cells[period, unit] for unit in units if (period, unit) in cells]
    grounds: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    for unit in units:
        selection = history.selections.get((period, unit))
        if selection is not None:
            grounds.update(selection.grounds)
            flags.update(code for raised in selection.flags for code in raised.split(",") if code)
    return MonthFigures(
        period=period,
        selected=sum(cell.selected for cell in mine),
        answered=sum(cell.answered for cell in mine),
        overdue=sum(cell.overdue for cell in mine),
        missing=sum(cell.status == "missing" for cell in mine),
        grounds=dict(grounds),
        flags=dict(sorted(flags.items())),
    )
