"""Whether a data document is of its JSON Schema, and if not, where.

The check is regorus's own `json.match_schema`, the same built-in function that a policy could call. It says what is
wrong but not where, so the place is looked for by checking ever smaller parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import regorus

from readonly_guard.policy.rego_error import explain

__all__ = ["Violation", "find_violation"]

_RULE: Final = "data.check.result"
_MODULE: Final = "package check\n\nresult := json.match_schema(input.document, input.schema)\n"


class Violation(NamedTuple):
    """The smallest part that is not of its schema: its path below the document, and what is wrong with it."""

    path: tuple[str, ...]
    message: str


def find_violation(document: Any, schema: Any) -> Violation | None:
    """The first violation, or None when the document is of its schema."""
    engine = regorus.Engine()
    engine.add_policy("check.rego", _MODULE)
    message = _check(engine, document, schema)
    path: tuple[str, ...] = ()
    while message is not None:
        for key, part, its_schema in _parts(document, schema):
            inner = _check(engine, part, its_schema)
            if inner is not None:
                path, document, schema, message = (*path, key), part, its_schema, inner
                break
        else:
            return Violation(path, message)
    return None


def _check(engine: regorus.Engine, document: Any, schema: Any) -> str | None:
    engine.set_input_json(msgspec.json.encode({"document": document, "schema": schema}).decode())
    try:
        matches, message = msgspec.json.decode(engine.eval_rule_as_json(_RULE), type=tuple[bool, str | None])
    except RuntimeError as error:
        return explain(error)
    return None if matches else message or "is not of its schema"


def _parts(document: Any, schema: Any) -> Iterator[tuple[str, Any, Any]]:
    """The parts of a document that have a schema of their own."""
    if not isinstance(schema, dict):
        return
    if isinstance(document, dict):
        named = schema.get("properties", {})
        for key, value in document.items():
            inner = named.get(key, schema.get("additionalProperties"))
            if isinstance(inner, dict):
                yield key, value, inner
    elif isinstance(document, list) and isinstance(schema.get("items"), dict):
        for index, value in enumerate(document):
            yield str(index), value, schema["items"]
