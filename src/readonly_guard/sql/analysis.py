"""Both keys turned: a text is a read only when PostgreSQL's grammar and sqlglot both say so, about the same thing.

The order follows what each step may rely on: bounds first (nothing recursive sees an unbounded text), then
PostgreSQL's grammar (it says what would run, so a write is named by its code), then sqlglot on the canonical text.

What was read is remembered by text, and by shape, the text without its literals, because clients of the simple
protocol write their values into the statement. A shape stands for a text only where literals cannot matter: for queries
that change no setting. Elsewhere they do (COPY t TO '' is not COPY t TO 'file'), and a denial has a place in the text.
An outline stands for a shape, and spares the scanner.
Whom a text reads about is always its own: the reading says where the values stand, not what they are.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from readonly_guard.domain import Analysis, Effect, Lineage, Reading, Reason, SearchPath, core_reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.bindings import Catalog
from readonly_guard.sql.canonical import canonical_text, log_text
from readonly_guard.sql.exemplar import Exemplar, exemplar_of
from readonly_guard.sql.libpg_query import LibPgQueryError, parse
from readonly_guard.sql.lineage import lineage
from readonly_guard.sql.memory import Memory
from readonly_guard.sql.outline import outline_of
from readonly_guard.sql.patients import telling_shape, trace_patients, with_own_values
from readonly_guard.sql.postgres_key import read_statement
from readonly_guard.sql.postgres_tree import PostgresReading
from readonly_guard.sql.resolution import BuiltinResolver, Resolver, unplaced
from readonly_guard.sql.scan import Bounds, Scanned, character_position, scan_text
from readonly_guard.sql.sqlglot_key import SqlglotReading, read_text

__all__ = ["FAILED", "Analyzer"]

FAILED: Final = "a reading failed"
"""What a denial is about when the guard itself is at fault; tests look for it."""

_DEFAULT_PATH: Final = SearchPath()
_MOST_BYTES: Final = 4
"""Of a character in UTF-8."""
_PLACE: Final = 16
"""What a place of a patient's value takes in an analysis, in characters of text."""
_OF_SECOND_KEY: Final = frozenset({"RG-T01", "RG-T03"})
_MOST_SETTLED: Final = 50_000

_MEMORY_CHARACTERS: Final = 8_000_000
"""How much text each of the two memories may hold, some 40,000 ordinary statements."""

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


class Analyzer:
    """Reads texts, and remembers what it read. Not for use from several threads at once.

    Args:
        rules: table classes, patient keys and the like of the database.
        bounds: how large a text may be.
        resolver: says what names mean; without one only PostgreSQL's own objects are known.
    """

    def __init__(
        self, rules: ReadingSettings | None = None, bounds: Bounds | None = None, resolver: Resolver | None = None
    ) -> None:
        self._rules = rules or ReadingSettings()
        self._resolver: Resolver = resolver or BuiltinResolver(self._rules)
        self._settled: dict[tuple[int, SearchPath], tuple[Analysis, Analysis]] = {}
        self._bounds = bounds or Bounds()
        self._by_text = Memory(_MEMORY_CHARACTERS, weight)
        self._by_shape = Memory(_MEMORY_CHARACTERS, weight)
        self._by_outline = Memory(_MEMORY_CHARACTERS, Exemplar.weight)
        self._scanned: tuple[str | None, Scanned | Reason] = (None, core_reason("RG-T02"))

    @property
    def rules(self) -> ReadingSettings:
        """What it knows about the database."""
        return self._rules

    def analyse(self, text: str, path: SearchPath = _DEFAULT_PATH) -> Analysis:
        """Read a whole text, one or several statements, and settle its names. Never raises for what the text is."""
        return self.settle(self.of_text(text), path)

    def of_text(self, text: str) -> Analysis:
        """What is remembered of a text, or what it is read as now; its names are not settled."""
        known = self.recall(text)
        if known is None:
            known = self.read(text)
            self.remember(text, known)
        return known

    def resolve_with(self, resolver: Resolver) -> None:
        """Have names settled by another resolver from now on, also those of texts that are remembered."""
        self._resolver = resolver
        self._settled.clear()

    def settle(self, analysis: Analysis, path: SearchPath = _DEFAULT_PATH) -> Analysis:
        """Hold the names of what was read against the catalog: only a settled analysis can be a read.

        Args:
            analysis: as :meth:`recall` or :meth:`read` gives it.
            path: where the session looks names up.
        """
        # texts of one shape share their readings, and differ in whom they are about only
        key = (id(analysis.readings or analysis), path)
        known = self._settled.get(key)
        if known is None:
            # the analysis is kept with its outcome, so that no other can have its id meanwhile
            known = (analysis, self._settle(analysis, path))
            if len(self._settled) >= _MOST_SETTLED:
                self._settled.clear()
            self._settled[key] = known
        if known[0].patients is analysis.patients:
            return known[1]
        return msgspec.structs.replace(known[1], patients=analysis.patients)

    def _settle(self, analysis: Analysis, path: SearchPath) -> Analysis:
        reasons: list[Reason] = []
        readings: list[Reading] = []
        for reading in analysis.readings:
            try:
                found = self._resolver.judge(reading, path)
            except Exception as error:  # noqa: BLE001  as in `read`
                found = [core_reason("RG-F03", f"{FAILED}: {type(error).__name__}")]
            reasons += found
            readings.append(_with_effect(reading, Effect.UNKNOWN) if found else reading)
        # what the second key could not read comes last: a name that is not known says more
        first = [reason for reason in analysis.reasons if reason.code not in _OF_SECOND_KEY]
        rest = [reason for reason in analysis.reasons if reason.code in _OF_SECOND_KEY]
        return msgspec.structs.replace(
            analysis, readings=tuple(readings), reasons=(*first, *reasons, *rest), is_settled=True
        )

    def recall(self, text: str) -> Analysis | None:
        """What is known without parsing: the text, or one of its shape, was read before, or it is out of bounds.

        At most PostgreSQL's scanner runs, which neither recurses nor takes longer than the text is long.
        """
        known = self._by_text.get(text)
        if known is not None:
            return known
        outline = outline_of(text) if len(text) * _MOST_BYTES <= self._bounds.statement_bytes else None
        if outline is not None and (exemplar := self._by_outline.get(outline.key)) is not None:
            return exemplar.of(outline.literals)
        scanned = self._scan(text)
        if isinstance(scanned, Reason):
            return Analysis(reasons=(scanned,))
        known = self._by_shape.get(scanned.shape)
        if known is not None and known.telling_tokens:
            known = self._by_shape.get(telling_shape(scanned, known.telling_tokens))
        elif known is not None and outline is not None and (exemplar := exemplar_of(known, scanned, outline)):
            self._by_outline.put(outline.key, exemplar)
        return known if known is None or not known.patients.places else with_own_values(known, scanned)

    def read(self, text: str) -> Analysis:
        """Read a text anew, whatever is remembered: this is what parses. Never raises for what the text is."""
        scanned = self._scan(text)
        if isinstance(scanned, Reason):
            return Analysis(reasons=(scanned,))
        try:
            return self._read_scanned(scanned)
        except Exception as error:  # noqa: BLE001  a defect of ours in a reading costs one denial, never the caller
            return Analysis(reasons=(core_reason("RG-T03", f"{FAILED}: {type(error).__name__}"),))

    def remember(self, text: str, analysis: Analysis) -> None:
        """Keep what a text was read as, here or in another process with the same rules and bounds.

        A text that could not be read is not kept: it may have been another's fault, of which nothing may stay.
        """
        if analysis.reasons and not analysis.readings:
            return
        self._by_text.put(text, analysis)
        if analysis.holds_for_shape:
            scanned = self._scan(text)
            if not isinstance(scanned, Reason):
                shared = _unplaced(analysis)
                self._by_shape.put(scanned.shape, shared)
                if analysis.telling_tokens:
                    self._by_shape.put(telling_shape(scanned, analysis.telling_tokens), shared)

    def lineage(self, text: str, *, catalog: Catalog | None = None) -> Lineage:
        """Trace what a text reads: relations, columns, patients, information sets. Not remembered; never raises.

        Costs about another reading of the text, so ask only for what is logged or judged by it.

        Args:
            text: as for :meth:`analyse`.
            catalog: schema → relation → columns, where they are known: ``snapshot.columns``.
        """
        return lineage(text, self.analyse(text), self._rules, catalog=catalog, bounds=self._bounds)

    def _scan(self, text: str) -> Scanned | Reason:
        # recall, read and remember ask for the same text in a row
        last, scanned = self._scanned
        if last is not text:
            scanned = scan_text(text, self._bounds)
            self._scanned = (text, scanned)
        return scanned

    def _read_scanned(self, scanned: Scanned) -> Analysis:
        try:
            trees = parse(scanned.text)
        except LibPgQueryError as error:
            return Analysis(reasons=(core_reason("RG-T02", "a syntax error", position=error.position),))
        except RecursionError:
            return Analysis(reasons=(core_reason("RG-T04", "too deep a tree"),))
        first = [read_statement(tree, self._rules) for tree in trees]
        reasons = [reason for reading in first for reason in reading.reasons]
        if not reasons:  # a write is a write whatever sqlglot thinks of it
            reasons = _compare(first, read_text(canonical_text(scanned)))
        normalised = log_text(scanned)
        trace = trace_patients(first, scanned, self._rules)
        return Analysis(
            readings=tuple(
                reading.reading(scanned.text, has_patient_predicate=bound)
                for reading, bound in zip(first, trace.bound, strict=True)
            ),
            reasons=tuple(_in_characters(reason, scanned.text) for reason in reasons),
            normalised=normalised,
            patients=trace.scope,
            information_sets=trace.information_sets,
            creation=trace.creation,
            telling_tokens=trace.telling_tokens,
            holds_for_shape=not reasons and trace.holds_for_shape and all(one.holds_for_shape for one in first),
            fingerprint=hashlib.blake2b(normalised.encode(), digest_size=8).hexdigest(),
        )


def weight(analysis: Analysis) -> int:
    return _PLACE * len(analysis.patients.places)


def _in_characters(reason: Reason, text: bytes) -> Reason:
    """The tree's positions are byte offsets; people and PostgreSQL's error field count characters from 1."""
    if reason.position is None:
        return reason
    return msgspec.structs.replace(reason, position=character_position(text, reason.position))


def _unplaced(analysis: Analysis) -> Analysis:
    return msgspec.structs.replace(analysis, readings=tuple(map(unplaced, analysis.readings)))


def _with_effect(reading: Reading, effect: Effect) -> Reading:
    return msgspec.structs.replace(reading, effects=reading.effects | {effect})


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
