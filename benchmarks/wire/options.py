"""What to measure, and how, as it was asked for on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from benchmarks.wire import __doc__ as about
from benchmarks.wire.guard import Durability, Engine, Patients
from benchmarks.wire.pgbench import Mode
from benchmarks.wire.routes import DIRECT, PGBOUNCER
from benchmarks.wire.workloads import WORKLOADS

__all__ = ["Measurement", "Options", "parse"]

Measurement = Literal["load", "transfer", "idle", "growth", "cold"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """See ``--help``; the names are those of the options."""

    measure: tuple[Measurement, ...]
    loads: tuple[str, ...]
    modes: tuple[Mode, ...]
    clients: tuple[int, ...]
    journal: tuple[Durability, ...]
    engine: tuple[Engine, ...]
    workers: tuple[int, ...]
    without: tuple[str, ...]
    patients: Patients
    tls: bool
    upstream: Literal["tcp", "socket"]
    instructions: bool
    rounds: int
    seconds: float
    sessions: int
    megabytes: int
    scale: int
    directory: Path | None
    markdown: Path | None
    json: Path | None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line.

    Args:
        arguments: instead of the process's own.

    Raises:
        SystemExit: they are wrong (status 2), or help was asked for.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.instructions and chosen.workers != [1]:
        parser.error("--instructions counts one process: leave --workers out")
    if chosen.quick:
        short = {"rounds": 1, "seconds": 1.0, "sessions": 100, "megabytes": 64}
        vars(chosen).update({name: value for name, value in short.items() if vars(chosen)[name] is None})
    full = {"rounds": 5, "seconds": 2.0, "sessions": 1000, "megabytes": 1024}
    vars(chosen).update({name: value for name, value in full.items() if vars(chosen)[name] is None})
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(chosen).items()}
    del values["quick"]
    return msgspec.convert(values, Options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wire", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="one round of one second, 100 sessions, 64 MB: to see that it works")
    what = parser.add_argument_group("what")
    add = what.add_argument
    add("--measure", nargs="+", choices=get_args(Measurement), default=["load", "transfer", "idle"])
    add("--loads", nargs="+", choices=list(WORKLOADS), default=["select-only"], help="see benchmarks/wire/workloads.py")
    add("--modes", nargs="+", choices=get_args(Mode), default=list(get_args(Mode)), help="of pgbench (-M)")
    add("--clients", nargs="+", type=_count, default=[1, 8, 32, 128])
    add("--sessions", type=_count, help="idle ones, whose memory is measured (default 1000)")
    add("--megabytes", type=_count, help="of the large results (default 1024)")
    ways = parser.add_argument_group("which ways, and how they are set up")
    add = ways.add_argument
    add("--without", nargs="+", choices=(DIRECT, PGBOUNCER), default=[], help="ways to leave out")
    add("--journal", nargs="+", choices=get_args(Durability), default=list(get_args(Durability)))
    add("--engine", nargs="+", choices=get_args(Engine), default=["embedded"], help="that decides by the policies")
    add("--workers", nargs="+", type=_count, default=[1], help="serving processes of the guard")
    add("--patients", choices=get_args(Patients), default="new", help="whom select-only asks for: see workloads.py")
    add("--tls", action="store_true", help="between clients and every way")
    add("--upstream", choices=("tcp", "socket"), default="tcp", help="from the proxies to the server")
    run = parser.add_argument_group("how long, and where to")
    add = run.add_argument
    add("--rounds", type=_count, help="how often each (default 5)")
    add("--seconds", type=float, help="each run's window (default 2)")
    add("--scale", type=_count, default=1, help="of pgbench's tables")
    add("--instructions", action="store_true", help="count instructions with callgrind instead of measuring time")
    add("--directory", type=Path, help="where the journal lies; the system's for temporary files")
    add("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number
