"""What the machine wants done. Imperative; whoever runs the machine carries them out in the order given."""

from __future__ import annotations

import msgspec

from readonly_guard.domain import Earlier, Parameters
from readonly_guard_proxy.wire.messages import BackendKey

__all__ = [
    "Abort",
    "CancelStatement",
    "Command",
    "Completed",
    "Decide",
    "Finish",
    "Opened",
    "Refuse",
    "Rejected",
    "ToClient",
    "ToServer",
]


class _Command(msgspec.Struct, frozen=True, kw_only=True):
    pass


class ToServer(_Command, frozen=True, kw_only=True):
    """Send to the server: only what was decided, or what carries no text.

    With ``can_wait`` it runs nothing and is answered with what follows it, so that it can be sent together with that
    once it is decided.
    """

    data: bytes
    can_wait: bool = False


class ToClient(_Command, frozen=True, kw_only=True):
    """Send to the client."""

    data: bytes


class Decide(_Command, frozen=True, kw_only=True):
    """Have this text decided and answer with `Decided`.

    ``phase``, ``parameters`` and ``earlier`` as in `readonly_guard.domain.StatementRequest`.
    """

    token: int
    phase: str
    text: str
    parameters: Parameters | None = None
    earlier: Earlier | None = None


class Refuse(_Command, frozen=True, kw_only=True):
    """Have a denial with this code recorded, without a text being read, and answer with `Decided`."""

    token: int
    phase: str
    code: str
    what: str


class Opened(_Command, frozen=True, kw_only=True):
    """The server let the client in.

    Args:
        key: what the server wants in a cancel request; its secret may be empty.
        authentication: how the server knows who it is, in the words of pg_hba.conf.
    """

    key: BackendKey
    authentication: str


class Rejected(_Command, frozen=True, kw_only=True):
    """The server did not take the client for who it said it was."""


class Completed(_Command, frozen=True, kw_only=True):
    """An allowed decision has run its course: exactly one comes for each.

    Args:
        token: the decision's.
        rows: what the server's command tags said, None when they said nothing.
        bytes_sent: of replies to the client.
        sqlstate: empty on success; of the error that ended it or made the server pass over it; 08006 when the
            connection ended first.
    """

    token: int
    rows: int | None
    bytes_sent: int
    sqlstate: str


class Finish(_Command, frozen=True, kw_only=True):
    """Close both sides in good order: what has been written is still sent. ``reason``, if any, is for the log."""

    reason: str = ""


class Abort(_Command, frozen=True, kw_only=True):
    """Drop the server's side at once; close the client's once what it was told is sent. ``reason`` is for the log."""

    reason: str


class CancelStatement(_Command, frozen=True, kw_only=True):
    """Send the server a cancel request for what it is running, and answer with `CancelDelivered`.

    Until then nothing more is released: a cancel request that is on its way hits whatever it finds running.
    """

    key: BackendKey


Command = ToServer | ToClient | Decide | Refuse | Opened | Rejected | Completed | CancelStatement | Finish | Abort
