"""The command `readonly-guard`: its subcommands put together, and the last net under them."""

from __future__ import annotations

import os
import sys

import typer

from readonly_guard_cli import audit, policy
from readonly_guard_cli.check import check
from readonly_guard_cli.classify import classify
from readonly_guard_cli.perform import demo
from readonly_guard_cli.proxy import proxy

__all__ = ["app", "main"]

app = typer.Typer(
    name="readonly-guard",
    help="The technical control behind read mode: refuses every write, asks who and why, logs before it releases.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(check)
app.command()(classify)
app.command()(proxy)
app.command()(demo)
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")


def main() -> None:
    """Run the command line; Ctrl-C and a closed pipe end it quietly."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # the reader of our output is gone (`| head`); closing quietly needs standard output out of the way
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
