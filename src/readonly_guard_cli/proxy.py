"""`readonly-guard proxy`: the guard in front of a database."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import typer

from readonly_guard import Guard
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.settings import load_settings
from readonly_guard.sql import judge_startup
from readonly_guard_cli.output import speaking_plainly
from readonly_guard_proxy.service import run

__all__ = ["proxy"]


def proxy(
    config: Annotated[Path, typer.Option(help="The guard.toml to run with.")],
) -> None:
    """Run the guard in front of a database until SIGTERM.

    SIGHUP loads the policies again; policies that do not load leave those in force. SIGTERM and Ctrl-C stop listening,
    end idle sessions, and let running statements finish for ten seconds.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with speaking_plainly():
        settings = load_settings(config)
        guard = Guard.from_settings(settings)

        def ready(port: int) -> None:
            print(f"listening on {settings.listener.host}:{port}", flush=True)

        def reload() -> None:
            fresh = load_settings(config)
            guard.replace_policies(EmbeddedEngine(load_policies(fresh.policy.source, fresh.policy.data)))

        run(settings, guard, judge=partial(judge_startup, rules=settings.reading), ready=ready, reload=reload)
