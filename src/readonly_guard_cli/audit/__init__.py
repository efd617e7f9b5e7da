"""`readonly-guard audit`: the log, checked, shown and cared for."""

from __future__ import annotations

import typer

from readonly_guard_cli.audit.custody import keygen, repair, retain
from readonly_guard_cli.audit.export import export
from readonly_guard_cli.audit.forward import forward, sinks
from readonly_guard_cli.audit.show import show, tail
from readonly_guard_cli.audit.verify import verify_command

__all__ = ["app"]

app = typer.Typer(help="Check and show the log, and care for it.", no_args_is_help=True)
app.command("verify")(verify_command)
app.command("show")(show)
app.command("tail")(tail)
app.command("export")(export)
app.command("forward")(forward)
app.command("sinks")(sinks)
app.command("keygen")(keygen)
app.command("repair")(repair)
app.command("retain")(retain)
