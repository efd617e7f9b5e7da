"""Why a text was denied, for an engineer: where in the text, and what each key saw.

Not on the path of a decision: everything is read again, so that both readings can be shown also where the first was
enough to deny. What this shows may hold the text's own words; it is for whoever has the text before them.
"""

from __future__ import annotations

import msgspec

from readonly_guard.domain import Analysis, Reading, Reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.analysis import Analyzer
from readonly_guard.sql.canonical import canonical_text
from readonly_guard.sql.libpg_query import LibPgQueryError, parse
from readonly_guard.sql.postgres_key import read_statement
from readonly_guard.sql.resolution import Resolver
from readonly_guard.sql.scan import Bounds, scan_text
from readonly_guard.sql.sqlglot_key import read_text
from readonly_guard.sql.sqlglot_tree import SqlglotReading

__all__ = ["Explanation", "Span", "explain"]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the text that a reason is about: 0-based character positions, ``end`` excluded."""

    start: int
    end: int
    reason: Reason


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What both keys made of a text.

    Args:
        analysis: the verdict.
        spans: where the reasons that have a place have it.
        postgres: the first key's readings; None where PostgreSQL's grammar refused the text.
        canonical: what the second key was given; None where the text did not get that far.
        sqlglot: what the second key saw, statement by statement.
    """

    analysis: Analysis
    spans: tuple[Span, ...] = ()
    postgres: tuple[Reading, ...] | None = None
    canonical: str | None = None
    sqlglot: tuple[SqlglotReading, ...] = ()


def explain(
    text: str, rules: ReadingSettings | None = None, bounds: Bounds | None = None, resolver: Resolver | None = None
) -> Explanation:
    """Read a text again, slowly, and keep everything."""
    rules, bounds = rules or ReadingSettings(), bounds or Bounds()
    analysis = Analyzer(rules, bounds, resolver).analyse(text)
    scanned = scan_text(text, bounds)
    if isinstance(scanned, Reason):
        return Explanation(analysis=analysis, spans=tuple(_spans(text, analysis, ())))
    # character ranges of the tokens, so that a whole word is marked and not its first letter
    words = [
        (len(scanned.text[:start].decode("utf-8")), len(scanned.text[:end].decode("utf-8")))
        for start, end in zip(scanned.tokens.starts, scanned.tokens.ends, strict=True)
    ]
    try:
        readings = tuple(read_statement(tree, rules).reading() for tree in parse(scanned.text))
    except (LibPgQueryError, RecursionError):
        return Explanation(analysis=analysis, spans=tuple(_spans(text, analysis, words)))
    canonical = canonical_text(scanned)
    return Explanation(
        analysis=analysis,
        spans=tuple(_spans(text, analysis, words)),
        postgres=readings,
        canonical=canonical,
        sqlglot=tuple(read_text(canonical)),
    )


def _spans(text: str, analysis: Analysis, words: list[tuple[int, int]] | tuple[()]) -> list[Span]:
    spans = []
    for reason in analysis.reasons:
        if reason.position is not None:
            at = min(reason.position - 1, len(text))
            end = next((end for start, end in words if start <= at < end), at + 1)
            spans.append(Span(start=at, end=min(end, len(text)), reason=reason))
    return spans
