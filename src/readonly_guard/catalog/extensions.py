"""Extensions whose compiled code is known: which of their functions read, by name and version.

Compiled code cannot be read. What ships with PostgreSQL's contrib, or is as widely known, is listed in extensions.toml
with the versions that were looked at; of these PostgreSQL's own word (volatility) is taken, with named exceptions.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from readonly_guard.catalog.snapshot import Function
from readonly_guard.settings import KnownExtensionSettings

__all__ = ["KnownExtensions", "shipped_extensions"]

_COMPILED: Final = frozenset({"c", "internal"})


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    extensions: tuple[KnownExtensionSettings, ...]


@cache
def shipped_extensions() -> tuple[KnownExtensionSettings, ...]:
    """Those that the guard knows by itself."""
    text = files("readonly_guard.catalog").joinpath("extensions.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Document).extensions


class KnownExtensions:
    """What is known of the extensions of one database.

    Args:
        versions: of those that are installed there, by name.
        further: what the owner knows; goes before what ships.
    """

    def __init__(self, versions: Mapping[str, str], further: Iterable[KnownExtensionSettings] = ()) -> None:
        known = {one.name: one for one in (*shipped_extensions(), *further)}
        self._known = {
            name: known[name]
            for name, version in versions.items()
            if name in known and _number(known[name].at_least) <= _number(version) < _number(known[name].below)
        }

    def knows(self, function: Function) -> bool:
        """Whether a compiled function is known to do no more than read."""
        known = self._known.get(function.extension)
        if known is None or function.language not in _COMPILED or function.name in known.denied:
            return False
        return function.volatility != "v" or function.name in known.reads

    def reveals(self, function: Function) -> bool:
        """Whether a function shows what people have put in."""
        known = self._known.get(function.extension)
        return known is not None and function.name in known.reveals

    def fault(self, function: Function) -> str | None:
        """Why a function of a known extension is not a read though its volatility says so."""
        known = self._known.get(function.extension)
        if known is not None and function.name in known.denied:
            return f"extension {known.name}: {known.reason or 'it does more than read'}"
        return None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
