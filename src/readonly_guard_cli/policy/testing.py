"""`readonly-guard policy test`: the Rego tests, without OPA."""

from __future__ import annotations

import math
from typing import Annotated

import typer
from rich.text import Text

from readonly_guard.policy import run_tests
from readonly_guard_cli.output import DENIED, console, speaking_plainly
from readonly_guard_cli.policy.options import DIRECTORY

__all__ = ["run_them"]


def run_them(
    directory: DIRECTORY = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Name every test, not only those that fail.")
    ] = False,
) -> None:
    """Run the Rego tests of a policy directory; no OPA needed.

    Exit status: 0 all passed, 1 a test failed or there is none, 2 the policies do not load.
    """
    with speaking_plainly():
        report = run_tests(None if directory is None else str(directory))
    for item in report.tests:
        if not item.passed or verbose:
            mark = Text("pass ", style="green") if item.passed else Text("FAIL ", style="bold red")
            console.print(mark.append(f"{item.package}.{item.name}").append(f"  {item.file}:{item.line}", style="dim"))
            if item.message:
                console.print(f"     {item.message}", soft_wrap=True)
    for file in report.coverage:
        if file.uncovered_lines:
            lines = ", ".join(map(str, file.uncovered_lines))
            console.print(f"not covered: {file.file}, lines {lines}", style="yellow")
    failed = sum(not item.passed for item in report.tests)
    style = "bold green" if report.passed else "bold red"
    covered = math.floor(report.coverage_percent)  # 99.9 % is not all
    summary = f"{len(report.tests) - failed} passed, {failed} failed, {covered} % of lines covered"
    console.print(summary if report.tests else "no tests found", style=style)
    if not report.passed:
        raise typer.Exit(DENIED)
