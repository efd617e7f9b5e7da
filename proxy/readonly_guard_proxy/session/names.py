"""What stands behind the name of a prepared statement or a portal, correct by construction.

A name changes only when the server says so: ParseComplete, BindComplete and CloseComplete commit a change, an error
drops it. Between being sent and being answered a change is in flight; it is visible to look-ups together with its
number in the reply lane, so that the machine can tell whether it is certain yet.

A name that is forgotten is unknown, and an Execute on an unknown name is refused. So forgetting is always safe, and the
table may be bounded; only believing another text than the server's would not be.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Literal

__all__ = ["MAX_NAME_BYTES", "Change", "Kind", "Meaning", "NameTable", "Portal", "Prepared", "is_followed"]

MAX_NAME_BYTES: Final = 63
"""PostgreSQL compares longer names by their first 63 bytes (NAMEDATALEN - 1), silently."""

_MAX_NAMES: Final = 4_096
_MAX_CHARACTERS: Final = 8 * 1024 * 1024
_MAX_VALUES: Final = 256 * 1024  # an array of 10,000 whole numbers has 120,000 bytes

Kind = Literal["statement", "portal", "cursor", "held"]


def is_followed(name: bytes) -> bool:
    """Whether a name means to the server what its bytes say.

    A longer name is cut, and one beyond ASCII is converted to the server's encoding: two names could be one.
    """
    return len(name) <= MAX_NAME_BYTES and name.isascii()


_DECLARED: Final[tuple[Kind, ...]] = ("cursor", "held")
_FETCHED: Final[tuple[Kind, ...]] = ("portal", *_DECLARED)


class Prepared:
    """A prepared statement: its text, and its parameters' types, which the server may tell later (Describe)."""

    __slots__ = ("text", "types")

    def __init__(self, text: str, types: tuple[int, ...] = ()) -> None:
        self.text = text
        self.types = types

    @property
    def size(self) -> int:
        """How much it holds, in characters."""
        return len(self.text)


class Portal:
    """A statement with the values that it is bound to, as Bind wrote them; None when they were too large to keep."""

    __slots__ = ("statement", "values")

    def __init__(self, statement: Prepared, values: bytes) -> None:
        self.statement = statement
        self.values = values if len(values) <= _MAX_VALUES else None

    @property
    def text(self) -> str:
        """What it runs."""
        return self.statement.text

    @property
    def size(self) -> int:
        """How much it holds, in characters."""
        return len(self.text) + len(self.values or b"")


Meaning = Prepared | Portal


class Change:
    """A name gets a meaning, or, with None, loses it. ``number`` is the request's place in the reply lane."""

    __slots__ = ("kind", "meaning", "name", "number")

    def __init__(self, kind: Kind, name: bytes, meaning: Meaning | None, number: int) -> None:
        self.kind: Final[Kind] = kind
        self.name: Final = name
        self.meaning: Final = meaning
        self.number: Final = number


class _Shelf:
    """Names of one kind: what is committed, bounded by dropping what was used longest ago, and what is in flight."""

    __slots__ = ("_characters", "_meanings", "in_flight")

    def __init__(self) -> None:
        self._meanings: OrderedDict[bytes, Meaning] = OrderedDict()
        self._characters = 0
        self.in_flight: dict[bytes, list[Change]] = {}

    def get(self, name: bytes) -> Meaning | None:
        meaning = self._meanings.get(name)
        if meaning is not None:
            self._meanings.move_to_end(name)
        return meaning

    def put(self, name: bytes, meaning: Meaning | None) -> None:
        if name in self._meanings:
            self._characters -= self._meanings.pop(name).size
        if meaning is None or not is_followed(name):
            return
        self._meanings[name] = meaning
        self._characters += meaning.size
        while self._characters > _MAX_CHARACTERS or len(self._meanings) > _MAX_NAMES:
            _, dropped = self._meanings.popitem(last=False)
            self._characters -= dropped.size

    def clear(self, *, but: bytes | None = None) -> None:
        if not self._meanings:
            return
        kept = None if but is None else self._meanings.get(but)
        self._meanings.clear()
        self._characters = 0
        if but is not None:
            self.put(but, kept)

    def settle(self, change: Change) -> None:
        """Take a change out of flight; changes are answered in the order they were sent."""
        waiting = self.in_flight[change.name]
        if len(waiting) == 1:
            del self.in_flight[change.name]
        else:
            del waiting[0]


class NameTable:
    """The prepared statements and portals of one session."""

    def __init__(self) -> None:
        self._shelves: Final[dict[Kind, _Shelf]] = {}

    def _of(self, kind: Kind) -> _Shelf:
        # made when a name is looked for there: a session that is idle, or of the simple protocol, has none
        shelf = self._shelves.get(kind)
        if shelf is None:
            shelf = self._shelves[kind] = _Shelf()
        return shelf

    def _forget(self, kind: Kind, name: bytes) -> None:
        if kind in self._shelves:
            self._shelves[kind].put(name, None)

    def _clear(self, kind: Kind, *, but: bytes | None = None) -> None:
        if kind in self._shelves:
            self._shelves[kind].clear(but=but)

    def send(self, change: Change) -> None:
        """A request that would make this change is on its way to the server."""
        in_flight = self._of(change.kind).in_flight
        waiting = in_flight.get(change.name)
        if waiting is None:
            in_flight[change.name] = [change]
        else:
            waiting.append(change)

    def send_query(self, number: int) -> Change | None:
        """A Query is on its way, which makes an unnamed portal of its own; None where no other is known.

        Also one that fails: whether it had destroyed the one before is then not known, and to execute what it has left
        in a transaction that has failed is what PostgreSQL 18 does not survive.
        """
        shelf = self._shelves.get("portal")
        if shelf is None or not (b"" in shelf.in_flight or shelf.get(b"")):
            return None
        change = Change("portal", b"", None, number)
        self.send(change)
        return change

    def commit(self, change: Change) -> None:
        """The server made the change."""
        self._of(change.kind).settle(change)
        self.give(change.kind, change.name, change.meaning)

    def give(self, kind: Kind, name: bytes, meaning: Meaning | None) -> None:
        """The server gave a name this meaning, or with None took it away."""
        shelf = self._of(kind)
        if meaning is None or shelf.get(name) is not meaning:
            shelf.put(name, meaning)
        if kind == "portal":  # had there been a cursor of that name, the server would not have made it
            for declared in _DECLARED:
                self._forget(declared, name)

    def drop(self, change: Change) -> None:
        """The server did not make the change, nor will it."""
        self._of(change.kind).settle(change)

    def look_up(self, kind: Kind, name: bytes) -> tuple[Meaning | None, int | None]:
        """What a name means, None when unknown; and the number of the change in flight it rests on, if any."""
        shelf = self._of(kind)
        if waiting := shelf.in_flight.get(name):
            return waiting[-1].meaning, waiting[-1].number
        return shelf.get(name), None

    def learn(self, name: str, text: str) -> None:
        """A PREPARE in SQL succeeded; ``name`` as PostgreSQL folded it."""
        raw = name.encode()
        if is_followed(raw):
            self._of("statement").put(raw, Prepared(text))
        else:
            self.forget_statements()  # it may be one of ours under its cut name

    def declare(self, name: str, cursor: Portal, *, holds: bool) -> None:
        """A DECLARE in SQL succeeded; a cursor that holds outlives its transaction."""
        raw = name.encode()
        self._of("held" if holds else "cursor").put(raw, cursor)
        self._forget("cursor" if holds else "held", raw)

    def look_up_cursor(self, name: bytes) -> Portal | None:
        """What FETCH reads under a name, a portal or a cursor; None where it could be more than one thing."""
        shelves = [self._of(kind) for kind in _FETCHED]
        if any(name in shelf.in_flight for shelf in shelves):
            return None
        found = [meaning for shelf in shelves if isinstance(meaning := shelf.get(name), Portal)]
        return found[0] if len(found) == 1 else None

    def forget_statements(self) -> None:
        """No committed statement is known any longer, but the unnamed one: SQL cannot reach it."""
        self._clear("statement", but=b"")

    def forget_cursors(self) -> None:
        """No committed portal is known any longer, but the unnamed one: SQL cannot reach it."""
        self._clear("portal", but=b"")

    def forget_unnamed_portal(self) -> None:
        """A Query was answered, and the unnamed portal is not the one that was bound."""
        self._forget("portal", b"")

    def forget_portals(self) -> None:
        """The transaction is over: no portal is known any longer, nor a cursor that does not hold."""
        self._clear("portal")
        self._clear("cursor")

    def forget_declared(self) -> None:
        """No cursor is known any longer."""
        for kind in _DECLARED:
            self._clear(kind)
