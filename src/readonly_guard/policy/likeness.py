"""Which patients are alike: of whom the same is known, so that the shipped rules find the same about them.

In a session the patient changes with nearly every statement, and mostly nothing else is another: there is a care
relation, there are no blocks. What the rules find rests on the documents that they look up by the patient's name; of
two for whom these say the same, one answer is both's. That the name itself makes no difference is known of the rules
as they are shipped and of no others: `readonly_guard.policy.rehearsal` looks whether every rule that looks at patients
is one of these. What is not plain (several names, one that stands for more, data of another form than its schema's) is
like nothing, and is asked of the rules.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeGuard

import msgspec

__all__ = ["RULES", "Alike", "Likeness", "Likenesses", "digest_of"]

RULES: Final = "34745eb562613f7055e50365046ef492b3bc75a1b2765bdd1afdd346e03e44fa"
"""The digest of the rules of which this is known. Before it is another, `Likeness` has to be read beside them."""

Alike = tuple[str, bool, bytes, bytes]
"""What is known of a patient: the relation, whether it is the asker, whose records are there, what is blocked."""

_ASKERS: Final = 4_096
"""Whose likeness is kept: a day's askers by what they asked for, a kilobyte each."""

_UNLISTED: Final[dict[str, Any]] = {}
"""Stands for a document that there is none of, which is another thing than an empty one."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS: Final = range(1700, 2200)  # whose nanoseconds are numbers of 64 bits, as Rego counts time
_DAY_NS: Final = 86_400 * 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_json: Final = msgspec.json.Encoder().encode


class Likeness:
    """What an asker's rules know of patients on one day.

    Args:
        data: the policies' documents.
        subject: who asks.
        today: the Swedish date, as the documents write dates.
        own: the patient names that are the asker's own.
    """

    __slots__ = ("_blocks", "_own", "_patients", "_relations", "_subject", "_today")

    def __init__(self, data: Mapping[str, Any], subject: str, today: str, own: frozenset[str]) -> None:
        self._relations: Final[dict[str, Any]] = data.get("relations", {})
        self._patients: Final[dict[str, Any]] = data.get("patients", {})
        self._blocks: Final[dict[str, Any]] = data.get("blocks", {})
        self._subject: Final = subject
        self._today: Final = today
        self._own: Final = own

    def of(self, patients: tuple[str, ...]) -> Alike | None:
        """What is known of whom a question is about; None where that cannot be told so simply."""
        if len(patients) != 1:
            return None
        name = patients[0]
        # those of `question.patients` in Rego that name nobody, and what is no JSON
        if not name.isascii() or name.endswith(":?") or name.startswith("*:") or ":$" in name:
            return None
        relation = self._relation(name)
        if relation is None:
            return None
        person, records, blocked = name, b"", b""
        known = self._patients.get(name, _UNLISTED)
        if known is not _UNLISTED:
            if type(known) is not dict or type(known.get("person")) is not str:
                return None
            person, records = known["person"], _json({key: known[key] for key in known if key != "person"})
        blocks = self._blocks.get(name, _UNLISTED)
        if blocks is not _UNLISTED:
            if type(blocks) is not list:
                return None
            blocked = _json(blocks)
        return relation, person in self._own, records, blocked

    def _relation(self, name: str) -> str | None:
        """What there is between the asker and a patient; of whom nothing is listed it is not known.

        In effect from its first day, included, to its last, excluded, as `relation.has_relation` has it.
        """
        listed = self._relations.get(name, _UNLISTED)
        if listed is _UNLISTED:
            return "unknown"
        if type(listed) is not dict:
            return None
        relation = listed.get(self._subject)
        if relation is None:
            return "none"
        if type(relation) is not dict or "to" not in relation:
            return None
        since, until = relation.get("from"), relation["to"]
        if not _is_date(since) or not (until is None or _is_date(until)):
            return None
        return "care" if since <= self._today and (until is None or self._today < until) else "none"


def digest_of(modules: Iterable[str]) -> str:
    """What tells rules from others: SHA-256 over their texts, in whatever order."""
    return hashlib.sha256("\0".join(sorted(modules)).encode()).hexdigest()


class Likenesses:
    """Likeness to the rules about patients, for whoever asks.

    Args:
        data: the policies' documents.
    """

    __slots__ = ("_data", "_kept")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data: Final = data
        self._kept: dict[tuple[bytes | None, str], Likeness | None] = {}

    def of(self, question: Mapping[str, Any], standing: bytes | None) -> Likeness | None:
        """Which patients are alike in such a question.

        Args:
            question: of whatever form.
            standing: what `standing.answer` found and the rules are handed, as JSON; None where it found nothing.

        Returns:
            None where one of these is not of the form that the guard and the shipped policies give it, and where
            something was looked up about its patients, which is not in the documents.
        """
        context, subject = question.get("context"), question.get("subject")
        if type(context) is not dict or "facts" in context or type(subject) is not dict:
            return None
        name = subject.get("id")
        if type(name) is not str:
            return None
        key = (standing, name)
        if key not in self._kept:
            if len(self._kept) >= _ASKERS:
                self._kept.clear()
            self._kept[key] = _likeness_of(self._data, name, standing)
        return self._kept.get(key)

    def alike(self, question: Mapping[str, Any], standing: bytes | None) -> Alike | None:
        """What is known of the patient whom a question is about; None as for :meth:`of` and :meth:`Likeness.of`."""
        likeness = self.of(question, standing)
        if likeness is None:
            return None
        patients = question["context"].get("patients")
        if type(patients) not in {tuple, list} or not all(type(name) is str for name in patients):
            return None
        return likeness.of(tuple(patients))


def _likeness_of(data: Mapping[str, Any], subject: str, standing: bytes | None) -> Likeness | None:
    if standing is None:
        return None
    found = msgspec.json.decode(standing)
    if type(found) is not dict:
        return None
    today, own = _date_of(found.get("day")), found.get("own_patients")
    if today is None or type(own) is not list or not all(type(name) is str for name in own):
        return None
    if not all(type(data.get(document, {})) is dict for document in ("relations", "patients", "blocks")):
        return None
    return Likeness(data, subject, today, frozenset(own))


def _date_of(day: object) -> str | None:
    """A day in nanoseconds since 1970 as a date; None for what is none."""
    if type(day) is not int or day % _DAY_NS:
        return None
    try:
        text = (_EPOCH + timedelta(days=day // _DAY_NS)).date().isoformat()
    except OverflowError:
        return None
    return text if _is_date(text) else None


def _is_date(value: object) -> TypeGuard[str]:
    return type(value) is str and _is_written_date(value)


@lru_cache(maxsize=16_384)
def _is_written_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        return date.fromisoformat(text).year in _YEARS
    except ValueError:
        return False
