"""Meters: the counting itself. One object a process, plain integers, nothing locked and nothing rendered.

A proxy counts several things for each statement, so counting must cost next to nothing: a metric of a client library
takes a lock and looks a label up, some 1 to 2 µs each; these take 0.1 (`benchmarks/metering.py`). What was counted is
turned into that library's metrics only when somebody asks (`exposition`).
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

from readonly_guard_proxy.metrics.figures import Figures, HistogramFigures

__all__ = ["LATENCY_BOUNDS_S", "Counter", "Histogram", "Meters"]

LATENCY_BOUNDS_S: Final[tuple[float, ...]] = (
    50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip
"""Upper bounds in seconds: a known text takes some 100 µs, a commit some milliseconds, a deadline a second."""

_MOST_LABELS: Final = 200
_OTHER: Final = "other"
_STATM: Final = Path("/proc/self/statm")


class Counter:
    """Counts by name. Names come from policies too: beyond 200 of them, new ones count as ``other``."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, name: str) -> None:
        """One more."""
        counts = self.counts
        try:
            counts[name] += 1
        except KeyError:
            if len(counts) >= _MOST_LABELS:
                name = _OTHER
            counts[name] = counts.get(name, 0) + 1


class Histogram:
    """Counts durations by `LATENCY_BOUNDS_S`."""

    __slots__ = ("_counts", "_sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self._sum_s = 0.0

    def observe(self, elapsed_s: float) -> None:
        """One took this long."""
        place = 0
        for bound_s in LATENCY_BOUNDS_S:  # nearly all are among the first few
            if elapsed_s <= bound_s:
                break
            place += 1
        self._counts[place] += 1
        self._sum_s += elapsed_s

    def figures(self) -> HistogramFigures:
        """What was observed."""
        return HistogramFigures(counts=tuple(self._counts), sum_s=self._sum_s)


class Meters:
    """Everything one process counts; the names are explained at `Figures`."""

    def __init__(self) -> None:
        self.allowed = 0
        self.denied = Counter()
        self.decision_s = Histogram()
        self.reading_s = Histogram()
        self.sessions_open = 0
        self.sessions_starting = 0
        self.session_events = Counter()
        self.statements = Counter()
        self.rows = 0
        self.client_bytes = 0
        self.server_bytes = 0
        self.upstream_errors = Counter()
        self.cancels = Counter()
        self.limits = Counter()
        self.deadlines = Counter()
        self.reloads = Counter()
        self.log_commit_s = Histogram()
        self.log_records = 0
        self.log_failures = 0

    def committed(self, records: int, elapsed_s: float, *, failed: bool) -> None:
        """The log tried to make records durable; a `readonly_guard.audit.CommitWatch`."""
        self.log_commit_s.observe(elapsed_s)
        if failed:
            self.log_failures += 1
        else:
            self.log_records += records

    def figures(self, *, policy_revision: str) -> Figures:
        """What was counted so far, as a value."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return Figures(
            workers=1,
            decisions={"allow": {"": self.allowed}, "deny": dict(self.denied.counts)},
            decision_s=self.decision_s.figures(),
            reading_s=self.reading_s.figures(),
            sessions_open=self.sessions_open,
            sessions_starting=self.sessions_starting,
            session_events=dict(self.session_events.counts),
            statements=dict(self.statements.counts),
            rows=self.rows,
            client_bytes=self.client_bytes,
            server_bytes=self.server_bytes,
            upstream_errors=dict(self.upstream_errors.counts),
            cancels=dict(self.cancels.counts),
            limits=dict(self.limits.counts),
            deadlines=dict(self.deadlines.counts),
            reloads=dict(self.reloads.counts),
            log_commit_s=self.log_commit_s.figures(),
            log_records=self.log_records,
            log_failures=self.log_failures,
            policy_revisions={policy_revision: 1},
            resident_bytes=_resident_bytes(usage.ru_maxrss),
            cpu_s=usage.ru_utime + usage.ru_stime,
        )


def _resident_bytes(highest_kib: int) -> int:
    if not _STATM.exists():  # no procfs: the highest there was is the nearest there is
        return highest_kib * 1024
    return int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
