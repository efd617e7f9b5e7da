"""`readonly-guard audit verify`: is the log whole?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from readonly_guard.audit import Anchor, KeyRing, Verification, parse_head, read_anchors, verify_all
from readonly_guard_cli.output import DENIED, console, speaking_plainly, stderr, visible

__all__ = ["verify_command"]


def verify_command(
    path: Annotated[Path, typer.Argument(help="The journal's directory.")],
    expected_head: Annotated[
        str | None, typer.Option(help="seq:hash from an earlier check, kept elsewhere: finds a log that was cut short.")
    ] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="Signed heads that were kept elsewhere, as the plugin anchor_file writes them.")
    ] = None,
    public_key: Annotated[
        list[Path] | None, typer.Option(help="Who may have signed (several times: several keys); then heads must be.")
    ] = None,
) -> None:
    """Check that no record of a journal was changed, removed, inserted or moved, and that signed heads are right.

    A log that was cut short, or computed anew from some record on, looks whole in itself. `--anchors` finds both, and
    so does the head that this command prints, kept somewhere else and given as `--expected-head` the next time.
    Without `--public-key`, signatures are checked with the keys published in the journal's own directory.

    Exit status: 0 every chain is whole, 1 one is broken (its first fault is named), 2 there is no journal to read.
    """
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with (
        speaking_plainly(),
        Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar,
    ):
        keys = KeyRing.load(public_key) if public_key else None
        kept = [] if anchors is None else read_anchors(anchors, public_keys=keys)
        if expected_head is not None:
            kept.append(Anchor(head=parse_head(expected_head)))
        task = bar.add_task("")
        checks = verify_all(
            path,
            anchors=kept,
            public_keys=keys,
            progress=lambda at: bar.update(
                task, completed=at.bytes, total=at.total_bytes, description=f"{at.records:,} records"
            ),
        )
    for found in checks:
        if len(checks) > 1:
            console.print(f"chain {visible(found.chain)}", style="bold")
        _tell(found, is_key_known=keys is not None)
    if kept and all(found.ok for found in checks):
        newest = max(anchor.time for anchor in kept)
        console.print(f"anchors: all {len(kept):,} are held" + (f", the last of {newest}" if newest else ""))
    if not all(found.ok for found in checks):
        console.print("keep the directory as it is and call whoever owns the log")
        raise typer.Exit(DENIED)


def _tell(found: Verification, *, is_key_known: bool) -> None:
    for name in found.torn:
        console.print(f"note: {name} holds a torn tail that a recovery set aside", style="yellow")
    fault = found.first_fault
    if fault is not None:
        console.print("broken", style="bold red")
        place = f"{fault.file}, line {fault.line}, record {fault.seq}: " if fault.file else ""
        console.print(f"{place}{visible(fault.what)}", soft_wrap=True)
        console.print(f"whole up to record {found.head.seq:,}")
        return
    console.print(f"whole: {found.records:,} records in {found.segments} segments", style="bold green")
    if found.removed:
        console.print(f"removed by retention, as a signed record says: the {found.removed:,} records before them")
    console.print(f"head: {found.head}", soft_wrap=True)
    if not found.seals:
        console.print("signed: no head is")
        return
    trust = "" if is_key_known else ", by the word of the key beside the journal: check with --public-key"
    behind = found.head.seq - found.signed.seq - 1
    keys = ", ".join(found.key_ids)
    moment = visible(found.signed_at)
    console.print(f"signed: up to record {found.signed.seq:,} at {moment} with {keys}{trust}", soft_wrap=True)
    if behind:
        since = f", since {visible(found.unsigned_since)}" if found.unsigned_since else ""
        console.print(f"not signed yet: the last {behind:,} records{since}")
