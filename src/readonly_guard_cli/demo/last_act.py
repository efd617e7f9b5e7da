"""The last act of the guided run: the first Monday of the month, at the review's page.

Months of invented activity, decided by a real guard; the earlier ones reviewed and signed, the last one waiting. The
page is served by a process of its own, as anyone would start it, and asked whether it answers.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import utc_now
from readonly_guard.review import Actor, Desk, Period, late_total, look_for_late_writes
from readonly_guard_cli.demo.reviewed import Reviewed, write_reviewed

__all__ = ["LastAct", "last_act"]

_LISTENING: Final = re.compile(r"listening: (http://\S+)")
_MONTHS_BEFORE: Final = 2
_WAIT_S: Final = 20.0
_OFFICER: Final = "dekman"


class LastAct(NamedTuple):
    """The review while its page is served: where, how to sign in, and whether everything is as it must be."""

    made: Reviewed
    address: str
    is_as_expected: bool


@contextlib.contextmanager
def last_act(console: Console, home: Path, *, late_dsn: str) -> Iterator[LastAct]:
    """Make the review, show what waits, and serve its page for as long as the block takes.

    Args:
        console: where it is shown.
        home: where it is made.
        late_dsn: the database in which to look for information that was added in read mode.
    """
    with console.status("a quarter of activity, decided and logged; the earlier months reviewed and signed …"):
        made = write_reviewed(home / "review", Period.before(utc_now()), before=_MONTHS_BEFORE, late_dsn=late_dsn)
        late = late_total(look_for_late_writes(Desk.open(made.directory), Actor(user=_OFFICER, via="demo")))
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("unit", "month", "events", "to review"):
        table.add_column(heading)
    for unit, (events, population) in made.selected.items():
        table.add_row(unit, str(made.month), f"{population:,}", f"{events:,}")
    console.print(table)
    chains = made.imported.chains
    console.print(
        f"{made.imported.decisions:,} decisions imported from {len(chains)} verified chain; {made.flagged} events raise"
        f" a question. The database itself tells of {late:,} rows added or changed in read mode."
    )
    with _served(made.directory) as address:
        answers = _answers(address)
        if answers:
            console.print(f"The page answers at {address}", style="bold green", soft_wrap=True)
        else:
            console.print("the page does not answer", style="bold red")
        yield LastAct(made, address, answers and made.flagged > 0 and late > 0)


@contextlib.contextmanager
def _served(directory: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "readonly_guard_cli", "review", "serve", "--port", "0", "--review", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            if process.stdout is None or (found := _LISTENING.search(process.stdout.readline())) is None:
                raise ConfigurationError("the review's page did not start")
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}sign-in", timeout=_WAIT_S) as answer:  # noqa: S310  our own page
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
