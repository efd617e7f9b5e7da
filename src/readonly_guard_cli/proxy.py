"""`readonly-guard proxy`: the guard in front of a database."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import typer

from readonly_guard import Guard
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.settings import Settings, load_settings
from readonly_guard.sql import judge_startup
from readonly_guard_cli.operational_log import configure
from readonly_guard_cli.output import speaking_plainly
from readonly_guard_proxy.net.certificates import Certificates
from readonly_guard_proxy.service import run

__all__ = ["proxy"]

_log = structlog.get_logger(__name__)


def proxy(
    config: Annotated[Path, typer.Option(help="The guard.toml to run with.")],
) -> None:
    """Run the guard in front of a database until SIGTERM.

    Prints `listening on HOST:PORT` to standard output once clients can connect. What happens is told on standard
    error, one JSON object a line (or plain lines: `[logging] format = "console"`), without any text of a statement.

    SIGHUP loads guard.toml, the policies, their data, certificates and keys again; when one of them does not load, all
    of them stay as they were. What takes effect only at the next start is named in the log. SIGTERM and Ctrl-C stop
    listening, end idle sessions, and let running statements finish for `limits.drain_s` seconds. systemd is told
    (Type=notify-reload, and its watchdog).

    Exit status: 0 told to stop, 2 it could not start.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # there is nothing to reload before the proxy is up
    with speaking_plainly():
        settings = load_settings(config)
        configure(settings.logging)
        certificates = Certificates(settings)
        guard = Guard.from_settings(settings)
        if guard.recovery is not None and guard.recovery.torn_file:
            _log.warning("the log had a torn tail, which was set aside", file=guard.recovery.torn_file)
        _log.info("policies loaded", revision=guard.policy_revision)

        def ready(port: int) -> None:
            print(f"listening on {settings.listener.host}:{port}", flush=True)

        def reload() -> Settings:
            fresh = load_settings(config)
            engine = EmbeddedEngine(load_policies(fresh.policy.source, fresh.policy.data))
            certificates.renew(fresh)
            guard.replace_policies(engine)
            _log.info("policies loaded", revision=guard.policy_revision)
            return fresh

        run(
            settings,
            guard,
            judge=partial(judge_startup, rules=settings.reading),
            ready=ready,
            reload=reload,
            certificates=certificates,
        )
