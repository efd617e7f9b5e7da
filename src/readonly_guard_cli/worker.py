"""One worker of several: what `readonly-guard proxy` starts, ``python -m readonly_guard_cli.worker``, and nobody else.

Arguments: guard.toml, then number, count, port, directory and room of its
`readonly_guard_proxy.supervision.place.Place`. Its standard input is a pipe from the supervisor, which is never
written to and closes when that is gone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import structlog
import typer

from readonly_guard_cli.output import speaking_plainly
from readonly_guard_cli.proxy import serve_alone
from readonly_guard_proxy.net.colleagues import Colleagues
from readonly_guard_proxy.supervision.place import Place, as_worker

__all__ = ["main"]


def main(config: Path, number: int, count: int, port: int, directory: str, room: int) -> None:
    """Serve until told to stop, or until the supervisor is gone."""
    place = Place(number=number, count=count, port=port, directory=directory, room=room)
    structlog.contextvars.bind_contextvars(worker=place.number)
    with speaking_plainly():
        serve_alone(
            config,
            adapt=lambda settings: as_worker(settings, place),
            colleagues=Colleagues(place.number, place.directory, place.boards),
            tether=sys.stdin.fileno(),
        )


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
