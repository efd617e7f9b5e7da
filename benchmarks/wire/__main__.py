"""The command: `python -m benchmarks.wire`."""

from __future__ import annotations

import itertools
import sys
from typing import Final

from benchmarks.wire.campaign import Case, run_cases
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.idle import idle_sessions
from benchmarks.wire.instructions import count_instructions
from benchmarks.wire.machine import describe
from benchmarks.wire.options import Options, parse
from benchmarks.wire.report import Report, as_json, as_markdown
from benchmarks.wire.routes import PGBOUNCER
from benchmarks.wire.stage import Stage, set_stage
from benchmarks.wire.transfer import transfers
from benchmarks.wire.workloads import WORKLOADS

_USAGE_ERROR: Final = 2


def main() -> int:
    """Measure, print the tables, and write them where it was asked for."""
    options = parse()
    try:
        with set_stage(options) as stage:
            report = _measure(stage, options)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return _USAGE_ERROR
    text = as_markdown(report)
    print(text)
    if options.markdown:
        options.markdown.write_text(f"{text}\n", encoding="utf-8")
    if options.json:
        options.json.write_bytes(as_json(report))
    return 0


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
        idle=tuple(idle_sessions(route, stage.conninfo, options.sessions) for route in proxies)
        if "idle" in what
        else (),
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
