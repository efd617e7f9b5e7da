"""`readonly-guard policy replay`: what would other policies have decided?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from readonly_guard.audit import journal_bytes, record_reading
from readonly_guard.errors import ConfigurationError
from readonly_guard.replay import Change, Replay, replay
from readonly_guard_cli.audit.options import READING_LOG
from readonly_guard_cli.output import DENIED, console, speaking_plainly, stderr, visible
from readonly_guard_cli.policy.options import DATA, POLICIES, load

__all__ = ["replay_command"]

_ORDER: Final = ("opens", "closes", "other codes", "other warnings")


def replay_command(
    journal: Annotated[Path, typer.Option(help="The journal's directory.")],
    policies: POLICIES = None,
    data: DATA = None,
    changes: Annotated[
        Path | None, typer.Option(help="A file to write every decision that would be another to, as JSON lines.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many processes decide.")] = os.cpu_count() or 1,
    top: Annotated[int, typer.Option(min=1, help="How many groups to show.")] = 30,
    reading_log: READING_LOG = None,
) -> None:
    """Decide every recorded decision anew, under other policies or other data, and show what would change.

    Grouped by what happens, codes, purpose and user, the largest first. The log is read and not checked: see `audit
    verify`. Facts that an information point had looked up are not in the log: give them as
    `--data`. That somebody read the log is recorded first, in the chain `custody` of the journal.

    Exit status: 0 nothing would change, 1 something would, 2 the log or the policies cannot be read.
    """
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with speaking_plainly(), Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        rules = load(policies, data)
        total = journal_bytes(journal)
        selection = {} if changes is None else {"changes": changes.name}
        record_reading(journal, command="policy replay", selection=selection, kept_in=reading_log)
        task = bar.add_task("reading the log", total=total)
        with _written_to(changes) as changed:
            found = replay(
                journal,
                rules,
                processes=processes,
                progress=lambda size: bar.update(task, advance=size),
                changed=changed,
            )
    _show(found, top)
    unreadable = f", {found.unreadable:,} lines unreadable" if found.unreadable else ""
    console.print(
        f"{found.decisions:,} decisions of {found.records:,} records{unreadable}, with policies {rules.revision}: "
        f"{found.changed:,} would be others",
        style="bold",
    )
    if found.changed:
        raise typer.Exit(DENIED)


@contextlib.contextmanager
def _written_to(path: Path | None) -> Iterator[Callable[[Change], None]]:
    if path is None:
        yield lambda _: None
        return
    try:
        file = path.open("xb")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be written: {error.strerror}; name a file that is not there"
        ) from error
    encode = msgspec.json.Encoder().encode
    with file:

        def write(change: Change) -> None:
            file.write(encode(change) + b"\n")

        yield write


def _show(found: Replay, top: int) -> None:
    if not found.differences:
        return
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("count", "what happens", "before", "after", "purpose", "who", "for example"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "count" else "left")
    groups = sorted(found.differences.items(), key=lambda item: (_ORDER.index(item[0].kind), -item[1], item[0].subject))
    for group, count in groups[:top]:
        before = _outcome(group.before, group.warned_before)
        after = _outcome(group.after, group.warned_after)
        cells = (group.kind, before, after, group.purpose, group.subject, found.examples[group])
        table.add_row(f"{count:,}", *map(visible, cells))
    console.print(table)
    if len(groups) > top:
        console.print(f"and {len(groups) - top:,} groups more: --top, or --changes FILE for every decision")


def _outcome(codes: tuple[str, ...], warnings: tuple[str, ...]) -> str:
    warned = f", warned {', '.join(warnings)}" if warnings else ""
    return f"{', '.join(codes) or 'allowed'}{warned}"
