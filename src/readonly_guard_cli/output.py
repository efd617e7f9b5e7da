"""Where the command line writes, and how its errors look: one sentence, no traceback, exit status 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer
from rich.console import Console

from readonly_guard.errors import GuardError

__all__ = ["ALLOWED", "DENIED", "USAGE_ERROR", "console", "fail", "speaking_plainly", "stderr"]

ALLOWED: Final = 0
DENIED: Final = 1
USAGE_ERROR: Final = 2

# a pipe or a log file has no width of its own
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
stderr = Console(stderr=True, highlight=False)


def fail(message: str) -> NoReturn:
    """Say what is wrong and exit with status 2."""
    stderr.print("error:", style="bold red", end=" ")
    stderr.print(message, markup=False)
    raise typer.Exit(USAGE_ERROR)


@contextmanager
def speaking_plainly() -> Iterator[None]:
    """Turn this project's errors into one sentence each."""
    try:
        yield
    except GuardError as error:
        fail(str(error))
