"""`readonly-guard catalog`: what reading really runs in a database, for the team that puts the guard before it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from readonly_guard.catalog import CatalogResolver, Outline, Snapshot, encode, outline, report
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import load_settings
from readonly_guard_cli.output import ALLOWED, DENIED, console, fail, speaking_plainly, visible
from readonly_guard_cli.resolving import captured, progress, resolver_of

__all__ = ["app"]

app = typer.Typer(
    help="Look at what reading a database runs: views, functions, operators, types, policies.", no_args_is_help=True
)

_Dsn = Annotated[str | None, typer.Option("--dsn", help="The database, as libpq writes it; any role that may connect.")]
_File = Annotated[Path | None, typer.Option("--catalog", help="A snapshot from `catalog snapshot` instead.")]
_Config = Annotated[Path | None, typer.Option(help="A guard.toml, for its [catalog] and table classes.")]


@app.command()
def snapshot(
    dsn: Annotated[str, typer.Option("--dsn", help="The database, as libpq writes it; any role that may connect.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it.")],
) -> None:
    """Write down what decides what reading runs in a database: definitions, no rows.

    A guard that is given the file as `catalog.snapshot` needs no access of its own to the server.

    Exit status: 0 written, 2 it could not be.

    For example:

    - `readonly-guard catalog snapshot --dsn postgresql://guard@db.internal/mydb --out catalog.json`
    """
    with speaking_plainly():
        taken = captured(dsn)
        try:
            out.write_bytes(encode(taken))
        except OSError as error:
            fail(f"{out}: cannot be written: {error.strerror}")
    console.print(
        Text(f"{out}: {_size(taken)}, PostgreSQL {taken.server_version // 10_000}, digest {taken.digest[:16]}")
    )


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="A table, view, function, operator or type, as SQL writes it.")],
    dsn: _Dsn = None,
    catalog: _File = None,
    config: _Config = None,
) -> None:
    """Show why reading something is denied, or that it is not: the chain of what it runs, as a tree.

    Exit status: 0 it only reads, 1 it is denied, 2 usage error, or there is no such thing.

    For example:

    - `readonly-guard catalog explain --dsn postgresql://guard@db.internal/mydb journal.latest_notes`
    """
    with speaking_plainly():
        resolver = _resolver(dsn, catalog, config)
        nodes = resolver.find(name)
        if not nodes:
            raise ConfigurationError(f"there is no {visible(name)} on the search path; write schema.name")
        trees = [outline(resolver.closure, node) for node in nodes]
    for tree in trees:
        console.print(_tree(tree))
    raise typer.Exit(DENIED if any(tree.faults or tree.children for tree in trees) else ALLOWED)


@app.command("report")
def report_command(
    dsn: _Dsn = None,
    catalog: _File = None,
    config: _Config = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a finding, a line each.")] = False,
) -> None:
    """List everything in a database through which a read could write, or of which that cannot be told.

    The guard denies all of it. Run it before the guard stands before the database, and see what its users would miss.

    Exit status: 0 nothing is found, 1 something is, 2 usage error.

    For example:

    - `readonly-guard catalog report --dsn postgresql://guard@db.internal/mydb`
    """
    with speaking_plainly():
        resolver = _resolver(dsn, catalog, config)
        with progress("following") as told:
            findings = report(resolver, progress=told)
    if json:
        for finding in findings:
            document = {"object": finding.title, "code": finding.chain.code, "why": finding.chain.why}
            sys.stdout.buffer.write(msgspec.json.encode({**document, "chain": finding.chain.steps}) + b"\n")
    else:
        table = Table(box=None, padding=(0, 2), header_style="dim")
        for heading in ("what is denied", "code", "because"):
            table.add_column(heading, overflow="fold")
        for finding in findings:
            rest = " → ".join(finding.chain.steps[1:])
            because = f"{rest}: {finding.chain.why}" if rest else finding.chain.why
            table.add_row(visible(finding.title), finding.chain.code, visible(because))
        if findings:
            console.print(table)
        console.print(Text(f"{len(findings)} of {_size(resolver.snapshot)} are denied", style="bold"))
    raise typer.Exit(DENIED if findings else ALLOWED)


def _resolver(dsn: str | None, catalog: Path | None, config: Path | None) -> CatalogResolver:
    resolver = resolver_of(load_settings(config) if config else None, dsn=dsn, catalog=catalog)
    if resolver is None:
        raise ConfigurationError("give one of --dsn, --catalog, or --config with a [catalog]")
    return resolver


def _size(taken: Snapshot) -> str:
    return f"{CatalogResolver(taken).size:,} objects"


def _tree(of: Outline, tree: Tree | None = None) -> Tree:
    is_denied = bool(of.faults or of.children or of.is_repeated)
    label = Text(f"{of.via}: " if of.via else "", style="dim")
    label.append(visible(of.title), style="bold" if is_denied else "bold green")
    if of.is_repeated:
        label.append("  (see above)", style="dim")
    elif not is_denied:
        label.append("  only reads", style="green")
    branch = Tree(label) if tree is None else tree.add(label)
    for fault in of.faults:
        branch.add(Text(visible(fault), style="red"))
    for child in of.children:
        _tree(child, branch)
    if of.reads and is_denied:
        branch.add(Text(f"{of.reads} more that only read", style="dim"))
    return branch
