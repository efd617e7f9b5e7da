"""Both keys turned: a text is a read only when PostgreSQL's grammar and sqlglot both say so, about the same thing.

The order follows what each step may rely on: bounds first (nothing recursive sees an unbounded text), then
PostgreSQL's grammar (it says what would run, so a write is named by its code), then sqlglot on the canonical text.
"""

from __future__ import annotations

import gc
import hashlib
from typing import Final

import msgspec

from readonly_guard.domain import Analysis, Reason, core_reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.canonical import canonical_text, log_text
from readonly_guard.sql.libpg_query import LibPgQueryError, parse
from readonly_guard.sql.patients import trace_patients
from readonly_guard.sql.postgres_key import read_statement
from readonly_guard.sql.postgres_reading import PostgresReading, Tree
from readonly_guard.sql.scan import Scanned, character_position
from readonly_guard.sql.sqlglot_key import read_text
from readonly_guard.sql.sqlglot_tree import SqlglotReading

__all__ = ["read_scanned"]

# Which first words sqlglot must see for what PostgreSQL's grammar read: the table that pairs the two keys.
_WORDS: Final[dict[str, frozenset[str]]] = {
    "select": frozenset({"SELECT", "WITH", "VALUES", "("}),
    "explain": frozenset({"EXPLAIN"}),
    "explain_execute": frozenset({"EXPLAIN"}),
    "show": frozenset({"SHOW"}),
    "copy_to": frozenset({"COPY"}),
    "begin": frozenset({"BEGIN"}),
    "start": frozenset({"START"}),
    "commit": frozenset({"COMMIT", "END"}),
    "rollback": frozenset({"ROLLBACK", "ABORT"}),
    "rollback_to": frozenset({"ROLLBACK"}),
    "savepoint": frozenset({"SAVEPOINT"}),
    "release": frozenset({"RELEASE"}),
    "set": frozenset({"SET"}),
    "reset": frozenset({"RESET"}),
    "discard": frozenset({"DISCARD"}),
    "declare_cursor": frozenset({"DECLARE"}),
    "fetch": frozenset({"FETCH", "MOVE"}),
    "close": frozenset({"CLOSE"}),
    "prepare": frozenset({"PREPARE"}),
    "execute": frozenset({"EXECUTE"}),
    "deallocate": frozenset({"DEALLOCATE"}),
    "listen": frozenset({"LISTEN"}),
    "unlisten": frozenset({"UNLISTEN"}),
    "lock": frozenset({"LOCK"}),
}


def read_scanned(scanned: Scanned, rules: ReadingSettings) -> Analysis:
    """Read a text anew with both keys. Whatever else it raises is a defect.

    Meanwhile the collector rests: it would go through the trees again and again while they grow, and they are gone
    when this returns.
    """
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        return _read(scanned, rules)
    finally:
        if is_collecting:
            gc.enable()


def _read(scanned: Scanned, rules: ReadingSettings) -> Analysis:
    try:
        trees = parse(scanned.text)
    except LibPgQueryError as error:
        return Analysis(reasons=(core_reason("RG-T02", "a syntax error", position=error.position),))
    except RecursionError:
        return Analysis(reasons=(core_reason("RG-T04", "too deep a tree"),))
    first = [read_statement(tree, rules) for tree in trees]
    reasons = [reason for reading in first for reason in reading.reasons]
    trace = trace_patients(first, scanned, rules)
    readings = tuple(
        reading.reading(scanned.text, has_patient_predicate=bound)
        for reading, bound in zip(first, trace.bound, strict=True)
    )
    _drop(trees, first)
    if not reasons:  # a write is a write whatever sqlglot thinks of it
        reasons = _compare(first, read_text(canonical_text(scanned)))
    normalised = log_text(scanned)
    return Analysis(
        readings=readings,
        reasons=tuple(_in_characters(reason, scanned.text) for reason in reasons),
        normalised=normalised,
        patients=trace.scope,
        information_sets=trace.information_sets,
        creation=trace.creation,
        telling_tokens=trace.telling_tokens,
        holds_for_shape=not reasons and trace.holds_for_shape and all(one.holds_for_shape for one in first),
        fingerprint=hashlib.blake2b(normalised.encode(), digest_size=8).hexdigest(),
    )


def _drop(trees: list[Tree], first: list[PostgresReading]) -> None:
    """Let go of PostgreSQL's trees: some 500 bytes a token, which the processor's caches would have to hold, too."""
    trees.clear()
    for one in first:
        one.query, one.refused, one.arguments, one.types = None, [], [], []


def _in_characters(reason: Reason, text: bytes) -> Reason:
    """The tree's positions are byte offsets; people and PostgreSQL's error field count characters from 1."""
    if reason.position is None:
        return reason
    return msgspec.structs.replace(reason, position=character_position(text, reason.position))


def _compare(first: list[PostgresReading], second: list[SqlglotReading]) -> list[Reason]:
    if any(reading.unreadable for reading in second):
        return [core_reason("RG-T01")]
    if len(first) != len(second):
        return [core_reason("RG-T03", f"{len(first)} statements against {len(second)}")]
    reasons: list[Reason] = []
    for ours, theirs in zip(first, second, strict=True):
        if theirs.fault:
            reasons.append(core_reason("RG-T03", f"{ours.kind} against {theirs.fault}"))
        elif theirs.word not in _WORDS.get(ours.kind, ()):
            reasons.append(core_reason("RG-T03", f"{ours.kind} against {theirs.word}"))
        elif theirs.relations is not None:
            names = {name.name for name in ours.relations}
            # a name that is a table here and a common table expression there may be left out by sqlglot, which does
            # not scope them; every other difference is a disagreement about what is read
            if not (names - ours.cte_names <= theirs.relations <= names | ours.cte_names):
                reasons.append(core_reason("RG-T03", "different relations"))
    return reasons
