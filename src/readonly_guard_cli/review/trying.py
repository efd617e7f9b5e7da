"""`readonly-guard review demo`: a review to try, over months that never were."""

from __future__ import annotations

from pathlib import Path

from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import utc_now
from readonly_guard.review import Period
from readonly_guard_cli.demo.reviewed import write_reviewed
from readonly_guard_cli.output import console

__all__ = ["demo"]


def demo(directory: Path) -> None:
    """See the command."""
    if directory.exists():
        raise ConfigurationError(f"{directory}: is there already; name a new directory")
    made = write_reviewed(directory, Period.before(utc_now()))
    for unit, (events, population) in made.selected.items():
        console.print(f"{unit}, {made.month}: {events:,} of {population:,} events selected")
    console.print(f"the log: {made.imported.decisions:,} decisions; everything is in {directory}", soft_wrap=True)
    console.print(f"readonly-guard review serve --review {directory}", style="bold", soft_wrap=True)
    console.print(f"sign in as {', '.join(made.users)} with the password {made.password}")
