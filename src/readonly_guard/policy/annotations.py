"""METADATA of Rego modules: what a rule is for, its code, and what of the routine and the law it rests on.

OPA defines METADATA as YAML in the comment above a package or rule. What we keep in ``custom``: ``code``, ``statement``
(of the routine, S01 to S30), ``source`` (``verbatim``, ``corrected``, ``note``) and ``law``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from readonly_guard.errors import PolicyError

__all__ = ["Annotation", "Source", "annotations_of"]

_STATEMENTS: Final = re.compile(r"S\d\d(, S\d\d)*")


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the routine says, letter by letter; ``corrected`` and ``note`` where it has a slip of the pen."""

    verbatim: str
    corrected: str = ""
    note: str = ""


class _Custom(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str = ""
    statement: str = ""
    source: Source | None = None
    law: str = ""


class _Metadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str = ""
    description: str = ""
    entrypoint: bool = False
    schemas: tuple[dict[str, Any], ...] = ()
    custom: _Custom = _Custom()


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """The METADATA above a package or a rule; ``line`` is where it stands, counted from 1."""

    file: str
    line: int
    is_package: bool
    title: str
    description: str
    code: str
    statements: tuple[str, ...]
    law: str
    source: Source | None


def annotations_of(file: str, text: str) -> tuple[Annotation, ...]:
    """The annotations of a module in order.

    Raises:
        PolicyError: one is not YAML or holds what we do not know; the text names file, line and fix.
    """
    return tuple(_annotation(file, line, comment, is_package=is_package) for line, comment, is_package in _blocks(text))


def _blocks(text: str) -> Iterator[tuple[int, str, bool]]:
    """Line, YAML and whether a package follows, for every METADATA comment."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if lines[number] != "# METADATA":
            number += 1
            continue
        start = number
        while number < len(lines) and lines[number].startswith("#"):
            number += 1
        comment = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[start + 1 : number])
        yield start + 1, comment, number < len(lines) and lines[number].startswith("package ")


def _annotation(file: str, line: int, comment: str, *, is_package: bool) -> Annotation:
    try:
        known = msgspec.convert(yaml.safe_load(comment) or {}, _Metadata)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = line + 1 + (mark.line if mark else 0)
        raise PolicyError(f"{file}:{at}: METADATA is not YAML: {getattr(error, 'problem', error)}") from None
    except msgspec.ValidationError as error:
        raise PolicyError(f"{file}:{line}: METADATA: {error}") from None
    custom = known.custom
    if custom.statement and not _STATEMENTS.fullmatch(custom.statement):
        raise PolicyError(f"{file}:{line}: METADATA: custom.statement is {custom.statement!r}; write S01, S22")
    return Annotation(
        file=file,
        line=line,
        is_package=is_package,
        title=known.title,
        description=known.description,
        code=custom.code,
        statements=tuple(custom.statement.split(", ")) if custom.statement else (),
        law=custom.law,
        source=custom.source,
    )
