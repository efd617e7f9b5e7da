"""Figures as Prometheus sees them: names, helps and labels, rendered by prometheus-client.

The names are the interface to dashboards and alerts (docs/operations.md): a metric is added, not renamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from readonly_guard_proxy.metrics.figures import Figures, HistogramFigures
from readonly_guard_proxy.metrics.meters import LATENCY_BOUNDS_S

__all__ = ["metrics", "render"]


def render(
    figures: Figures, *, version: str, is_ready: bool, log_free_bytes: int, accept: str = ""
) -> tuple[bytes, str]:
    """The figures as text, and its content type.

    Args:
        figures: of the whole service.
        version: of this software.
        is_ready: whether clients are served now.
        log_free_bytes: room left where the log is.
        accept: what the scraper takes; OpenMetrics when it says so, else the older text format.
    """
    registry = CollectorRegistry()
    shown = metrics(figures, version=version, is_ready=is_ready, log_free_bytes=log_free_bytes)
    registry.register(_Once(list(shown)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def metrics(figures: Figures, *, version: str, is_ready: bool, log_free_bytes: int) -> Iterator[Metric]:
    """The figures as metrics, in the order in which they are shown; arguments as for :func:`render`."""
    yield _labelled_gauge("build_info", "The version that runs.", "version", {version: 1})
    yield _gauge("ready", "1 while clients are served, else 0.", int(is_ready))
    yield _gauge("workers", "Worker processes that answered.", figures.workers)
    yield _counter("worker_restarts", "Workers that had to be started again.", figures.worker_restarts)
    decisions = CounterMetricFamily(
        _name("decisions"), "Decisions by verdict and first reason code.", labels=("verdict", "code")
    )
    for verdict, codes in figures.decisions.items():
        for code, count in codes.items():
            decisions.add_metric((verdict, code), count)
    yield decisions
    yield _histogram("decision_seconds", "Time a decision took: reading, policy and log.", figures.decision_s)
    yield _histogram("reading_seconds", "Time a new text took to be read, waiting included.", figures.reading_s)
    states = {"open": figures.sessions_open, "starting": figures.sessions_starting}
    yield _labelled_gauge("sessions", "Sessions now.", "state", states)
    yield _labelled("session_events", "Sessions by what became of them.", "event", figures.session_events)
    yield _labelled("statements", "Released statements by how they ended.", "outcome", figures.statements)
    yield _counter("rows", "Rows that released statements returned.", figures.rows)
    received = {"client": figures.client_bytes, "server": figures.server_bytes}
    yield _labelled("received_bytes", "Bytes received, by sender.", "sender", received)
    yield _labelled("upstream_errors", "Failed connections to the server.", "kind", figures.upstream_errors)
    yield _labelled("cancels", "Cancel requests by what became of them.", "outcome", figures.cancels)
    yield _labelled("limits", "Connections refused, by the limit that stood against them.", "limit", figures.limits)
    yield _labelled("deadlines", "Sessions and statements whose time ran out.", "waiting_for", figures.deadlines)
    yield _histogram("log_commit_seconds", "Time the log's commits took.", figures.log_commit_s)
    yield _counter("log_records", "Records written to the log.", figures.log_records)
    yield _counter("log_failures", "Commits of the log that failed: all they held was denied.", figures.log_failures)
    yield _gauge("log_free_bytes", "Room left where the log is.", log_free_bytes)
    yield _labelled("reloads", "Reloads by whether they were done or refused.", "outcome", figures.reloads)
    yield _labelled_gauge("policy_info", "Workers by policy revision.", "revision", figures.policy_revisions)
    yield _gauge("resident_bytes", "Memory of the processes that serve sessions.", figures.resident_bytes)
    yield _counter("cpu_seconds", "Processor time of the processes that serve sessions.", figures.cpu_s)


class _Once(Collector):
    def __init__(self, shown: list[Metric]) -> None:
        self._shown = shown

    def collect(self) -> list[Metric]:
        return self._shown


def _name(name: str) -> str:
    return f"readonly_guard_{name}"


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(_name(name), text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(_name(name), text, value=value)


def _labelled(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(_name(name), text, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family


def _labelled_gauge(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(_name(name), text, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family


def _histogram(name: str, text: str, figures: HistogramFigures) -> Metric:
    bounds = [*map(repr, LATENCY_BOUNDS_S), "+Inf"]
    counts = figures.counts or (0,) * len(bounds)
    buckets = list(zip(bounds, accumulate(counts), strict=True))
    return HistogramMetricFamily(_name(name), text, buckets=buckets, sum_value=figures.sum_s)
