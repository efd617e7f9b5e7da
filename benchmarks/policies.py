"""Policy decisions: µs each, embedded and from a real OPA, with as much data as a region has.

python benchmarks/policies.py [--staff 10000] [--relations 1000000] [--decisions 20000] [--opa .tools/opa]

Only "remembered" asks twice. The first question of an asker is the first of the day: nothing is known
yet. A further patient is a question never asked before by somebody who has asked about others: what a session with a
prepared statement sends all day; "by the rest" is how the guard asks it where a decision was made before
(docs/decisions/0028-ask-for-the-rest-only.md), "like another" how it mostly answers (0030, beside it). CPU time of this
process for the embedded engine (a busy machine inflates elapsed time), elapsed time for OPA, which is another process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from readonly_guard.domain import AccessRequest
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.policy import EmbeddedEngine, OpaServer, PolicySet, load_policies


def region(policies: PolicySet, staff: int, relations: int) -> PolicySet:
    """The shipped policies with the people of a region: staff, and that many care relations, five a patient."""
    assert policies.cases is not None
    documents = policies.data | policies.cases.data
    anna = documents["roster"]["users"]["anna"] | {"patients": []}
    users = {f"user{number}": anna for number in range(staff)}
    since = {"from": "2024-11-12", "to": None}
    patients = {
        f"person_id:{number}": {f"user{(number * 7 + place) % staff}": since for place in range(5)}
        for number in range(relations // 5)
    }
    return msgspec.structs.replace(
        policies,
        data=documents | {"roster": {"users": users}, "relations": patients, "blocks": {}, "patients": {}},
        cases=None,
    )


def questions(staff: int, relations: int, count: int) -> Iterator[AccessRequest]:
    """Reads of one patient each, by someone who has a relation to them; everybody once before anybody again."""
    cases = load_policies(None).cases
    assert cases is not None
    base = msgspec.convert(cases.input, AccessRequest)
    for number in range(count):
        patient = number % (relations // 5)
        yield msgspec.structs.replace(
            base,
            subject=msgspec.structs.replace(base.subject, id=f"user{patient * 7 % staff}"),
            context=base.context | {"patients": [f"person_id:{patient}"]},
        )


def show(name: str, times_ns: list[int]) -> None:
    """Print the median and the 99th percentile."""
    times_ns.sort()
    middle, late = times_ns[len(times_ns) // 2] / 1e3, times_ns[len(times_ns) * 99 // 100] / 1e3
    print(f"{name:<36} median {middle:8.1f} µs   99th percentile {late:8.1f} µs   ({len(times_ns):,} decisions)")


def timed(ask: Callable[[AccessRequest], Any], asked: list[AccessRequest]) -> list[int]:
    """CPU time of each decision, in nanoseconds."""
    times = []
    for request in asked:
        began = time.process_time_ns()
        answer = ask(request)
        times.append(time.process_time_ns() - began)
        assert answer.allow, answer
    return times


def memory_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def by_rests(engine: EmbeddedEngine, known: list[AccessRequest]) -> Callable[[AccessRequest], Any]:
    """Asks what is left of questions that were asked before, as a session does that repeats a decision."""
    rests = {request.subject.id: engine.residual_of(request) for request in known}
    left = {user: rest for user, rest in rests.items() if rest is not None}

    def ask(request: AccessRequest) -> Any:
        return engine.decide_rest(left[request.subject.id], tuple(request.context["patients"]))

    for request in known:
        ask(request)
    return ask


@contextlib.contextmanager
def opa_server(binary: str, policies: PolicySet) -> Iterator[str]:
    """A real OPA with these policies and data; its address."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in policies.modules:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        (root / "data.json").write_bytes(msgspec.json.encode(policies.data))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with subprocess.Popen(
            [binary, "run", "--server", "--addr", f"127.0.0.1:{port}", "--log-level", "error", root]
        ) as process:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


async def ask_opa(url: str, asked: list[AccessRequest]) -> list[int]:
    """Elapsed time of each decision, in nanoseconds, once the server is there."""
    times = []
    async with OpaServer(url, deadline_s=5) as server:
        deadline = time.monotonic() + 120
        while True:
            try:
                await server.decide(asked[0])
                break
            except PolicyUnavailable:
                assert time.monotonic() < deadline, "OPA did not start"
                await asyncio.sleep(0.2)
        for request in asked:
            began = time.perf_counter_ns()
            answer = await server.decide(request)
            times.append(time.perf_counter_ns() - began)
            assert answer.allow, answer
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--staff", type=int, default=10_000)
    parser.add_argument("--relations", type=int, default=1_000_000)
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--opa", help="path of an OPA binary; without it OPA is left out")
    options = parser.parse_args()
    policies = region(load_policies(None), options.staff, options.relations)
    asked = list(questions(options.staff, options.relations, options.staff + options.decisions))
    size = len(json.dumps(policies.data)) / 1e6
    print(f"{options.staff:,} staff, {options.relations:,} relations: {size:.0f} MB of data, {memory_mb():.0f} MB here")
    began = time.perf_counter()
    engine = EmbeddedEngine(policies)
    print(f"embedded engine made in {time.perf_counter() - began:.1f} s, {memory_mb():.0f} MB at most")
    gc.freeze()  # as the proxy does once it has loaded: the collector need not go through the data again and again
    first, further = asked[: options.staff], asked[options.staff :]
    show("embedded, an asker's first question", timed(engine.decide_now, first))
    show("embedded, a further patient", timed(engine.decide_now, further[::2]))
    show("embedded, one who is like another", timed(by_rests(engine, first), further[1::2]))
    show("embedded, remembered", timed(engine.decide_now, asked[-1:] * options.decisions))
    asking = EmbeddedEngine.of(msgspec.structs.replace(engine.prepared, knows_alike=False))
    timed(asking.decide_now, first)
    show("embedded, the same by the rest", timed(by_rests(asking, first), further[1::2]))
    if options.opa:
        with opa_server(options.opa, policies) as url:
            show("OPA over HTTP on this machine", asyncio.run(ask_opa(url, asked[:2_000])))


if __name__ == "__main__":
    main()
