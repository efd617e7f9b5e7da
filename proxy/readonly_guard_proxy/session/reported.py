"""What the server reports of its settings (ParameterStatus), held against what the guard relies on.

The guard reads a text as the server will only if it knows the encoding and how a backslash in a string is meant, and
its second belt holds only while the session is read-only and is still the authenticated user's. The server reports all
four by itself; a report that is not as it must be ends the session.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from readonly_guard.sql import SAFE_ENCODINGS
from readonly_guard_proxy.session.consequences import Consequences

__all__ = ["Distrust", "Reported", "codec_of"]

_MUST_BE: Final = {
    "standard_conforming_strings": "on",
    "default_transaction_read_only": "on",
}
_MUST_COME: Final = frozenset({"client_encoding", "standard_conforming_strings"})  # by every supported server


def codec_of(encoding: str) -> str | None:
    """Python's codec for one of PostgreSQL's encodings; None when it is not safe or not known."""
    return SAFE_ENCODINGS.get("".join(letter for letter in encoding.lower() if letter.isascii() and letter.isalnum()))


class Distrust(NamedTuple):
    """A report that ends the session: a core code and what it is about."""

    code: str
    what: str


class Reported:
    """The reports of one session.

    ``codec`` is Python's name of the client's encoding. ``in_doubt`` says that it may be another by now: a text was
    released that can change it, and the server reports changes only just before ReadyForQuery. ``is_touched`` says that
    it was set since the session was last outside a transaction, the end of which may undo that.

    Args:
        user: the database user who logged in; ``session_authorization`` must stay that.
    """

    def __init__(self, user: str) -> None:
        self._user = user
        self._absent = _MUST_COME
        self.codec = "utf-8"
        self.in_doubt = False
        self.is_touched = False

    def take(self, name: str, value: str) -> Distrust | None:
        """Take a report; says why the session must end, or None."""
        if name in self._absent:
            self._absent = self._absent - {name}
        if name == "client_encoding":
            codec = codec_of(value)
            if codec is None:
                return Distrust(code="RG-T07", what=f"client_encoding {value}")
            self.codec = codec
        elif value != (self._user if name == "session_authorization" else _MUST_BE.get(name, value)):
            return Distrust(code="RG-T06", what=f"{name} is not what the guard relies on")
        return None

    def missing(self) -> Distrust | None:
        """Before the first statement: whether a report that the guard relies on has not come."""
        if not self._absent:
            return None
        return Distrust(code="RG-T06", what=f"the server did not report {', '.join(sorted(self._absent))}")

    def released(self, after: Consequences) -> None:
        """A text was released; ending a transaction undoes what SET did in it, so that counts too."""
        self.is_touched = self.is_touched or after.encoding
        if after.encoding or (after.transaction and self.is_touched):
            self.in_doubt = True

    def ready(self, transaction_status: bytes) -> None:
        """The server is ready and nothing is under way: what changed has been reported."""
        self.in_doubt = False
        self.is_touched = self.is_touched and transaction_status != b"I"
