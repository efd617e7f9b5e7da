"""`readonly-guard policy`: for the people who write Rego."""

from __future__ import annotations

import typer

from readonly_guard_cli.policy.asking import evaluate
from readonly_guard_cli.policy.checking import check
from readonly_guard_cli.policy.copying import copy
from readonly_guard_cli.policy.explaining import explain
from readonly_guard_cli.policy.replaying import replay_command
from readonly_guard_cli.policy.scaffolding import new
from readonly_guard_cli.policy.testing import run_them

__all__ = ["app"]

app = typer.Typer(help="Write, check and try the Rego policies.", no_args_is_help=True)
app.command("test")(run_them)
app.command("check")(check)
app.command("eval")(evaluate)
app.command("explain")(explain)
app.command("replay")(replay_command)
app.command("copy")(copy)
app.command("new")(new)
