"""`readonly-guard policy copy`: the shipped policies as files of one's own, to change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from readonly_guard.errors import ConfigurationError
from readonly_guard.policy import shipped_files
from readonly_guard_cli.output import console, speaking_plainly, visible

__all__ = ["copy"]


def copy(
    directory: Annotated[Path, typer.Argument(help="A directory that is not there yet, or is empty.")],
) -> None:
    """Write the shipped policies into a directory: rules, tests, data, schemas and the table of cases.

    Exit status: 0 written, 2 the directory holds something, or cannot be written.
    """
    with speaking_plainly():
        try:
            if directory.exists() and any(directory.iterdir()):
                raise ConfigurationError(f"{directory}: holds something already; name a directory that is not there")
            count = 0
            for name, content in shipped_files():
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                count += 1
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: cannot be written: {error.strerror}") from error
    console.print(
        f"wrote {count} files; readonly-guard policy test {visible(str(directory))} tries them", soft_wrap=True
    )
