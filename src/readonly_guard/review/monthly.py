"""What a timer does on the first of the month, and an officer with a button: import, select, look for late writes.

Each part is as on its own command; what was done before is not done again, so that it can run every day.
"""

from __future__ import annotations

import msgspec

from readonly_guard.domain import LateWritesRecord, SelectionRecord
from readonly_guard.review.desk import Desk
from readonly_guard.review.event import NO_UNIT
from readonly_guard.review.imported import Imported
from readonly_guard.review.late import look_for_late_writes
from readonly_guard.review.periods import Period
from readonly_guard.review.standing import Actor
from readonly_guard.review.store import Store

__all__ = ["Monthly", "run_month"]


class Monthly(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        imported: the new decisions, and how every chain was found.
        selected: what was selected now.
        without_reviewer: units that had events last month, and for which review.toml names nobody.
        late: what was found of information added in read mode; None where the plan names no database.
        overdue: events that nobody has answered in time.
    """

    imported: Imported
    selected: tuple[SelectionRecord, ...]
    without_reviewer: tuple[str, ...]
    late: LateWritesRecord | None
    overdue: int


def run_month(desk: Desk, actor: Actor) -> Monthly:
    """Bring the review up to date with the log, and select last month's events of every unit that had any.

    Raises:
        BrokenLog: the log or the review's own chain is not whole; nothing is selected.
        NotPossible: the actor does not look after the log as a whole.
        ConfigurationError: something cannot be read or written.
    """
    desk.standing.check_officer(actor)
    imported = desk.log.bring_in()
    period = Period.before(desk.now())
    with Store.open(desk.log.store_path) as store:
        active = store.units_with_events(period)
    known = desk.ledger.history().selections
    selected = tuple(
        desk.select(actor, period, unit)
        for unit in active
        if unit in desk.plan.units and (str(period), unit) not in known
    )
    late = None if desk.plan.late_writes is None else look_for_late_writes(desk, actor)
    cases = desk.ledger.history().cases.values()
    return Monthly(
        imported=imported,
        selected=selected,
        without_reviewer=tuple(unit for unit in active if unit not in desk.plan.units and unit != NO_UNIT),
        late=late,
        overdue=sum(desk.standing.is_overdue(case) for case in cases),
    )
