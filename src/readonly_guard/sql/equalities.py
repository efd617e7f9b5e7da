"""Which relations of a query a patient key is pinned in: items of FROM, the equalities that hold, and what follows.

Nothing here knows a parse tree; `readonly_guard.sql.bindings` reads one into these. The theory is small:

* An item is one use of a relation, or something derived (a subquery, a reference to a common table expression).
* A frame holds equalities that are true whenever a row of the items in it reaches the result. WHERE and inner joins
  share the query's frame. The nullable side of an outer join has a frame of its own for its ON, inside the frame of the
  join: what ON says is true of the rows of that side that are kept, and says nothing about the other side.
* A use is bound when, by its frames, one of its patient keys equals a constant, or equals the patient key of the same
  name of a use that is bound. An equality is never true of NULL, so the other use then has a row, a bound one.
* What equals the same is equal only where the types are the same: 30000001 is 30000000 to a ``real``, and to a
  ``regclass`` a word is a number. So one equality is carried on to the next only by columns of the same name as the one
  that is asked about, or, of a patient key, by patient keys; whatever a query calls what it makes is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from readonly_guard.domain import CreationSpan, Name

__all__ = [
    "UNKNOWN",
    "Column",
    "Frame",
    "Item",
    "Outputs",
    "Star",
    "Value",
    "comes_from",
    "created_within",
    "equals",
    "solve",
]

Column = tuple["Item", str]

_ANY_TIME: Final = CreationSpan()


class Value(NamedTuple):
    """A constant that a column is compared with: a literal or, where ``parameter`` is not 0, ``$parameter``.

    ``operator``: ``=``, ``in`` or ``any`` (then an unresolved array, where it is a parameter). ``location``: of the
    literal in the text, in bytes. ``form``: as in `readonly_guard.domain.PatientPlace`.
    """

    operator: Literal["=", "in", "any"]
    literal: str | int | None = None
    parameter: int = 0
    location: int = -1
    form: Literal["plain", "whole", "array"] = "plain"


class Frame:
    """Equalities that hold together, on top of those of the frame around it."""

    __slots__ = ("classes", "created", "links", "outer", "values")

    def __init__(self, outer: Frame | None = None) -> None:
        self.outer = outer
        self.links: dict[Column, list[Column]] = {}
        self.values: dict[Column, list[Value]] = {}
        self.created: dict[Column, CreationSpan] = {}
        self.classes: dict[tuple[Column, frozenset[str]], Equals] = {}
        """What `equals` has found."""

    def link(self, one: Column, other: Column) -> None:
        """The two columns are equal."""
        self.links.setdefault(one, []).append(other)
        self.links.setdefault(other, []).append(one)

    def pin(self, column: Column, values: Sequence[Value]) -> None:
        """The column equals one of the constants."""
        self.values.setdefault(column, []).extend(values)

    def date(self, column: Column, span: CreationSpan) -> None:
        """The column, one of creation, is within a span."""
        self.created[column] = span.both(self.created.get(column, _ANY_TIME))


class Outputs:
    """The columns that a query gives, each with the columns of relations it may come from; none where that is unknown.

    Args:
        columns: names and origins in order; the name is None where only PostgreSQL's rules would tell it.
        star: where a name that is not among them comes from, when there is a ``*``.
        opaque: nothing is known.
    """

    __slots__ = ("columns", "opaque", "star")

    def __init__(
        self,
        columns: Sequence[tuple[str | None, tuple[Column, ...]]] = (),
        star: Star | None = None,
        *,
        opaque: bool = False,
    ) -> None:
        self.columns = columns
        self.star = star
        self.opaque = opaque

    @property
    def names(self) -> frozenset[str] | None:
        """All the columns' names, or None when some are unknown."""
        if self.opaque or self.star is not None:
            return None
        names = [name for name, _ in self.columns if name is not None]
        return frozenset(names) if len(names) == len(self.columns) else None

    def origins(self, name: str) -> tuple[Column, ...]:
        """Where a column comes from."""
        found = [origins for known, origins in self.columns if known == name]
        if found:
            return found[0] if len(found) == 1 else ()
        if self.star is None or any(known is None for known, _ in self.columns):
            return ()
        return self.star.origins(name)

    def renamed(self, names: Sequence[str]) -> Outputs:
        """As under ``AS alias (names)``; columns beyond the names keep theirs."""
        if not names:
            return self
        if self.opaque or self.star is not None or len(names) > len(self.columns):
            return UNKNOWN
        first = [(name, origins) for name, (_, origins) in zip(names, self.columns, strict=False)]
        return Outputs([*first, *self.columns[len(names) :]])

    def combined(self, other: Outputs) -> Outputs:
        """Of a set operation: a row comes from either side, and the left one names the columns."""
        if self.star is not None or other.star is not None or len(self.columns) != len(other.columns):
            return UNKNOWN
        return Outputs(
            [
                (name, (*left, *right) if left and right else ())
                for (name, left), (_, right) in zip(self.columns, other.columns, strict=True)
            ],
            opaque=self.opaque or other.opaque,
        )


class Star(Protocol):
    """What can answer for the columns behind a ``*``."""

    def origins(self, name: str) -> tuple[Column, ...]:
        """Where the column of that name comes from."""
        ...


UNKNOWN: Final = Outputs(opaque=True)


class Item:
    """Something in FROM: a use of a relation (then ``relation`` is set), or something derived.

    ``columns``: the names of its columns, or None when they are not known. ``exempt``: it holds nothing about
    patients. ``bound`` and ``pinned`` (by patient key) are the outcome of `solve`.
    """

    __slots__ = ("alias", "bound", "columns", "exempt", "frame", "outputs", "pinned", "relation", "renamed")

    def __init__(
        self,
        *,
        frame: Frame,
        alias: str | None = None,
        relation: Name | None = None,
        outputs: Outputs = UNKNOWN,
        columns: frozenset[str] | None = None,
        exempt: bool = False,
        renamed: bool = False,
    ) -> None:
        self.frame = frame
        self.alias = alias
        self.relation = relation
        self.outputs = outputs
        self.columns = columns if relation is not None else outputs.names
        self.exempt = exempt
        self.renamed = renamed
        """Its columns have other names than in the relation (``AS alias (names)``), so none is known by its name."""
        self.bound = False
        self.pinned: dict[str, dict[Value, None]] = {}

    def origins(self, name: str) -> tuple[Column, ...]:
        """The columns of relations that a column of this item comes from; none when that is unknown."""
        if self.relation is None:
            return self.outputs.origins(name)
        return () if self.renamed else ((self, name),)


class Equals(NamedTuple):
    """A class of columns that are equal, with the constants that they equal."""

    columns: dict[Column, None]
    values: list[Value]


def equals(column: Column, names: frozenset[str]) -> Equals:
    """What a column equals by the frames of its item.

    Args:
        column: of a relation.
        names: of the columns of relations whose values are as this one's, itself among them.
    """
    frame = column[0].frame
    known = frame.classes.get((column, names))
    if known is not None:
        return known
    frames = list(_around(frame))
    found = Equals({column: None}, [])
    queue = [column]
    for current in queue:
        frame.classes[current, names] = found  # to any column of the frame's items the class is the same
        for around in frames:
            found.values.extend(around.values.get(current, ()))
            for other in around.links.get(current, ()):
                if other not in found.columns and comes_from(other, names):
                    found.columns[other] = None
                    queue.append(other)
    return found


def comes_from(column: Column, names: frozenset[str]) -> bool:
    """Whether all that a column holds comes from columns of relations with one of these names."""
    origins = column[0].origins(column[1])
    return bool(origins) and all(name in names for _, name in origins)


def _around(frame: Frame | None) -> Iterator[Frame]:
    while frame is not None:
        yield frame
        frame = frame.outer


class _Group:
    """The uses whose patient key of one name is in one class, and the columns that could carry a binding to them."""

    __slots__ = ("key", "members", "sources")

    def __init__(self, key: str, found: Equals) -> None:
        self.key = key
        self.members: list[Item] = []
        self.sources: list[tuple[Column, ...]] = []
        for item, name in found.columns:
            origins = item.origins(name)
            if origins and all(origin[1] == key for origin in origins):
                self.sources.append(origins)

    def carry(self) -> bool:
        """Bind the members when a source is bound; whether that brought anything new."""
        bound = [origins for origins in self.sources if all(item.bound for item, _ in origins)]
        if not bound:
            return False
        values: dict[Value, None] = {}
        for origins in bound:
            if all(self.key in item.pinned for item, _ in origins):
                for item, _ in origins:
                    values |= item.pinned[self.key]
        new = False
        for use in self.members:
            new = new or not use.bound
            use.bound = True
            if values:
                pinned = use.pinned.setdefault(self.key, {})
                before = len(pinned)
                pinned.update(values)
                new = new or len(pinned) > before
        return new


_ROUNDS: Final = 64
"""How far a binding is carried from join to join against the order of FROM; what is further stays unbound."""


def solve(uses: Sequence[Item], keys: Sequence[str]) -> None:
    """Settle which uses are bound, and by what.

    Args:
        uses: the items that are relations.
        keys: names of the patient keys.
    """
    groups: dict[tuple[int, str], _Group] = {}
    names = frozenset(keys)
    for use in uses:
        if use.exempt or use.renamed:
            continue
        for key in keys:
            column = (use, key)
            if not any(column in frame.links or column in frame.values for frame in _around(use.frame)):
                continue
            found = equals(column, names)
            if found.values:
                use.bound = True
                use.pinned[key] = dict.fromkeys(found.values)
            if len(found.columns) > 1:
                group = groups.get((id(found), key))
                if group is None:
                    group = groups[id(found), key] = _Group(key, found)
                group.members.append(use)
    for _ in range(_ROUNDS):
        if not any([group.carry() for group in groups.values()]):  # noqa: C419  every group has its turn
            return


def created_within(use: Item, keys: Iterable[str]) -> CreationSpan:
    """What is sure of when the rows of a use were created.

    Args:
        use: a use of a relation.
        keys: names of the columns of creation.
    """
    found = _ANY_TIME
    for frame in () if use.renamed else _around(use.frame):
        for key in keys:
            if (span := frame.created.get((use, key))) is not None:
                found = found.both(span)
    return found
