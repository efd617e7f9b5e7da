"""`readonly-guard policy new`: the files of a new rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from readonly_guard.errors import ConfigurationError
from readonly_guard.policy import new_rule
from readonly_guard_cli.output import console, speaking_plainly, visible
from readonly_guard_cli.policy.options import load

__all__ = ["new"]


def new(
    rule: Annotated[str, typer.Argument(help="The rule's name: small letters, digits, underscores.")],
    directory: Annotated[Path, typer.Option(help="The directory of Rego that it is added to.")],
    code: Annotated[str, typer.Option(help="Its reason code, RG-, a letter and two digits; never one that was used.")],
    statement: Annotated[str, typer.Option(help="The statement of the routine it rests on.")] = "S22",
) -> None:
    """Write a new rule with its test and METADATA, and have standing ask for it. What it demands is yours to write.

    Exit status: 0 written, 2 a name or code cannot be used, or a file cannot be written.
    """
    with speaking_plainly():
        files = new_rule(load(directory), rule, code=code, statement=statement)
        for name, text in files.items():
            path = directory / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
            console.print(f"wrote {visible(str(path))}", soft_wrap=True)
    console.print(
        "Next: write the rule and its test, add cases to cases/cases.json, then\n"
        f"  readonly-guard policy test {visible(str(directory))}\n"
        f"  readonly-guard policy check {visible(str(directory))}",
        soft_wrap=True,
    )
