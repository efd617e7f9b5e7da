"""`readonly-guard proxy`: the guard in front of a database."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer

from readonly_guard import Guard
from readonly_guard.policy import EmbeddedEngine, OpaServer, decision_point_apart, state_of
from readonly_guard.settings import Settings, WorkerSettings, load_settings
from readonly_guard.sql import judge_startup
from readonly_guard_cli.operational_log import configure
from readonly_guard_cli.output import USAGE_ERROR, fail, speaking_plainly
from readonly_guard_cli.watching import watch
from readonly_guard_proxy.lifecycle.hangups import hold_hangups
from readonly_guard_proxy.net.colleagues import Colleagues
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.service import run

__all__ = ["proxy"]

_log = structlog.get_logger(__name__)


def proxy(
    config: Annotated[Path, typer.Option(help="The guard.toml to run with.")],
    workers: Annotated[
        int | None, typer.Option(min=1, max=255, help="How many processes serve clients, instead of `workers.count`.")
    ] = None,
) -> None:
    """Run the guard in front of a database until SIGTERM.

    Prints `listening on HOST:PORT` to standard output once clients can connect. What happens is told on standard
    error, one JSON object a line (or plain lines: `[logging] format = "console"`), without any text of a statement.

    SIGHUP loads guard.toml, the policies, their data, certificates, keys, users and passwords again; when one of them
    does not load, all of them stay as they were. What takes effect only at the next start is named in the log. SIGTERM
    and Ctrl-C stop listening, end idle sessions, and let running statements finish for `limits.drain_s` seconds.
    systemd is told (Type=notify-reload, and its watchdog).

    With several workers (`--workers`, or `[workers]` in guard.toml) this process only keeps them: it starts again what
    ends, passes signals on, and speaks for all of them on the admin listener. Each worker writes a chain of its own
    below the journal's directory.

    Exit status: 0 told to stop, 2 it could not start.
    """
    hold_hangups()
    with speaking_plainly():
        settings = _settings(config, workers)
        if settings.workers.count == 1:
            serve_alone(config, adapt=partial(_with_workers, workers=workers))
            return
        # with it comes an HTTP client, 15 MB, which no process that serves needs
        from readonly_guard_proxy.supervision.process import NotStartedError  # noqa: PLC0415
        from readonly_guard_proxy.supervision.run import supervise  # noqa: PLC0415

        configure(settings.logging)
        command = (sys.executable, "-P", "-m", "readonly_guard_cli.worker", str(config))
        try:
            supervise(
                settings,
                command,
                ready=partial(_greet, settings),
                reload=partial(_settings, config, workers),
            )
        except NotStartedError as error:
            if error.status != USAGE_ERROR:  # else it has said what is wrong
                fail(f"a worker {error}; its last words are above")
            raise typer.Exit(USAGE_ERROR) from error


def serve_alone(
    config: Path,
    *,
    adapt: Callable[[Settings], Settings] = lambda settings: settings,
    colleagues: Colleagues | None = None,
    tether: int | None = None,
) -> None:
    """Serve in this process until told to stop.

    Args:
        config: the guard.toml.
        adapt: makes the settings of this process from those in the file, now and at every reload.
        colleagues: as for :func:`readonly_guard_proxy.service.run`.
        tether: likewise.

    Raises:
        ConfigurationError: it cannot start.
    """
    settings = adapt(load_settings(config))
    configure(settings.logging)
    loaded = state_of(settings.policy) if settings.policy.watch_s else ()
    credentials = Credentials(settings)
    guard = Guard.from_settings(settings)
    if guard.recovery is not None and guard.recovery.torn_file:
        _log.warning("the log had a torn tail, which was set aside", file=guard.recovery.torn_file)
    _log.info("policies loaded", revision=guard.policy_revision)

    async def reload() -> Settings:
        fresh = adapt(load_settings(config))
        pdp = await decision_point_apart(fresh.policy)
        credentials.renew(fresh)
        former = guard.replace_policies(pdp, fresh.policy)
        tried = {"cases": pdp.cases} if isinstance(pdp, EmbeddedEngine) else {}
        _log.info("policies loaded", revision=guard.policy_revision, **tried)
        if isinstance(former, OpaServer):
            await former.retire()
        return fresh

    stop = threading.Event()
    if settings.policy.watch_s:
        watch(partial(state_of, settings.policy), settings.policy.watch_s, stop, loaded=loaded)
    run(
        settings,
        guard,
        judge=partial(judge_startup, rules=settings.reading),
        ready=partial(_greet, settings),
        reload=reload,
        credentials=credentials,
        colleagues=colleagues,
        tether=tether,
    )
    stop.set()


def _settings(config: Path, workers: int | None) -> Settings:
    return _with_workers(load_settings(config), workers=workers)


def _with_workers(settings: Settings, *, workers: int | None) -> Settings:
    if workers is None:
        return settings
    return msgspec.structs.replace(settings, workers=WorkerSettings(count=workers))


def _greet(settings: Settings, port: int) -> None:
    print(f"listening on {settings.listener.host}:{port}", flush=True)
