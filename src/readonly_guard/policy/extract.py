"""What of a question a rule is handed, and by what its value is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any, Final

import msgspec

from readonly_guard.domain import AccessRequest
from readonly_guard.policy.reads import Path

__all__ = ["Document", "Extract", "document_of"]

Document = dict[str, Any]

_NO_FACTS: Final[Document] = {}
_MISSING: Final = repeat(msgspec.Raw(b"!"))  # no JSON, so that it is never a value's


class Extract:
    """The part of a question that a rule reads: of its objects the fields by name, of anything else all.

    Args:
        fields: what the rule reads, paths into the question.
    """

    def __init__(self, fields: Iterable[Path]) -> None:
        named = set(fields)
        self._fields = frozenset(named)
        self._tops = _names(named, ())
        self._below = {name: _names(named, (name,)) for name in self._tops or ()}
        self._items = tuple(self._below.items())
        self._of_facts = _names(named, ("context", "facts"))
        of_context = self._below.get("context", ())
        self.is_timed = self._tops is None or of_context is None or "time" in of_context
        """Whether the rule reads the question's time."""
        self._keys = {name: None if below is None else _others(name, below) for name, below in self._below.items()}

    def sees(self, path: Path) -> bool:
        """Whether the rule reads what is at this path, or a part of it."""
        return any(path[: len(field)] == field or field[: len(path)] == path for field in self._fields)

    def __call__(self, question: Document) -> Document:
        """What is there of it, in a new object."""
        if self._tops is None:
            return dict(question)
        picked: Document = {}
        for name, below in self._items:
            if name in question:
                value = question[name]
                if below is not None and type(value) is dict:
                    value = {field: value[field] for field in below if field in value}
                    if name == "context" and self._of_facts is not None and type(facts := value.get("facts")) is dict:
                        value["facts"] = {fact: facts[fact] for fact in self._of_facts if fact in facts}
                picked[name] = value
        return picked

    def key(self, question: Document) -> bytes:
        """The same for two questions between which the rule sees no difference but, maybe, their time."""
        if self._tops is None:
            return msgspec.json.encode([(name, _timeless(name, value)) for name, value in question.items()])
        values: list[Any] = []
        for name, below in self._keys.items():
            value = question.get(name)
            if below is None or type(value) is not dict:
                values.append((name in question, _timeless(name, value)))
                continue
            values.extend(map(value.get, below, _MISSING))
            if name == "context" and self._of_facts != ():
                facts = value.get("facts", _NO_FACTS)
                if self._of_facts is None or type(facts) is not dict:
                    values.append({"facts": facts})
                else:
                    values.extend(map(facts.get, self._of_facts, _MISSING))
        return msgspec.json.encode(values)


def document_of(request: AccessRequest) -> Document:
    """A question as an object, shared with it as far as possible: not to be changed."""
    subject, action = request.subject, request.action
    return {
        "request_id": request.request_id,
        "subject": {"id": subject.id, "type": subject.type, "properties": subject.properties},
        "action": {"name": action.name, "properties": action.properties},
        "resources": request.resources,
        "context": request.context,
    }


def _names(fields: set[Path], parent: Path) -> tuple[str, ...] | None:
    """The fields below a path in a fixed order, None for all of them."""
    if any(parent[: len(field)] == field for field in fields):
        return None
    depth = len(parent)
    return tuple(sorted({field[depth] for field in fields if field[:depth] == parent}))


def _others(top: str, below: tuple[str, ...]) -> tuple[str, ...]:
    """Without what is no part of a key (the time) or is put into it by itself (the facts)."""
    return tuple(name for name in below if top != "context" or name not in {"time", "facts"})


def _timeless(name: str, value: Any) -> Any:
    if name != "context" or not isinstance(value, dict):
        return value
    return {field: each for field, each in value.items() if field != "time"}
