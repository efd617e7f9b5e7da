"""Counting: what adds up, and what is rendered."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from readonly_guard_proxy.metrics.exposition import render
from readonly_guard_proxy.metrics.figures import Figures, HistogramFigures, total
from readonly_guard_proxy.metrics.meters import LATENCY_BOUNDS_S, Counter, Histogram, Meters


def _rendered(figures: Figures, accept: str = "") -> dict[tuple[str, tuple[str, ...]], float]:
    body, _ = render(figures, version="1.2", is_ready=True, log_free_bytes=7, accept=accept)
    return {
        (sample.name.removeprefix("readonly_guard_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_histogram_counts_at_its_bounds():
    histogram = Histogram()
    for elapsed_s in (0.0, LATENCY_BOUNDS_S[0], LATENCY_BOUNDS_S[0] * 1.01, 99.0):
        histogram.observe(elapsed_s)
    figures = histogram.figures()
    assert (figures.counts[0], figures.counts[1], figures.counts[-1], figures.count) == (2, 1, 1, 4)
    assert figures.sum_s == pytest.approx(99.0 + LATENCY_BOUNDS_S[0] * 2.01)


def test_names_that_never_end_are_counted_together():
    counter = Counter()
    for number in range(10_000):
        counter.add(f"RG-{number}")
    counter.add("RG-0")
    assert len(counter.counts) == 201
    assert counter.counts["other"] == 9_800
    assert counter.counts["RG-0"] == 2


def test_the_figures_of_workers_add_up():
    first, second = Meters(), Meters()
    first.allowed, second.allowed = 3, 4
    first.denied.add("RG-W01")
    second.denied.add("RG-W02")
    second.decision_s.observe(0.01)
    first.committed(5, 0.002, failed=False)
    second.committed(5, 0.002, failed=True)
    whole = total([first.figures(policy_revision="a"), second.figures(policy_revision="a"), Figures()])
    assert whole.workers == 2
    assert whole.decisions == {"allow": {"": 7}, "deny": {"RG-W01": 1, "RG-W02": 1}}
    assert whole.decision_s.count == 1
    assert (whole.log_records, whole.log_failures, whole.log_commit_s.count) == (5, 1, 2)
    assert whole.policy_revisions == {"a": 2}
    assert whole.resident_bytes > 2 * 1024 * 1024
    assert total([]) == Figures()


def test_what_prometheus_reads():
    meters = Meters()
    meters.allowed = 2
    meters.denied.add("RG-W01")
    meters.decision_s.observe(0.0004)
    meters.sessions_open = 5
    meters.session_events.add("opened")
    read = _rendered(meters.figures(policy_revision='r"1\n'))
    assert read["decisions_total", ("", "allow")] == 2
    assert read["decisions_total", ("RG-W01", "deny")] == 1
    assert read["decision_seconds_bucket", ("0.00025",)] == 0
    assert read["decision_seconds_bucket", ("0.0005",)] == 1
    assert read["decision_seconds_bucket", ("+Inf",)] == read["decision_seconds_count", ()] == 1
    assert read["sessions", ("open",)] == 5
    assert read["session_events_total", ("opened",)] == 1
    assert read["policy_info", ('r"1\n',)] == 1
    assert read["ready", ()] == 1
    assert read["log_free_bytes", ()] == 7


def test_no_figures_are_rendered_too():
    assert _rendered(Figures(decision_s=HistogramFigures()))["workers", ()] == 0


def test_openmetrics_on_request():
    body, content_type = render(
        Figures(), version="1", is_ready=False, log_free_bytes=0, accept="application/openmetrics-text; version=1.0.0"
    )
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
