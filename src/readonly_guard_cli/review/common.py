"""What the commands of `readonly-guard review` share: who acts, new files, and how a broken log is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import typer

from readonly_guard.audit.custody import actor
from readonly_guard.errors import ConfigurationError
from readonly_guard.review import Actor, BrokenLog
from readonly_guard_cli.output import DENIED, stderr, visible

__all__ = ["acting", "stop", "write_new"]


def acting(by: str) -> Actor:
    """Who acts, and who runs the command."""
    return Actor(user=by, via=f"cli:{actor()}")


def stop(broken: BrokenLog) -> NoReturn:
    """Say that something is broken, and end."""
    stderr.print("broken:", style="bold red", end=" ")
    stderr.print(visible(str(broken)), soft_wrap=True)
    stderr.print("nothing was imported, selected or signed; keep everything as it is and call whoever owns the log")
    raise typer.Exit(DENIED)


def write_new(path: Path, data: bytes) -> None:
    """A new file that only its owner may read; never over another.

    Raises:
        ConfigurationError: it is there already, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path}: is there already; nothing is overwritten") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
