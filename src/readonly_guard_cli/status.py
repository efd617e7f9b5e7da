"""`readonly-guard status`: how a running guard is, asked at its admin listener."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated, Final, NoReturn

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import AdminSettings, load_settings
from readonly_guard_cli.output import console, speaking_plainly, stderr, visible
from readonly_guard_proxy.admin.status import Status
from readonly_guard_proxy.metrics.figures import HistogramFigures
from readonly_guard_proxy.metrics.meters import LATENCY_BOUNDS_S

__all__ = ["status"]

_NOT_READY: Final = 1
_NOT_RUNNING: Final = 3
_PATIENCE_S: Final = 10.0
_STEP: Final = 1024


def status(
    config: Annotated[Path | None, typer.Option(help="The guard.toml that the guard runs with.")] = None,
    address: Annotated[
        str | None, typer.Option(help="HOST:PORT, or the path of the unix socket, instead of --config.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for machines.")] = False,
) -> None:
    """Show how a running guard is: ready or not and why, sessions, decisions, latencies, the log.

    Asks the admin listener, which `[admin]` in guard.toml turns on.

    Exit status: 0 ready, 1 not ready, 2 usage error, 3 no guard answers there.
    """
    with speaking_plainly():
        where = _where(config, address)
    try:
        found = _ask(where)
    except (HTTPException, OSError, msgspec.MsgspecError) as error:
        _no_answer(where, error)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _show(found)
    raise typer.Exit(0 if found.readiness.ready else _NOT_READY)


def _where(config: Path | None, address: str | None) -> AdminSettings:
    if (config is None) == (address is None):
        raise ConfigurationError("give one of --config guard.toml and --address HOST:PORT (or a socket's path)")
    if config is not None:
        where = load_settings(config).admin
        if where.socket is None and not where.port:
            raise ConfigurationError(
                f"{config}: admin.port and admin.socket are not set (0 is a port that only the guard's log tells): set "
                "one and restart the guard, or give --address"
            )
        return where
    text = address or ""
    if "/" in text:
        return AdminSettings(socket=text)
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(f"--address {text}: it is HOST:PORT, or the path of a unix socket with a / in it")
    return AdminSettings(host=host, port=int(port))


def _ask(where: AdminSettings) -> Status:
    asking = (
        HTTPConnection(where.host, where.port, timeout=_PATIENCE_S)
        if where.socket is None
        else _UnixConnection(where.socket)
    )
    with closing(asking):
        asking.request("GET", "/status")
        response = asking.getresponse()
        body = response.read()
    if response.status != HTTPStatus.OK:
        raise HTTPException
    return msgspec.json.decode(body, type=Status)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _no_answer(where: AdminSettings, error: Exception) -> NoReturn:
    place = where.socket or f"{where.host}:{where.port}"
    stderr.print(f"no guard answers at {place} ({type(error).__name__}); is it running?", soft_wrap=True)
    raise typer.Exit(_NOT_RUNNING)


def _show(found: Status) -> None:
    figures = found.figures
    table = Table(box=None, padding=(0, 2), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    state = Text("ready", style="green") if found.readiness.ready else Text("not ready", style="bold red")
    table.add_row("state", state)
    for name, fault in found.readiness.checks.items():
        if fault:
            table.add_row(f"  {name}", Text(visible(fault), style="red"))
    table.add_row("version", f"{found.version}, up {timedelta(seconds=round(found.uptime_s))}")
    table.add_row("clients", f"{found.listening} → {found.upstream}, {_many(figures.workers, 'worker')}")
    table.add_row("policies", ", ".join(visible(name) for name in figures.policy_revisions))
    events = figures.session_events
    table.add_row(
        "sessions",
        f"{figures.sessions_open} open, {figures.sessions_starting} starting; since the start "
        f"{events.get('opened', 0):,} opened, {events.get('refused', 0):,} refused",
    )
    allowed = sum(figures.decisions.get("allow", {}).values())
    denials = figures.decisions.get("deny", {})
    table.add_row("decisions", f"{allowed:,} allowed, {sum(denials.values()):,} denied")
    for code, count in sorted(denials.items(), key=lambda item: -item[1]):
        table.add_row(f"  {visible(code)}", f"{count:,}")
    table.add_row("  latency", _latency(figures.decision_s))
    table.add_row("new texts", _latency(figures.reading_s))
    free = _size(found.log_free_bytes)
    faults = f", {figures.log_failures:,} commits failed" if figures.log_failures else ""
    table.add_row("log", f"{figures.log_records:,} records{faults}; {free} free")
    table.add_row("  commit", _latency(figures.log_commit_s))
    errors = sum(figures.upstream_errors.values())
    table.add_row("server", f"{errors:,} connections failed; {figures.rows:,} rows, {_size(figures.server_bytes)} read")
    table.add_row("memory", f"{_size(figures.resident_bytes)}, {figures.cpu_s:.1f} s of processor time")
    console.print(table)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _latency(figures: HistogramFigures) -> str:
    """The bounds below which half and 99 % of the observations lie; no more is known."""
    if not figures.count:
        return "none yet"
    half, most = (_bound(figures, share) for share in (0.5, 0.99))
    return f"half within {half}, 99 % within {most}, mean {figures.sum_s / figures.count * 1000:.2f} ms"


def _bound(figures: HistogramFigures, share: float) -> str:
    seen = 0
    for bound, count in zip(LATENCY_BOUNDS_S, figures.counts, strict=False):
        seen += count
        if seen >= share * figures.count:
            return f"{bound * 1000:g} ms"
    return f"more than {LATENCY_BOUNDS_S[-1]:g} s"


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < _STEP:
            return f"{count:.0f} {unit}"
        count /= _STEP
    return f"{count:.1f} GiB"
