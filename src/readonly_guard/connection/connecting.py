"""connect: the door for tool builders who import the library instead of running the proxy."""

from __future__ import annotations

from typing import Unpack

from readonly_guard.connection.guarded import GuardedConnection
from readonly_guard.connection.opening import ConnectOptions, Opening
from readonly_guard.domain import Declared, Language, Subject
from readonly_guard.guard import Guard

__all__ = ["connect"]


async def connect(
    dsn: str | None = None,
    *,
    guard: Guard,
    subject: str | Subject | None = None,
    purpose: str | None = None,
    case_reference: str | None = None,
    print_reason: str | None = None,
    justification: str | None = None,
    language: Language = "en",
    **options: Unpack[ConnectOptions],
) -> GuardedConnection:
    """Connect as :func:`asyncpg.connect` does, with a guard in front of every statement.

    Args:
        dsn: asyncpg's connection string.
        guard: decides; it stays the caller's to close, after the connection.
        subject: who asks. Left out, the database user, as in the proxy; name the person where an application logs in
            for many. Whoever calls this answers for it: it is recorded as authenticated.
        purpose: why; with the three below declared as ``readonly_guard.*`` settings of the session.
        case_reference: for purposes that want one.
        print_reason: declares that what is read is printed.
        justification: why emergency access is needed.
        language: of denials.
        options: as :func:`asyncpg.connect`, see :class:`ConnectOptions`.

    Raises:
        ConnectionDenied: a parameter is not safe, or the server is not as the guard needs it.
        TypeError: an option that is not one of :class:`ConnectOptions`.
        asyncpg.PostgresError, OSError: as :func:`asyncpg.connect`.
    """
    opening = Opening(
        guard=guard,
        subject=subject,
        declared=Declared(
            purpose=purpose, case_reference=case_reference, print_reason=print_reason, justification=justification
        ),
        language=language,
        dsn=dsn,
        options=options,
    )
    opened = await opening.connect()
    return GuardedConnection(opened, opened.own_desk)
