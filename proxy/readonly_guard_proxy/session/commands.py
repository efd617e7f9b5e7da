"""What the machine wants done. Imperative; whoever runs the machine carries them out in the order given."""

from __future__ import annotations

from typing import Final

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


class ToServer:
    """Send to the server: only what was decided, or what carries no text.

    With ``can_wait`` it runs nothing and is answered with what follows it, so that it can be sent together with that
    once it is decided.
    """

    __slots__ = ("can_wait", "data")

    def __init__(self, data: bytes, *, can_wait: bool = False) -> None:
        self.data: Final = data
        self.can_wait: Final = can_wait


class ToClient:
    """Send to the client."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data: Final = data


class Decide:
    """Have this text decided and answer with `Decided`.

    ``phase``, ``parameters`` and ``earlier`` as in `readonly_guard.domain.StatementRequest`.
    """

    __slots__ = ("earlier", "parameters", "phase", "text", "token")

    def __init__(
        self, token: int, phase: str, text: str, parameters: Parameters | None, earlier: Earlier | None
    ) -> None:
        self.token: Final = token
        self.phase: Final = phase
        self.text: Final = text
        self.parameters: Final = parameters
        self.earlier: Final = earlier


class Refuse:
    """Have a denial with this code recorded, without a text being read, and answer with `Decided`."""

    __slots__ = ("code", "phase", "token", "what")

    def __init__(self, token: int, phase: str, code: str, what: str) -> None:
        self.token: Final = token
        self.phase: Final = phase
        self.code: Final = code
        self.what: Final = what


class Opened:
    """The server let the client in.

    Args:
        key: what the server wants in a cancel request; its secret may be empty.
        authentication: how the server knows who it is, in the words of pg_hba.conf.
    """

    __slots__ = ("authentication", "key")

    def __init__(self, key: BackendKey, authentication: str) -> None:
        self.key: Final = key
        self.authentication: Final = authentication


class Rejected:
    """The server did not take the client for who it said it was."""

    __slots__ = ()


class Completed:
    """An allowed decision has run its course: exactly one comes for each.

    Args:
        token: the decision's.
        rows: what the server's command tags said, None when they said nothing.
        bytes_sent: of replies to the client.
        sqlstate: empty on success; of the error that ended it or made the server pass over it; 08006 when the
            connection ended first.
    """

    __slots__ = ("bytes_sent", "rows", "sqlstate", "token")

    def __init__(self, token: int, rows: int | None, bytes_sent: int, sqlstate: str) -> None:
        self.token: Final = token
        self.rows: Final = rows
        self.bytes_sent: Final = bytes_sent
        self.sqlstate: Final = sqlstate


class Finish:
    """Close both sides in good order: what has been written is still sent.

    Args:
        reason: for the log, if any.
        client_left: it said goodbye, or is gone: it need be told nothing more.
    """

    __slots__ = ("client_left", "reason")

    def __init__(self, reason: str = "", *, client_left: bool = False) -> None:
        self.reason: Final = reason
        self.client_left: Final = client_left


class Abort:
    """Drop the server's side at once; close the client's once what it was told is sent. ``reason`` is for the log."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason: Final = reason


class CancelStatement:
    """Send the server a cancel request for what it is running, and answer with `CancelDelivered`.

    Until then nothing more is released: a cancel request that is on its way hits whatever it finds running.
    """

    __slots__ = ("key",)

    def __init__(self, key: BackendKey) -> None:
        self.key: Final = key


Command = ToServer | ToClient | Decide | Refuse | Opened | Rejected | Completed | CancelStatement | Finish | Abort
