"""A run: everything started, what was asked for measured, everything ended."""

from __future__ import annotations

import itertools
import sys

from benchmarks.wire.campaign import run_cases
from benchmarks.wire.cold import cold
from benchmarks.wire.growth import growth
from benchmarks.wire.idle import idle_sessions
from benchmarks.wire.instructions import count_instructions
from benchmarks.wire.machine import describe
from benchmarks.wire.options import Options
from benchmarks.wire.report import Report
from benchmarks.wire.routes import PGBOUNCER
from benchmarks.wire.stage import Stage, set_stage
from benchmarks.wire.transfer import transfers
from benchmarks.wire.workloads import WORKLOADS, Case

__all__ = ["run"]


def run(options: Options) -> Report:
    """Measure; how far it has come is told on standard error.

    Raises:
        BenchmarkError: something is not installed or does not start, or what was measured is not what it should be.
    """
    with set_stage(options) as stage:
        return _measure(stage, options)


def _measure(stage: Stage, options: Options) -> Report:
    machine = describe(stage.server)
    setting = {
        "patients of select-only": options.patients,
        "TLS to clients": "on" if options.tls else "off",
        "from proxies to the server": options.upstream,
    }
    cases = [
        Case(WORKLOADS[load], mode, clients)
        for load, mode, clients in itertools.product(options.loads, options.modes, options.clients)
    ]
    if options.instructions:
        counted = count_instructions(stage, cases, tell=_tell)
        return Report(machine=machine, setting=setting, instructions=tuple(counted))
    what = options.measure
    proxies = [route for route in stage.routes if route.pid is not None]
    # PgBouncer keeps its connections to the server when clients have left: there must be room for the others'
    proxies.sort(key=lambda route: route.name == PGBOUNCER)
    return Report(
        machine=machine,
        setting={"rounds": f"{options.rounds} of {options.seconds:g} s", **setting},
        load=tuple(run_cases(stage, cases, rounds=options.rounds, seconds=options.seconds, tell=_tell))
        if "load" in what
        else (),
        transfer=tuple(transfers(stage, options.megabytes, rounds=options.rounds, tell=_tell))
        if "transfer" in what and not options.tls
        else (),
        growth=tuple(growth(stage, megabytes=options.megabytes, seconds=options.seconds, tell=_tell))
        if "growth" in what
        else (),
        cold=tuple(cold(options.rounds)) if "cold" in what else (),
        idle=tuple(idle_sessions(route, stage.conninfo, options.sessions) for route in proxies)
        if "idle" in what
        else (),
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
