"""What the metrics cost: a decision counted by the proxy's own meters, and by the client library's metrics.

    python benchmarks/metering.py [--rounds 5]

Each figure is the best of several rounds in one process, in CPU time; the empty guard's own share is taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from readonly_guard.domain import Analysis, Decision, StatementRequest, Subject, Verdict, core_reason
from readonly_guard_proxy.metrics.exposition import render
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.ports import DecisionMaker

CALLS = 100_000
ALLOWED = Decision(decision_id="d", verdict=Verdict.ALLOW, analysis=Analysis(), action="read")
DENIED = Decision(
    decision_id="d", verdict=Verdict.DENY, analysis=Analysis(), action="read", reasons=(core_reason("RG-W01"),)
)
REQUEST = StatementRequest(text="SELECT 1", subject=Subject(id="u"))


class EmptyGuard:
    """Answers at once, so that only the counting is left."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    async def decide(self, _request: StatementRequest, /) -> Decision:
        """The same every time."""
        return self.decision

    async def refuse(self, _request: StatementRequest, _code: str, _what: str, /) -> Decision:
        """The same every time."""
        return self.decision

    def ended(self, *_: object, **__: object) -> None:
        """Nothing to do."""

    def session_event(self, *_: object, **__: object) -> None:
        """Nothing to do."""


class LibraryGuard(EmptyGuard):
    """The same figures with the metrics of prometheus-client."""

    def __init__(self, guard: EmptyGuard) -> None:
        self.guard = guard
        registry = CollectorRegistry()
        self.decisions = Counter("decisions", "x", ("verdict", "code"), registry=registry)
        self.seconds = Histogram("decision_seconds", "x", registry=registry)
        self.statements = Counter("statements", "x", ("outcome",), registry=registry)
        self.rows = Counter("rows", "x", registry=registry)

    async def decide(self, request: StatementRequest, /) -> Decision:
        """Measured."""
        began = time.perf_counter()
        decision = await self.guard.decide(request)
        self.seconds.observe(time.perf_counter() - began)
        self.decisions.labels(decision.verdict, decision.reasons[0].code if decision.reasons else "").inc()
        return decision

    def ended(self, *_: object, **__: object) -> None:
        """Counted."""
        self.statements.labels("ok").inc()
        self.rows.inc(1)


async def _cost_us(guard: DecisionMaker, rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(CALLS):
            decision = await guard.decide(REQUEST)
            guard.ended(decision.decision_id, 1, 1, 1, "")
        best = min(best, time.process_time() - began)
    return best / CALLS * 1e6


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    quiet = structlog.make_filtering_bound_logger(40)
    structlog.configure(wrapper_class=quiet, cache_logger_on_first_use=True)
    empty = await _cost_us(EmptyGuard(ALLOWED), rounds)
    for name, guard in (
        ("meters, allowed", MeasuredGuard(EmptyGuard(ALLOWED), Meters())),
        ("meters, denied (log level above info)", MeasuredGuard(EmptyGuard(DENIED), Meters())),
        ("prometheus-client's own metrics", LibraryGuard(EmptyGuard(ALLOWED))),
    ):
        print(f"{name:40} {await _cost_us(guard, rounds) - empty:6.2f} µs a decision and its completion")
    figures = Meters().figures(policy_revision="r")
    began = time.process_time()
    for _ in range(100):
        render(figures, version="1", is_ready=True, log_free_bytes=1)
    print(f"{'one scrape':40} {(time.process_time() - began) * 1e4:6.0f} µs")


if __name__ == "__main__":
    asyncio.run(main())
