"""Where the command line writes, and how its errors look: one line, no traceback, exit status 2.

What is shown here comes from statements, logs and file names, so it is never markup, and nothing in it may steer the
terminal it is read on: see :func:`readonly_guard.domain.visible`.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer
from rich.console import Console

from readonly_guard.domain import visible
from readonly_guard.errors import GuardError

__all__ = ["ALLOWED", "DENIED", "USAGE_ERROR", "console", "fail", "prepare", "speaking_plainly", "stderr", "visible"]

ALLOWED: Final = 0
DENIED: Final = 1
USAGE_ERROR: Final = 2

# a pipe or a log file has no width of its own
console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 120)
stderr = Console(stderr=True, highlight=False, markup=False, emoji=False)


def prepare() -> None:
    """Make standard output take every character, whatever the locale: what it lacks is written as an escape."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def fail(message: str) -> NoReturn:
    """Say what is wrong, on one line however long, and exit with status 2."""
    stderr.print("error:", style="bold red", end=" ")
    stderr.print(message, soft_wrap=True)
    raise typer.Exit(USAGE_ERROR)


@contextmanager
def speaking_plainly() -> Iterator[None]:
    """Turn this project's errors into one line each."""
    try:
        yield
    except GuardError as error:
        fail(str(error))
