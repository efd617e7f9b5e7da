"""References to what there is not: a misspelt field of the question or of the data is silently undefined in Rego.

What there is, the schemas say: of the question (``schema/input``) and of each data document, as far as they name
fields. A document without a schema may hold anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from readonly_guard.policy.bundle import PolicySet
from readonly_guard.policy.references import Reference, References

__all__ = ["UnknownName", "unknown_names"]


class UnknownName(NamedTuple):
    """A reference that leads nowhere, and where it stands."""

    file: str
    line: int
    message: str


def unknown_names(policies: PolicySet, references: References) -> Iterator[UnknownName]:
    """What the rules refer to and neither rules, question nor data have; each once a line."""
    seen: set[tuple[str, int, str]] = set()
    for reference in references.found:
        message = _fault(policies, references, reference)
        if message is not None and (found := (reference.file, reference.line, message)) not in seen:
            seen.add(found)
            yield UnknownName(*found)


def _fault(policies: PolicySet, references: References, reference: Reference) -> str | None:
    root, *path = reference.path
    if root == "input" and "input" in policies.schemas:
        return _off_schema(("input",), path, policies.schemas["input"], "field of the question")
    if root != "data" or not path:
        return None
    if path[0] in policies.schemas:
        return _off_schema(("data", path[0]), path[1:], policies.schemas[path[0]], "field of the data")
    if path[0] in policies.data or references.rules_of(tuple(path)):
        return None
    return _no_rule(policies, references, path)


def _no_rule(policies: PolicySet, references: References, path: list[str]) -> str:
    """Of a path that leads neither to a rule nor to data: the first name that is wrong."""
    for end in range(len(path)):
        known = {rule[end] for rule in references.rules if list(rule[:end]) == path[:end] and len(rule) > end}
        if end == 0:
            known |= policies.data.keys() | (policies.schemas.keys() - {"input"})
        if path[end] not in known:
            return _said(("data", *path[:end]), path[end], known, "rule and no data")
    return f"data.{'.'.join(path)} is no rule and no data"


def _off_schema(at: tuple[str, ...], path: list[str], schema: Any, kind: str) -> str | None:
    for name in path:
        if not isinstance(schema, dict):
            return None
        named, other = schema.get("properties", {}), schema.get("additionalProperties", not schema.get("properties"))
        if name in named:
            schema = named[name]
        elif isinstance(other, dict):
            schema = other
        elif other or schema.get("type") == "array":
            return None
        else:
            return _said(at, name, named, kind)
        at = (*at, name)
    return None


def _said(at: tuple[str, ...], name: str, known: Iterable[str], kind: str) -> str:
    where = ".".join(at)
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    fix = f"did you mean {where}.{near[0]}?" if near else f"known there: {', '.join(sorted(known))}"
    return f"{where}.{name} is no {kind}, and so undefined; {fix}"
