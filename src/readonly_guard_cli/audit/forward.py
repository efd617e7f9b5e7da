"""`readonly-guard audit forward`: the feed as a process."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.table import Table
from rich.text import Text

from readonly_guard.audit import (
    Feed,
    FeedEvent,
    PatientIdentification,
    SigningKey,
    feeding,
    sign_custody,
    sink_positions,
)
from readonly_guard.audit.chains import CUSTODY, PATIENTS
from readonly_guard.errors import ConfigurationError, GuardError
from readonly_guard.hooks import Hooks, Sink
from readonly_guard.settings import Settings, load_settings
from readonly_guard_cli.operational_log import configure
from readonly_guard_cli.output import DENIED, console, speaking_plainly, visible

__all__ = ["forward", "sinks"]

_log = structlog.get_logger(__name__)


def forward(
    config: Annotated[Path, typer.Option(help="The guard.toml, whose plugins.load names the sinks.")],
    once: Annotated[bool, typer.Option("--once", help="Carry what is there, and end.")] = False,
) -> None:
    """Carry the log to the sinks among the plugins of a guard.toml, until SIGTERM.

    Run it beside the proxy, as the user who owns the journal. Each sink is fed at its own pace and goes on where it
    was: how far it is stands in the journal's `cursors`. What happens is told on standard error, one JSON object a
    line.

    What people did with the log is signed here, too (chain `custody`, with `journal.signing_key`): readers have no key.

    Exit status: 0 told to stop, or all is carried; 1 with `--once`, a sink failed; 2 it could not start.
    """
    with speaking_plainly():
        settings = load_settings(config)
        configure(settings.logging)
        journal = Path(settings.journal.path)
        key = None if settings.journal.signing_key is None else SigningKey.load(Path(settings.journal.signing_key))
        found = _sinks(settings, journal, key)
        if not found:
            raise ConfigurationError(f"{config}: no plugin in plugins.load is a sink; there is nowhere to go")
        with feeding(journal):
            if once:
                if key is not None:
                    sign_custody(journal / CUSTODY, key)
                raise typer.Exit(asyncio.run(_drain([Feed(journal, name, sink) for name, sink in found])))
            feeds = [Feed(journal, name, sink, report=_tell) for name, sink in found]
            asyncio.run(_run(feeds, journal / CUSTODY, key, settings.journal.seal_every_s))


def sinks(
    path: Annotated[Path, typer.Argument(help="The journal's directory.")],
) -> None:
    """Show how far every sink has come in each chain, and how many records it has not had yet.

    Exit status: 0 every sink has all, 1 one is behind, 2 there is no journal to read.
    """
    with speaking_plainly():
        positions = sink_positions(path)
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("sink", "chain", "has", "behind"):
        table.add_column(heading, justify="right" if heading in {"has", "behind"} else "left")
    for item in positions:
        behind = Text(f"{item.behind:,}", style="yellow" if item.behind else "green")
        table.add_row(visible(item.sink), visible(item.chain), f"{item.seq:,}", behind)
    if positions:
        console.print(table)
    else:
        console.print("no sink was ever fed: readonly-guard audit forward")
    if any(item.behind for item in positions):
        raise typer.Exit(DENIED)


def _sinks(settings: Settings, journal: Path, key: SigningKey | None) -> list[tuple[str, Sink]]:
    """The plugins' sinks, and where one of them knows patients, the log's own chain of whose keys are whose."""
    hooks = Hooks()
    hooks.load(settings.plugins.load, settings.plugin, Path(settings.folder))
    found = hooks.sinks()
    if registers := hooks.registers():
        found.append((PATIENTS, PatientIdentification(journal, registers, signing_key=key)))
    return found


def _tell(event: FeedEvent) -> None:
    if event.what == "failing":
        _log.error("sink failing", sink=event.sink, reason=event.reason)
    else:
        _log.info(f"sink {event.what}", sink=event.sink, records=event.records)


async def _run(feeds: list[Feed], custody: Path, key: SigningKey | None, every_s: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _log.info("forwarding", sinks=[feed.name for feed in feeds])
    async with asyncio.TaskGroup() as group:
        for feed in feeds:
            group.create_task(feed.run(stop))
        if key is not None:
            group.create_task(_sign_now_and_then(custody, key, every_s, stop))


async def _sign_now_and_then(custody: Path, key: SigningKey, every_s: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await asyncio.to_thread(sign_custody, custody, key)  # it may have to wait for readers
        except ConfigurationError as error:
            _log.error("custody not signed", reason=str(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_s)


async def _drain(feeds: list[Feed]) -> int:
    status = 0
    for feed in feeds:
        try:
            count = await feed.drain()
        except GuardError as error:
            console.print(f"{feed.name}: {error}", soft_wrap=True)
            status = DENIED
        except Exception as error:  # noqa: BLE001  a sink may raise anything; it is named
            console.print(f"{feed.name}: {type(error).__name__}: {error}", soft_wrap=True)
            status = DENIED
        else:
            console.print(f"{feed.name}: {count:,} records")
    return status
