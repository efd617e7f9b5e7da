"""What the subcommands of `readonly-guard policy` have in common: which policies, and which data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from readonly_guard.policy import PolicySet, load_policies

__all__ = ["DATA", "DIRECTORY", "POLICIES", "load"]

DIRECTORY = Annotated[Path | None, typer.Argument(help="A directory of Rego; the shipped policies without it.")]
POLICIES = Annotated[Path | None, typer.Option(help="A directory of Rego; the shipped policies without it.")]
DATA = Annotated[
    list[Path] | None, typer.Option(help="Data laid over the policies' own (JSON or a directory); may be repeated.")
]


def load(directory: Path | None, data: Iterable[Path] | None = None) -> PolicySet:
    """The policies that the options name.

    Raises:
        PolicyError: they do not load.
    """
    return load_policies(None if directory is None else str(directory), map(str, data or ()))
