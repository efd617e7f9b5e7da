"""Reload: what of a changed guard.toml takes effect at once, and what only at the next start.

Sessions that are open keep their server and their TLS; everything else that can be changed here holds from the next
connection, decision or look at the clock on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from readonly_guard.settings import Settings

__all__ = ["adopt", "changed", "is_adopted"]

_AT_ONCE: Final = (
    *("policy", "upstream", "authentication", "limits"),
    *("listener.language", "listener.tcp", "listener.tls"),
)
_AT_START: Final = ("limits.statement_bytes", "limits.tokens")  # the processes that read texts have them


def changed(before: Settings, after: Settings) -> tuple[str, ...]:
    """The keys whose values differ, as they are written in the file: ``journal.path``."""
    return tuple(_differences(before, after, ""))


def is_adopted(key: str) -> bool:
    """Whether a change of this key takes effect without a restart."""
    return _within(key, _AT_ONCE) and not _within(key, _AT_START)


def adopt(before: Settings, after: Settings) -> Settings:
    """The settings in force once ``after`` has been read: its own where that is possible, else those of before."""
    replace = msgspec.structs.replace
    return replace(
        before,
        policy=after.policy,
        upstream=after.upstream,
        authentication=after.authentication,
        limits=replace(after.limits, statement_bytes=before.limits.statement_bytes, tokens=before.limits.tokens),
        listener=replace(
            before.listener, language=after.listener.language, tcp=after.listener.tcp, tls=after.listener.tls
        ),
    )


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    if not isinstance(before, msgspec.Struct) or type(before) is not type(after):
        if before != after:
            yield path
        return
    for field in msgspec.structs.fields(type(before)):
        inner = f"{path}.{field.name}" if path else field.name
        yield from _differences(getattr(before, field.name), getattr(after, field.name), inner)


def _within(key: str, sections: tuple[str, ...]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)
