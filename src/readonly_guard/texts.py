"""The texts of requests: remembered, read here or in a worker, and their names settled as the session has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from readonly_guard.domain import Analysis, Reading, SearchPath, StatementRequest, core_reason
from readonly_guard.earlier import Followed, follow, target_of
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Analyzer, Resolver, Scanned, Variation

__all__ = ["Reader", "Texts"]

_UNJUDGED: Final = core_reason(
    "RG-F04",
    "a statement or cursor that is not known for certain, in a session that has set search_path; give search_path in"
    " the connection (options) instead",
)


class Reader(Protocol):
    """Reads texts somewhere else, so that a parser that crashes or hangs costs one denial and not the caller."""

    async def read(self, text: str, scanned: Scanned | None = None) -> Analysis:
        """As :meth:`readonly_guard.Analyzer.read`, with the same rules and bounds; too late is RG-T04."""
        ...


class Texts:
    """What one guard knows of texts.

    Args:
        analyzer: reads and remembers.
        reader: reads what is new, in place of the analyzer; None for the analyzer itself.
        without_catalog: settles names as long as no catalog does.
    """

    def __init__(self, analyzer: Analyzer, reader: Reader | None, without_catalog: Resolver) -> None:
        self._analyzer = analyzer
        self._reader = reader
        self._without_catalog = without_catalog

    @property
    def rules(self) -> ReadingSettings:
        """How texts are read."""
        return self._analyzer.rules

    def read_with(self, reader: Reader) -> None:
        """Have what is new read by ``reader`` from now on; not by :meth:`of_now`, which goes on reading here."""
        self._reader = reader

    def resolve_with(self, resolver: Resolver | None) -> None:
        """Have names settled by ``resolver`` from now on; with None as without a catalog."""
        self._analyzer.resolve_with(resolver or self._without_catalog)

    def recall(self, text: str) -> Analysis | None:
        """What is known of a text without reading it, its names not settled."""
        return self._analyzer.recall(text)

    def variation(self, text: str, known: Analysis) -> Variation | None:
        """What texts may differ in from one that is known, as :meth:`readonly_guard.sql.Analyzer.variation`."""
        return self._analyzer.variation(text, known)

    def of_now(self, request: StatementRequest) -> Analysis:
        """What a request's text is, read here if it is new. What an earlier statement says is not looked at."""
        analysis = self.settled(self._analyzer.of_text(request.text), request)
        return self._judged(analysis, [None] * len(analysis.readings), request)

    async def of(self, request: StatementRequest) -> Analysis:
        """What a request's text is, with the earlier statements that it runs."""
        analysis = self.settled(await self._analysis(request.text), request)
        if not analysis.patients.is_elsewhere or not analysis.is_read:
            return analysis
        found = [await self._earlier(one, analysis, request) for one in analysis.readings]
        # on the search path or in the catalog of now it may be a read no more: the server looks its names up again
        reasons = [reason for one in found if one is not None for reason in one[0].reasons]
        if reasons:
            return msgspec.structs.replace(analysis, reasons=tuple(reasons))
        judged = self._judged(analysis, found, request)
        return follow(judged, found) if judged.is_read else judged

    def _judged(self, analysis: Analysis, found: Sequence[Followed | None], request: StatementRequest) -> Analysis:
        """The analysis, denied where a search path may be in force on which what it runs has not been judged."""
        if not analysis.patients.is_elsewhere or not analysis.is_read:
            return analysis
        if len(self._path(analysis, request).paths) <= 1:
            return analysis
        given: set[tuple[bool, str | None]] = set()
        for reading, one in zip(analysis.readings, found, strict=True):
            if reading.refers is not None and one is None and (reading.kind == "fetch", reading.refers) not in given:
                return msgspec.structs.replace(analysis, reasons=(_UNJUDGED,))
            given |= {(False, reading.prepares), (True, reading.declares)}
        return analysis

    def settled(self, analysis: Analysis, request: StatementRequest) -> Analysis:
        """What was read, its names held against the catalog on the search paths that the session may be on."""
        return self._analyzer.settle(analysis, self._path(analysis, request))

    @staticmethod
    def _path(analysis: Analysis, request: StatementRequest) -> SearchPath:
        declared = request.declared
        if not analysis.reasons:
            for reading in analysis.readings:
                if reading.settings:  # a text that changes the search path may use it at once
                    declared = declared.after(reading.settings, request.initial)
        return SearchPath(
            database=request.session.database,
            user=request.session.role,
            paths=declared.search_paths,
            has_outlived_prepares=declared.has_outlived_prepares,
        )

    async def _earlier(self, reading: Reading, analysis: Analysis, request: StatementRequest) -> Followed | None:
        target = target_of(reading, analysis)
        earlier = None if target is None or request.earlier is None else request.earlier.find(*target)
        if earlier is None:
            return None
        known = self.settled(await self._analysis(earlier.text), request)
        return None if known.is_read and known.patients.is_elsewhere else (known, earlier.parameters)

    async def _analysis(self, text: str) -> Analysis:
        if self._reader is None:
            return self._analyzer.of_text(text)
        known = self._analyzer.recall(text)
        if known is None:
            scanned = self._analyzer.scanned(text)  # if it was, to find nothing, nobody need do so again
            known = await self._reader.read(text, scanned)
            self._analyzer.remember(text, known, scanned)
        return known
