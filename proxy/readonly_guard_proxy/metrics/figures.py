"""Figures: what was counted, as a value. All of it adds up, so that the figures of several workers are their sum.

That is why nothing here is a latency percentile, a highest value or a time of day: those cannot be added. A revision
is counted like everything else: the number beside it is how many workers decide by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = ["Figures", "HistogramFigures", "total"]


class HistogramFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Observations by size: ``counts[i]`` are those up to ``LATENCY_BOUNDS_S[i]``, the last those above all bounds."""

    counts: tuple[int, ...] = ()
    sum_s: float = 0.0

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker has counted since it started, and what there is of it now.

    Args:
        workers: 1; in a sum, how many were asked.
        decisions: by verdict and then by first reason code (empty for an allowance).
        decision_s: how long a decision took, reading, policy and log included.
        reading_s: how long a text that was new took to be read, waiting included.
        sessions_open: sessions now, those that still authenticate included.
        sessions_starting: connections now that have not yet sent their startup packet, or wait for the server.
        session_events: sessions by what became of them: ``opened``, ``closed``, ``refused``.
        statements: released statements by how they ended: ``ok``, or the SQLSTATE's class (its first two characters).
        rows: that released statements returned.
        client_bytes: received from clients.
        server_bytes: received from the server.
        upstream_errors: failed connections to the server, by kind of failure.
        cancels: cancel requests: ``forwarded``, ``handed over`` (to the worker that holds the session), ``unknown`` (no
            session has that key), ``failed``.
        limits: connections refused, by the limit that stood against them, ``descriptors`` among these.
        deadlines: sessions and statements whose time ran out, by what they waited for.
        reloads: of configuration, policies and certificates: ``done`` or ``refused``.
        log_commit_s: how long the log's commits took; all records of a commit waited for it.
        log_records: records written.
        log_failures: commits that failed; everything that waited for them was denied.
        policy_revisions: workers by the revision they decide by.
        worker_restarts: how often a worker had to be started again.
        resident_bytes: memory in use, processes that read texts not included.
        cpu_s: processor time used, user and system.
    """

    workers: int = 0
    decisions: dict[str, dict[str, int]] = {}
    decision_s: HistogramFigures = HistogramFigures()
    reading_s: HistogramFigures = HistogramFigures()
    sessions_open: int = 0
    sessions_starting: int = 0
    session_events: dict[str, int] = {}
    statements: dict[str, int] = {}
    rows: int = 0
    client_bytes: int = 0
    server_bytes: int = 0
    upstream_errors: dict[str, int] = {}
    cancels: dict[str, int] = {}
    limits: dict[str, int] = {}
    deadlines: dict[str, int] = {}
    reloads: dict[str, int] = {}
    log_commit_s: HistogramFigures = HistogramFigures()
    log_records: int = 0
    log_failures: int = 0
    policy_revisions: dict[str, int] = {}
    worker_restarts: int = 0
    resident_bytes: int = 0
    cpu_s: float = 0.0

    def of_the_past(self) -> Figures:
        """What stays of a worker that has ended: what it counted, not what there was of it."""
        return msgspec.structs.replace(
            self, workers=0, sessions_open=0, sessions_starting=0, policy_revisions={}, resident_bytes=0
        )


def total(parts: Iterable[Figures]) -> Figures:
    """The sum."""
    whole: Any = {}
    for part in parts:
        whole = _add(whole, msgspec.to_builtins(part))
    return msgspec.convert(whole, Figures)


def _add(left: Any, right: Any) -> Any:
    if isinstance(right, dict):
        return {**left, **{key: _add(left[key], value) if key in left else value for key, value in right.items()}}
    if isinstance(right, tuple | list):
        longest = max(len(left), len(right))
        return [a + b for a, b in zip(_filled(left, longest), _filled(right, longest), strict=True)]
    return left + right


def _filled(items: Any, length: int) -> list[int]:
    return [*items, *[0] * (length - len(items))]
