"""A review that has been going on for months: the earlier ones assessed and signed, the last one waiting.

Everything goes through the desk as on the page or the command line; only its clock is turned back. Needs the extra
``review``.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from readonly_guard.review import Actor, Case, Desk, Imported, Period, Step
from readonly_guard_cli.demo.activity import write_review
from readonly_guard_web import Accounts

__all__ = ["Reviewed", "write_reviewed"]

_VIA: Final = "demo"
_QUESTION: Final = "Vad var skälet till åtkomsten?"
_ANSWERS: Final = (
    "Medarbetaren var konsult på avdelningen den dagen",
    "Patienten togs över från jourlinjen",
    "Läkemedelslistan behövdes inför operation",
)
_UNSIGNED: Final = ("Akutmottagning", 2)  # one month of one unit was forgotten, so that something is overdue


class Reviewed(NamedTuple):
    """What was made: where, what the import found, how much waits for whom, and how to sign in."""

    directory: Path
    month: Period
    imported: Imported
    selected: dict[str, tuple[int, int]]
    """By unit: events selected, and of how many."""
    flagged: int
    users: list[str]
    password: str


def write_reviewed(directory: Path, month: Period, *, before: int = 3, late_dsn: str | None = None) -> Reviewed:
    """Write the activity, import and select it, and review all months but the last.

    Args:
        directory: a new one.
        month: the last month.
        before: how many months before it.
        late_dsn: a database in which to look for information added in read mode.
    """
    write_review(directory, year=month.year, month=month.month, before=before)
    if late_dsn is not None:
        with (directory / "review.toml").open("a", encoding="utf-8") as file:
            file.write(f"\n[late_writes]\ndsn = '{late_dsn}'\n")
    clock = [_first_working_day(month)]
    desk = Desk.open(directory, clock=lambda: clock[0])
    imported = desk.log.bring_in()
    selected: dict[str, tuple[int, int]] = {}
    flagged = 0
    for back in range(before, -1, -1):
        period = month.earlier(back)
        clock[0] = _first_working_day(period)
        for unit, plan in desk.plan.units.items():
            made = desk.select(Actor(user=plan.reviewer, via=_VIA), period, unit)
            if back:
                clock[0] = _first_working_day(period) + timedelta(days=back % 3 + 1)
                _review(desk, period, unit, is_signed=(unit, back) != _UNSIGNED)
            else:
                selected[unit] = (len(made.events), made.population)
                flagged += sum(ground != "sample" for ground in made.grounds)
    password, accounts = secrets.token_urlsafe(9), Accounts(directory)
    for user in sorted({user for plan in desk.plan.units.values() for user in (plan.reviewer, plan.superior)}):
        accounts.put(user, password)
    return Reviewed(directory, month, imported, selected, flagged, accounts.names(), password)


def _first_working_day(period: Period) -> datetime:
    """The first Monday after a month, at eight by the clock on the wall."""
    moment = datetime.fromisoformat(period.until) + timedelta(hours=8)
    return moment + timedelta(days=-moment.weekday() % 7)


def _review(desk: Desk, period: Period, unit: str, *, is_signed: bool) -> None:
    cases = desk.ledger.history().of(str(period), unit)
    reviewer, superior = desk.plan.units[unit].reviewer, desk.plan.units[unit].superior
    for who in (reviewer, superior):
        actor = Actor(user=who, via=_VIA)
        mine = [case for case in cases if case.reviewer == who]
        if sample := [case.event for case in mine if case.ground == "sample"][:: 1 if is_signed else 2]:
            desk.take_step(actor, Step.CLEAR, sample)
        if asked := [case.event for case in mine if case.ground != "sample"]:
            desk.take_step(actor, Step.ASK, asked, comment=_QUESTION)
            if is_signed or who == reviewer:
                _answer(desk, actor, mine, is_whole=is_signed)
    if is_signed:
        desk.sign(Actor(user=reviewer, via=_VIA), period, unit)


def _answer(desk: Desk, actor: Actor, cases: list[Case], *, is_whole: bool) -> None:
    """Answer what was asked: most of it justified, repeated writes with a remark."""
    asked = [case for case in cases if case.ground != "sample"]
    remarked = [case.event for case in asked if "F10" in case.flags]
    justified = [case.event for case in asked if case.event not in remarked]
    for number, comment in enumerate(_ANSWERS):
        if some := justified[number :: len(_ANSWERS)][: None if is_whole else 1]:
            desk.take_step(actor, Step.JUSTIFY, some, comment=comment)
    if remarked and is_whole:
        desk.take_step(actor, Step.REMARK, remarked, comment="Programmet försökte spara; användaren är informerad")
        desk.take_step(actor, Step.ESCALATE, remarked, reference=f"MC-{cases[0].period}-{len(asked):02}")
