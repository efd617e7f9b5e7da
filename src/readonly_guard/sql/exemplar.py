"""An exemplar: what all texts of an outline were read as, and where in it each text's own literals belong."""

from __future__ import annotations

from typing import NamedTuple

from readonly_guard.domain import Analysis
from readonly_guard.sql.outline import Outline, around
from readonly_guard.sql.patients import with_own_values
from readonly_guard.sql.scan import Scanned
from readonly_guard.sql.variation import Variation, variation_of

__all__ = ["Exemplar", "exemplar_of"]


class Exemplar(NamedTuple):
    """``scanned`` is None where no literal is a patient's; else ``places`` says which of its tokens each literal is."""

    analysis: Analysis
    scanned: Scanned | None
    places: tuple[int, ...]

    def of(self, literals: list[str]) -> Analysis | None:
        """The analysis of a text with these literals; None where the text must be read by itself."""
        if self.scanned is None:
            return self.analysis
        words = list(self.scanned.words)
        for place, literal in zip(self.places, literals, strict=True):
            words[place] = literal
        return with_own_values(self.analysis, Scanned(self.scanned.text, self.scanned.tokens, words))

    def variation(self, text: str, outline: Outline, known: Analysis) -> Variation | None:
        """What texts may differ in from one of the same outline: its patient's literal, or else its only one.

        Args:
            text: of this outline.
            outline: its own.
            known: what it was read as.
        """
        patients = known.patients
        if known.readings is not self.analysis.readings or len(patients.places) > 1:
            return None
        if patients.parameters or patients.unlisted or patients.is_elsewhere:
            return None
        number, column = 0, None
        if patients.places:
            place = patients.places[0]
            if place.token not in self.places or place.form == "array":
                return None
            number, column = self.places.index(place.token), place.column
            if place.form == "whole" and outline.literals[number][0] == "'":
                return None  # a cast makes another of it than what is written
        elif patients.named or len(outline.literals) != 1:
            return None
        return variation_of(*around(text, number), column)

    def weight(self) -> int:
        """What it takes, in characters of text."""
        return 0 if self.scanned is None else 4 * sum(map(len, self.scanned.words))


def exemplar_of(analysis: Analysis, scanned: Scanned, outline: Outline) -> Exemplar | None:
    """An exemplar from a text that was scanned; None where not each of its literals is a token by itself.

    Args:
        analysis: of every text of its shape, whatever the literals.
        scanned: the text.
        outline: of the same text.
    """
    if not analysis.patients.places:
        return Exemplar(analysis, None, ())
    places: list[int] = []
    rest = iter(enumerate(scanned.words))
    for literal in outline.literals:
        place = next((at for at, word in rest if word == literal), None)
        if place is None:
            return None
        places.append(place)
    return Exemplar(analysis, scanned, tuple(places))
