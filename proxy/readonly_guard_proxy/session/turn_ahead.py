"""The rest of a turn: whether what has just been parsed is run at once, by messages that are already here.

Most clients send Parse, Bind, Describe, Execute and Sync together, all of the unnamed statement and portal. That is one
reading of records, so it is one decision and one record: about what is run, with its parameters. It is the turn that
`wire.turns` knows as bytes; a Parse of any other turn is decided by itself, since it may be run later or never.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from readonly_guard_proxy.wire.framing import Frame, ProtocolViolation
from readonly_guard_proxy.wire.messages import Frontend, execute_portal, read_bind, target

__all__ = ["values_ahead"]

_REST: Final = frozenset({
    (Frontend.BIND, Frontend.EXECUTE, Frontend.SYNC),
    (Frontend.BIND, Frontend.DESCRIBE, Frontend.EXECUTE, Frontend.SYNC),
})  # fmt: skip
_MOST: Final = 4
_UNNAMED_PORTAL: Final = (b"P", b"")


def values_ahead(waiting: deque[Frame]) -> bytes | None:
    """What the unnamed statement is bound to by the turn whose Parse is the first that waits.

    Returns:
        None where the rest of the turn is not here, is another, or is malformed, which is said when its time comes.
    """
    rest: list[Frame] = []
    for message in islice(waiting, 1, 1 + _MOST):
        rest.append(message)
        if message.kind == Frontend.SYNC:
            break
    if tuple(message.kind for message in rest) not in _REST:
        return None
    try:
        bind, about = read_bind(rest[0]), target(rest[1]) if len(rest) == _MOST else None
        is_unnamed = not (bind.statement or bind.portal or execute_portal(rest[-2]))
    except ProtocolViolation:
        return None
    return bind.values if is_unnamed and (about is None or (about.kind, about.name) == _UNNAMED_PORTAL) else None
