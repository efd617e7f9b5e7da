"""The operational log: structlog, on standard error, as JSON lines for machines or plain lines for people."""

from __future__ import annotations

import logging
import sys

import structlog

from readonly_guard.settings import LoggingSettings

__all__ = ["configure"]


def configure(settings: LoggingSettings) -> None:
    """Log as the settings say, from now on."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, rendered],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        # a line is one write: workers share the file, and print writes the end of a line by itself where Python runs
        # unbuffered (PYTHONUNBUFFERED, as images of containers set it), so that another's line comes in between
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,  # a line that the level leaves out then costs a tenth
    )
