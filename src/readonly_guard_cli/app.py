"""The command `readonly-guard`: its subcommands put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from readonly_guard_cli import audit, catalog, policy, review, users
from readonly_guard_cli.check import check
from readonly_guard_cli.classify import classify
from readonly_guard_cli.output import prepare
from readonly_guard_cli.perform import demo
from readonly_guard_cli.proxy import proxy
from readonly_guard_cli.status import status

__all__ = ["app", "main"]

app = typer.Typer(
    name="readonly-guard",
    help="The technical control behind read mode: refuses every write, asks who and why, logs before it releases.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # the mode in which a docstring's paragraphs are set anew to the terminal's width
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(check)
app.command()(classify)
app.command()(proxy)
app.command()(status)
app.command()(demo)
app.add_typer(audit.app, name="audit")
app.add_typer(catalog.app, name="catalog")
app.add_typer(users.app, name="users")
app.add_typer(policy.app, name="policy")
app.add_typer(review.app, name="review")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"readonly-guard {version('readonly-guard')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Ctrl-C ends it with status 130, a closed pipe (`| head`) with 1, both quietly."""
    prepare()
    app()
