"""A decision in stages: the asker's standing, what is found about the patients, and the answer made of both.

Each stage is a rule of the policies, compiled by itself. It is handed the fields that it reads
(`readonly_guard.policy.reads`) and what the stages before it found, and its value is remembered by just these: the next
patient is a new question to the rules about patients only. In a stage's own program the rule of an earlier one is what
that one found; an engine that knows no stages evaluates it in its place, and says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from readonly_guard.domain import Answer
from readonly_guard.policy.agreement import Ask
from readonly_guard.policy.answer import UNDEFINED
from readonly_guard.policy.cache import Span, ValueCache
from readonly_guard.policy.extract import Document, Extract
from readonly_guard.policy.likeness import Likeness, Likenesses
from readonly_guard.policy.reads import Path, Reads

__all__ = ["Asks", "Parts", "Stage", "Stages", "parts_of", "time_of"]

_REMEMBERED: Final = 16_384  # values of a stage, one or two kilobytes each
_MAX_KEY_BYTES: Final = 4_096  # a longer question is rare, and is asked each time

_json: Final = msgspec.json.Encoder().encode

Parts = Mapping[str, bytes | None]
"""What a stage found, as JSON: for each later stage the part that it reads, None where the value is undefined."""

Asks = Mapping[str, Ask]
"""How to evaluate the rule of each stage."""

_Value = TypeVar("_Value")


class Stage(Generic[_Value]):
    """One rule: what it is asked, and what is remembered of it.

    Args:
        rule: its name.
        reads: what it reads of the question.
        earlier: the stages whose values it reads.
        made: makes what is kept of the rule's value.
        likenesses: which patients are alike to the rule, where that is known; it reads `standing.answer` alone.

    Attributes:
        rule, earlier: the same.
        extract: the part of a question that the rule is handed.
        is_repeatable: the same question always gives the same value.
    """

    def __init__(
        self,
        rule: str,
        reads: Reads,
        earlier: tuple[str, ...],
        made: Callable[[Any], _Value],
        likenesses: Likenesses | None = None,
    ) -> None:
        self.rule: Final = rule
        self.earlier: Final = earlier
        self.extract: Final = Extract(reads.fields)
        self.is_repeatable: Final = reads.is_repeatable
        self._names = [_json(name) for name in earlier]
        self._made = made
        self._likenesses: Final = likenesses
        self._memory: ValueCache[_Value] = ValueCache(_REMEMBERED)

    def value(self, question: Document, now: datetime | None, found: Mapping[str, Parts], ask: Ask) -> _Value:
        """The rule's value for a question, remembered or asked.

        Args:
            question: all of it.
            now: the question's time; None where it has none, and then nothing that depends on time is remembered.
            found: what the stages before it found.
            ask: evaluates the rule.
        """
        parts = self.parts(found)
        if not self.extract.is_timed:
            handed = _json(self.extract(question))
            return self.value_for(self._alike(question, parts) or handed, handed, parts, ask)
        key = self.extract.key(question)
        known = self._entry(key, parts, now)
        if known is not None:
            return known[0]
        value = self._made(raw := ask(self._with(_json(self.extract(question)), parts)))
        if self.is_repeatable and len(key) <= _MAX_KEY_BYTES and (span := _span_of(raw, now)) is not None:
            self._memory.put((key, *parts), value, span)
        return value

    def value_for(self, key: bytes, handed: bytes, parts: list[bytes | None], ask: Ask) -> _Value:
        """As :meth:`value`, of a rule that does not read the time.

        Args:
            key: what stands in place of the question in the memory: what is handed, or the same about whoever is alike.
            handed: what the rule is handed of the question.
            parts: what it is handed of the stages before it.
            ask: evaluates the rule.
        """
        known = self._entry(key, parts, None)
        if known is not None:
            return known[0]
        value = self._made(ask(self._with(handed, parts)))
        if self.is_repeatable and len(key) <= _MAX_KEY_BYTES:
            self._memory.put((key, *parts), value)
        return value

    def likeness(self, question: Document, parts: list[bytes | None]) -> Likeness | None:
        """Which patients are alike to the rule in such a question; None where that is not known."""
        return None if self._likenesses is None else self._likenesses.of(question, parts[0])

    def known(self, question: Document, now: datetime, found: Mapping[str, Parts]) -> tuple[_Value, Span | None] | None:
        """What is remembered of a question, and how long it holds, None for ever; None where nothing is."""
        return self._entry(self._asked(question), self.parts(found), now)

    def parts(self, found: Mapping[str, Parts]) -> list[bytes | None]:
        """What of the stages before it the rule is handed."""
        return [found[name][self.rule] for name in self.earlier]

    def _asked(self, question: Document) -> bytes:
        """By what a value is remembered: where time is no part of it, what the rule is handed."""
        extract = self.extract
        return extract.key(question) if extract.is_timed else _json(extract(question))

    def _alike(self, question: Document, parts: list[bytes | None]) -> bytes | None:
        """What the rule is handed, with what is known of the patient in the name's place."""
        if self._likenesses is None:
            return None
        alike = self._likenesses.alike(question, parts[0])
        if alike is None:
            return None
        return _json(self.extract({**question, "context": {**question["context"], "patients": alike}}))

    def _entry(
        self, asked: bytes, parts: list[bytes | None], now: datetime | None
    ) -> tuple[_Value, Span | None] | None:
        return self._memory.entry((asked, *parts), now) if self.is_repeatable else None

    def _with(self, handed: bytes, parts: list[bytes | None]) -> str:
        """The question that the rule is asked: an object, with what the stages before it found."""
        given = b"".join(
            [b",%b:%b" % (name, part) for name, part in zip(self._names, parts, strict=True) if part is not None]
        )
        joined = handed[:-1] + (given if len(handed) > len(b"{}") else given[1:]) + b"}" if given else handed
        return joined.decode()


class Stages:
    """A decision: the stages in order, the last of which gives the answer.

    Attributes:
        earlier, last: the stages.
    """

    def __init__(self, earlier: tuple[Stage[Parts], ...], last: Stage[Answer]) -> None:
        self.earlier: Final = earlier
        self.last: Final = last

    def answer(self, question: Document, asks: Asks) -> Answer:
        """The answer to a question.

        Raises:
            PolicyUnavailable: a value is no answer.
            RuntimeError: a rule failed.
        """
        now = time_of(question)
        found: dict[str, Parts] = {}
        for stage in self.earlier:
            found[stage.rule] = stage.value(question, now, found, asks[stage.rule])
        return self.last.value(question, now, found, asks[self.last.rule])


def parts_of(value: Any, readers: Mapping[str, frozenset[Path]]) -> Parts:
    """What a stage found, cut out for each later stage by the fields that it reads of it."""
    if value == UNDEFINED:
        return dict.fromkeys(readers)
    return {name: msgspec.json.encode(_cut(value, fields)) for name, fields in readers.items()}


def _cut(value: Any, fields: frozenset[Path]) -> Any:
    if not isinstance(value, dict) or () in fields:
        return value
    return {field[0]: value[field[0]] for field in fields if field[0] in value}


def time_of(question: Document) -> datetime | None:
    """When a question was asked; None where it does not say, or not in which zone."""
    try:
        time = datetime.fromisoformat(question["context"]["time"])
    except (KeyError, TypeError, ValueError):
        return None
    return time if time.tzinfo is not None else None


def _span_of(value: Any, now: datetime | None) -> Span | None:
    """From the question until ``expires_at``; None for a value that does not say how long it holds."""
    if now is None or not isinstance(value, dict):
        return None
    try:
        until = datetime.fromisoformat(value["expires_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return Span(now, until) if until.tzinfo is not None else None
