"""The command: `python -m benchmarks.wire`."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from benchmarks.wire import __doc__ as about
from benchmarks.wire.campaign import Case, select_only
from benchmarks.wire.certificates import Certificate, issue
from benchmarks.wire.database import DATABASE, READER, Database, database
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.guard import PURPOSE, Variant, guard
from benchmarks.wire.idle import idle_sessions
from benchmarks.wire.instructions import UNDER_CALLGRIND, count_instructions
from benchmarks.wire.machine import describe
from benchmarks.wire.pgbench import Mode
from benchmarks.wire.pgbouncer import pgbouncer
from benchmarks.wire.processes import LOOPBACK
from benchmarks.wire.report import Report, as_json, as_markdown
from benchmarks.wire.routes import DIRECT, PGBOUNCER, Route, Site

_USAGE_ERROR: Final = 2


def main() -> int:
    """Measure, print the tables, and write them where it was asked for."""
    chosen = _arguments().parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 1.0
    if chosen.instructions and chosen.workers != [1]:
        _arguments().error("--instructions counts one process: leave --workers out")
    try:
        report = _measure(chosen)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return _USAGE_ERROR
    text = as_markdown(report)
    print(text)
    if chosen.markdown:
        chosen.markdown.write_text(f"{text}\n", encoding="utf-8")
    if chosen.json:
        chosen.json.write_bytes(as_json(report))
    return 0


def _arguments() -> argparse.ArgumentParser:
    assert about is not None
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wire", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round of one second: to see that it works")
    parser.add_argument("--modes", nargs="+", choices=get_args(Mode), default=list(get_args(Mode)))
    parser.add_argument("--clients", nargs="+", type=_count, default=[1, 8, 32, 128])
    parser.add_argument("--journal", nargs="+", choices=("fsync", "buffered"), default=["fsync", "buffered"])
    parser.add_argument("--engine", nargs="+", choices=("embedded", "opa"), default=["embedded"])
    parser.add_argument("--workers", nargs="+", type=_count, default=[1], help="processes of the guard")
    parser.add_argument("--without", nargs="+", choices=(DIRECT, PGBOUNCER), default=[], help="ways to leave out")
    parser.add_argument("--tls", action="store_true", help="between clients and every way")
    parser.add_argument("--upstream", choices=("tcp", "socket"), default="tcp", help="from the proxies to the server")
    parser.add_argument(
        "--instructions",
        action="store_true",
        help="count instructions with callgrind (apt-get install valgrind) instead of measuring time",
    )
    parser.add_argument("--rounds", type=_count, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="each run's window")
    parser.add_argument("--idle", type=int, default=200, help="idle sessions whose memory is measured; 0 for none")
    parser.add_argument("--scale", type=_count, default=1, help="of pgbench's tables")
    parser.add_argument("--directory", type=Path, help="where the journal lies; the system's for temporary files")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def _measure(chosen: argparse.Namespace) -> Report:
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rg-bench-", dir=chosen.directory)))
        home.chmod(0o755)  # PostgreSQL and PgBouncer may be another user's
        folders = _folders(home)
        certificate = issue(home)
        server = stack.enter_context(database(next(folders), scale=chosen.scale, certificate=certificate))
        machine = describe(server)
        setting = {
            "TLS to clients": "on" if chosen.tls else "off",
            "from proxies to the server": chosen.upstream,
        }
        routes = stack.enter_context(_routes(chosen, server, folders, certificate if chosen.tls else None))
        environment = {
            "PGHOST": LOOPBACK,
            "PGUSER": READER,
            "PGDATABASE": DATABASE,
            "PGPASSWORD": server.password,
            "PGOPTIONS": PURPOSE,
            "PGSSLMODE": "require" if chosen.tls else "disable",
            "PGGSSENCMODE": "disable",
        }
        pgbench, cases = server.binaries / "pgbench", [Case(mode, n) for mode in chosen.modes for n in chosen.clients]
        if chosen.instructions:
            counted = count_instructions(pgbench, routes, cases, environment=environment, tell=_tell)
            return Report(machine=machine, setting=setting, instructions=tuple(counted))
        found = select_only(
            pgbench,
            routes,
            cases,
            environment=environment,
            rounds=chosen.rounds,
            seconds=chosen.seconds,
            tell=_tell,
        )
        conninfo = (
            f"host={LOOPBACK} user={READER} dbname={DATABASE} password={server.password} options='{PURPOSE}'"
            f" sslmode={environment['PGSSLMODE']} gssencmode=disable"
        )
        proxies = [route for route in routes if route.pid is not None and chosen.idle]
        return Report(
            machine=machine,
            setting={"rounds": f"{chosen.rounds} of {chosen.seconds:g} s", **setting},
            select_only=tuple(found),
            idle=tuple(idle_sessions(route, conninfo, chosen.idle) for route in proxies),
        )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _folders(home: Path) -> Iterator[Path]:
    for number in itertools.count():
        folder = home / str(number)
        folder.mkdir()
        yield folder


@contextlib.contextmanager
def _routes(
    chosen: argparse.Namespace, server: Database, folders: Iterator[Path], certificate: Certificate | None
) -> Iterator[list[Route]]:
    site = Site(
        server=server,
        upstream=str(server.socket_folder) if chosen.upstream == "socket" else LOOPBACK,
        certificate=certificate,
        under=UNDER_CALLGRIND if chosen.instructions else (),
    )
    with contextlib.ExitStack() as stack:
        routes = []
        if DIRECT not in chosen.without:
            routes.append(Route(DIRECT, server.port))
        if PGBOUNCER not in chosen.without:
            routes.append(stack.enter_context(pgbouncer(next(folders), site)))
        for durability, engine, workers in itertools.product(chosen.journal, chosen.engine, chosen.workers):
            variant = Variant(durability=durability, engine=engine, workers=workers)
            routes.append(stack.enter_context(guard(next(folders), variant, site)))
        yield routes


if __name__ == "__main__":
    sys.exit(main())
