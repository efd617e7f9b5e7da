"""`readonly-guard demo`: the guided run."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, Never

import typer

from readonly_guard_cli.output import console, speaking_plainly

__all__ = ["demo"]


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the guarded database running until Ctrl-C.")] = False,
) -> None:
    """Show the guard at work on a synthetic health-record database.

    Starts a PostgreSQL 18 of its own, fills it with invented people, puts the guard in front and drives it with psql,
    asyncpg and psycopg: reads that work, writes that do not, policy denials, the log, and proof that nothing changed.
    Needs no installed server; everything is removed at the end, also after Ctrl-C.

    Exit status: 0 everything came as it must, 1 something did not, 2 it could not start here.
    """
    # these end it as Ctrl-C does, so that the server and the proxy are taken down in any case
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with speaking_plainly():
        from readonly_guard_cli.demo.stage import perform  # noqa: PLC0415  it needs the demo extra, the rest does not

        if not perform(console, keep=keep):
            raise typer.Exit(1)


def _leave(number: int, _frame: FrameType | None) -> Never:
    sys.exit(128 + number)  # as a shell tells of a program that a signal ended
