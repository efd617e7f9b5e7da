"""What texts are: read once (`readonly_guard.sql.reading`), remembered, and settled against the catalog.

What was read is remembered by text, and by shape, the text without its literals, because clients of the simple
protocol write their values into the statement. A shape stands for a text only where literals cannot matter: for queries
that change no setting. Elsewhere they do (COPY t TO '' is not COPY t TO 'file'), and a denial has a place in the text.
An outline stands for a shape, and spares the scanner; so does a gist of which no shape is known.
Whom a text reads about is always its own: the reading says where the values stand, not what they are.

The keys themselves are imported when the first text is read: sqlglot takes 30 MB and a tenth of a second, and a process
that has its texts read elsewhere needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from readonly_guard.domain import Analysis, Effect, Lineage, Name, Reading, Reason, SearchPath, core_reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.bindings import Catalog, is_reference
from readonly_guard.sql.exemplar import Exemplar, exemplar_of
from readonly_guard.sql.memory import Memory
from readonly_guard.sql.outline import Cut, cut
from readonly_guard.sql.patients import telling_shape, with_own_values
from readonly_guard.sql.resolution import BuiltinResolver, Opened, Resolver, unplaced
from readonly_guard.sql.scan import Bounds, Scanned, scan_text
from readonly_guard.sql.variation import LONGEST_LITERAL, Variation

__all__ = ["FAILED", "Analyzer", "prepare_reading"]

FAILED: Final = "a reading failed"
"""What a denial is about when the guard itself is at fault; tests look for it."""

_DEFAULT_PATH: Final = SearchPath()
_MOST_BYTES: Final = 4
"""Of a character in UTF-8."""
_PLACE: Final = 16
"""What a place of a patient's value takes in an analysis, in characters of text."""
_OF_SECOND_KEY: Final = frozenset({"RG-T01", "RG-T03"})
_MOST_SETTLED: Final = 50_000
_SETTLED_CHARACTERS: Final = 16_000_000
"""What is settled keeps its text as the log has it, also where the other memories have given it up."""

_MEMORY_CHARACTERS: Final = 8_000_000
"""How much text each of the two memories may hold, some 40,000 ordinary statements."""


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
        self._settled_characters = 0
        self._bounds = bounds or Bounds()
        self._by_text = Memory(_MEMORY_CHARACTERS, weight)
        self._by_shape = Memory(_MEMORY_CHARACTERS, weight)
        self._by_outline = Memory(_MEMORY_CHARACTERS, Exemplar.weight)
        self._by_gist: Memory[list[str]] = Memory(_MEMORY_CHARACTERS, lambda _: 0)  # the text is kept anyway
        """The gists of the shapes that are known, each with the text, if any, whose shape nobody has asked for yet."""
        self._scanned: tuple[str | None, Scanned | Reason] = (None, core_reason("RG-T02"))
        self._last_cut: tuple[str | None, Cut] = (None, Cut(None, None))

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
        self._settled_characters = 0

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
            self._settled_characters += len(analysis.normalised)
            if len(self._settled) >= _MOST_SETTLED or self._settled_characters > _SETTLED_CHARACTERS:
                self._settled.clear()
                self._settled_characters = len(analysis.normalised)
            self._settled[key] = known
        if known[0].patients is analysis.patients:
            return known[1]
        patients = analysis.patients
        if not known[1].patients.is_bound:
            patients = msgspec.structs.replace(patients, is_bound=False)
        return msgspec.structs.replace(known[1], patients=patients)

    def _settle(self, analysis: Analysis, path: SearchPath) -> Analysis:
        reasons: list[Reason] = []
        readings: list[Reading] = []
        opened: list[Name] = []
        for reading in analysis.readings:
            opens = Opened()
            try:
                found = self._resolver.judge(reading, path)
                if not found:
                    opens = self._resolver.opens(reading, path)
            except Exception as error:  # noqa: BLE001  as in `read`
                found = [core_reason("RG-F03", f"{FAILED}: {type(error).__name__}")]
            reasons += found
            tables = [name for name in opens.tables if not is_reference(name, self._rules)]
            opened += tables
            reading = _opening(reading, tables, cursors=opens.cursors)  # noqa: PLW2901  the same with what it calls
            readings.append(_with_effect(reading, Effect.UNKNOWN) if found else reading)
        # what the second key could not read comes last: a name that is not known says more
        first = [reason for reason in analysis.reasons if reason.code not in _OF_SECOND_KEY]
        rest = [reason for reason in analysis.reasons if reason.code in _OF_SECOND_KEY]
        analysis = msgspec.structs.replace(
            analysis, readings=tuple(readings), reasons=(*first, *reasons, *rest), is_settled=True
        )
        return self._opened(analysis, frozenset(name.name for name in opened)) if opened else analysis

    def _opened(self, analysis: Analysis, tables: frozenset[str]) -> Analysis:
        """The analysis of a text that also opens these tables: of whom the statement does not say."""
        sets = [one.name for one in self._rules.information_sets if one.table in tables]
        return msgspec.structs.replace(
            analysis,
            patients=msgspec.structs.replace(analysis.patients, is_bound=False),
            information_sets=tuple(dict.fromkeys((*analysis.information_sets, *sets))),
            creation=None,
        )

    def recall(self, text: str) -> Analysis | None:
        """What is known without parsing: the text, or one of its shape, was read before, or it is out of bounds.

        At most PostgreSQL's scanner runs, which neither recurses nor takes longer than the text is long, and only where
        a text of the same gist was read before, or where the text has none.
        """
        known = self._by_text.get(text)
        if known is not None:
            return known
        parts = self._cut(text)
        outline = parts.outline
        if outline is not None and (exemplar := self._by_outline.get(outline.key)) is not None:
            return exemplar.of(outline.literals)
        if parts.gist is not None and not self._has_shapes(parts.gist):
            return None  # to be scanned where it is read
        scanned = self._scan(text)
        if isinstance(scanned, Reason):
            return Analysis(reasons=(scanned,))
        known = self._by_shape.get(scanned.shape)
        if known is not None and known.telling_tokens:
            known = self._by_shape.get(telling_shape(scanned, known.telling_tokens))
        elif known is not None and outline is not None and (exemplar := exemplar_of(known, scanned, outline)):
            self._by_outline.put(outline.key, exemplar)
        return known if known is None or not known.patients.places else with_own_values(known, scanned)

    def variation(self, text: str, known: Analysis) -> Variation | None:
        """What texts may differ in from one that :meth:`recall` knows; None where they may in nothing, or too much."""
        if (len(text) + LONGEST_LITERAL) * _MOST_BYTES > self._bounds.statement_bytes:
            return None
        outline = self._cut(text).outline
        exemplar = None if outline is None else self._by_outline.get(outline.key)
        return None if outline is None or exemplar is None else exemplar.variation(text, outline, known)

    def scanned(self, text: str) -> Scanned | None:
        """A text's tokens, for whoever reads it in another process, if :meth:`recall` has just had to scan it."""
        last, scanned = self._scanned
        return scanned if last is text and isinstance(scanned, Scanned) else None

    def read(self, text: str, scanned: Scanned | None = None) -> Analysis:
        """Read a text anew, whatever is remembered: this is what parses. Never raises for what the text is.

        Args:
            text: a whole text, one or several statements.
            scanned: the same text, where it was held against the same bounds before.
        """
        found = self._scan(text) if scanned is None else scanned
        if isinstance(found, Reason):
            return Analysis(reasons=(found,))
        try:
            return prepare_reading()(found, self._rules)
        except Exception as error:  # noqa: BLE001  a defect of ours in a reading costs one denial, never the caller
            return Analysis(reasons=(core_reason("RG-T03", f"{FAILED}: {type(error).__name__}"),))

    def remember(self, text: str, analysis: Analysis, scanned: Scanned | None = None) -> None:
        """Keep what a text was read as, here or in another process with the same rules and bounds.

        A text that could not be read is not kept: it may have been another's fault, of which nothing may stay.

        Args:
            text: as it was read.
            analysis: what it was read as; its names are not settled.
            scanned: the same text, where other texts may have been asked for since it was scanned.
        """
        if analysis.reasons and not analysis.readings:
            return
        self._by_text.put(text, analysis)
        if not analysis.holds_for_shape:
            return
        gist = self._cut(text).gist
        scanned = scanned or self.scanned(text)
        if gist is not None:
            self._by_gist.put(gist, [] if scanned else [text])
        if gist is None or scanned is not None:
            self._remember_shape(text, analysis, scanned)

    def _remember_shape(self, text: str, analysis: Analysis, scanned: Scanned | None) -> None:
        found = scanned or self._scan(text)
        if not isinstance(found, Reason):
            shared = _unplaced(analysis)
            self._by_shape.put(found.shape, shared)
            if analysis.telling_tokens:
                self._by_shape.put(telling_shape(found, analysis.telling_tokens), shared)

    def _has_shapes(self, gist: str) -> bool:
        """Whether a shape of that gist is known; one that nobody has asked for is found now."""
        waiting = self._by_gist.get(gist)
        if waiting is None:
            return False
        while waiting:
            text = waiting.pop()
            if (known := self._by_text.get(text)) is not None:
                self._remember_shape(text, known, None)
        return True

    def _cut(self, text: str) -> Cut:
        # recall and remember ask for the same text in a row
        last, found = self._last_cut
        if last is not text:
            found = cut(text) if len(text) * _MOST_BYTES <= self._bounds.statement_bytes else Cut(None, None)
            self._last_cut = (text, found)
        return found

    def lineage(self, text: str, *, catalog: Catalog | None = None) -> Lineage:
        """Trace what a text reads: relations, columns, patients, information sets. Not remembered; never raises.

        Costs about another reading of the text, so ask only for what is logged or judged by it.

        Args:
            text: as for :meth:`analyse`.
            catalog: schema → relation → columns, where they are known: ``snapshot.columns``.
        """
        from readonly_guard.sql.lineage import lineage  # noqa: PLC0415  with the keys

        return lineage(text, self.analyse(text), self._rules, catalog=catalog, bounds=self._bounds)

    def _scan(self, text: str) -> Scanned | Reason:
        # recall, read and remember ask for the same text in a row
        last, scanned = self._scanned
        if last is not text:
            scanned = scan_text(text, self._bounds)
            self._scanned = (text, scanned)
        return scanned


def prepare_reading() -> Callable[[Scanned, ReadingSettings], Analysis]:
    """Have the keys in memory, which the first text to be read would have to wait for; gives what reads with them."""
    from readonly_guard.sql.reading import read_scanned  # noqa: PLC0415  the module's docstring says why

    return read_scanned


def weight(analysis: Analysis) -> int:
    return _PLACE * len(analysis.patients.places)


def _unplaced(analysis: Analysis) -> Analysis:
    return msgspec.structs.replace(analysis, readings=tuple(map(unplaced, analysis.readings)))


def _opening(reading: Reading, tables: list[Name], *, cursors: bool) -> Reading:
    """The reading with what its calls open: tables, of which nothing in it says whose rows, and cursors."""
    if cursors:
        reading = msgspec.structs.replace(reading, moves_cursors=True)
    if not tables:
        return reading
    relations = tuple(dict.fromkeys((*reading.relations, *tables)))
    return msgspec.structs.replace(reading, relations=relations, has_patient_predicate=False)


def _with_effect(reading: Reading, effect: Effect) -> Reading:
    return msgspec.structs.replace(reading, effects=reading.effects | {effect})
