"""`readonly-guard review demo`: a review to try, over a month that never was."""

from __future__ import annotations

import secrets
from pathlib import Path

from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import utc_now
from readonly_guard.review import Actor, Desk, Period
from readonly_guard_cli.demo.activity import write_review
from readonly_guard_cli.output import console
from readonly_guard_web import Accounts

__all__ = ["demo"]


def demo(directory: Path) -> None:
    """See the command."""
    if directory.exists():
        raise ConfigurationError(f"{directory}: is there already; name a new directory")
    month = Period.before(utc_now())
    write_review(directory, year=month.year, month=month.month)
    desk = Desk.open(directory)
    imported = desk.import_log()
    password = secrets.token_urlsafe(9)
    accounts = Accounts(directory)
    for unit, plan in desk.plan.units.items():
        made = desk.select(Actor(user=plan.reviewer, via="demo"), month, unit)
        console.print(f"{unit}, {month}: {len(made.events):,} of {made.population:,} events selected")
        for user in (plan.reviewer, plan.superior):
            accounts.put(user, password)
    console.print(f"the log: {imported.decisions:,} decisions; everything is in {directory}", soft_wrap=True)
    console.print(f"readonly-guard review serve --review {directory}", style="bold", soft_wrap=True)
    console.print(f"sign in as {', '.join(accounts.names())} with the password {password}")
