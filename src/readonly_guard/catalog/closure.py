"""Reading this runs that: from any object to all that PostgreSQL runs when it is read, and whether all of it reads.

The objects are nodes; what an object runs are its edges; an object of which it is known by itself that it does more
than read, or of which nothing can be known, has a fault (`readonly_guard.catalog.outcomes`). An object is a read when
no fault can be reached from it. The way there is the explanation: view v → function f: volatile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from readonly_guard.catalog.names import Context, Names
from readonly_guard.catalog.objects import Objects
from readonly_guard.catalog.outcomes import Node, Outcome, Outcomes
from readonly_guard.catalog.snapshot import Function, Ref, Relation, Snapshot
from readonly_guard.domain import Name
from readonly_guard.settings import CatalogSettings, ReadingSettings
from readonly_guard.sql.resolution import Opened

__all__ = ["Chain", "Closure", "Node"]

_TABLES: Final = frozenset("rpmf")
"""Kinds of relations that hold rows; a view holds those of others."""

_MOST_OUTCOMES: Final = 200_000
"""Some 1 KB each. Sessions choose their search paths, and a path is another context for all that it leads to."""


class Chain(NamedTuple):
    """Why an object is not a read: the objects from it to the one with the fault, for people, and the fault."""

    steps: tuple[str, ...]
    code: str
    why: str

    def __str__(self) -> str:
        return f"{' → '.join(self.steps)}: {self.why}"


class Closure:
    """Follows a snapshot's objects; what was followed is remembered.

    Args:
        snapshot: the catalog.
        rules: of the readings.
        settings: extensions known to the owner, and objects that are allowed by name.
    """

    def __init__(
        self, snapshot: Snapshot, rules: ReadingSettings | None = None, settings: CatalogSettings | None = None
    ) -> None:
        self.objects = Objects(snapshot)
        self._outcomes = Outcomes(self.objects, rules or ReadingSettings(), settings or CatalogSettings())
        self._most_outcomes = max(_MOST_OUTCOMES, 4 * len(self.objects.by_ref))  # a report looks at all of them
        self._reads: set[Node] = set()
        self._chains: dict[Node, Chain] = {}
        self._opened: dict[Node, Opened] = {}

    def context(self, path: Iterable[str], user: str) -> Context:
        """The context of a session: the same one for all for whom names mean the same, whatever they have set."""
        schemas = self.objects.schemas
        named = (user if schema == "$user" else schema for schema in path)
        return Context(
            tuple(dict.fromkeys(schema for schema in named if schema in schemas)), user if user in schemas else ""
        )

    def names(self, context: Context) -> Names:
        """Resolves names in a context."""
        return self._outcomes.names(context)

    def look(self, node: Node) -> Outcome:
        """An object by itself: its faults, and what it runs."""
        return self._outcomes.of(node)

    def find(self, start: Node) -> Chain | None:
        """Why an object is not a read; None when it is."""
        if start in self._reads:
            return None
        if len(self._outcomes) > self._most_outcomes:
            self._outcomes.forget()
            self._reads.clear()
            self._chains.clear()
        came_from: dict[Node, tuple[Node, str] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            node = waiting.popleft()
            chain = self._chains.get(node)
            if chain is None and (faults := self.look(node).faults):
                chain = self._chains[node] = Chain((self.objects.title(node.ref),), faults[0].code, faults[0].why)
            if chain is not None:
                return self._back(node, chain, came_from)
            outcome = self.look(node)
            for via, target in outcome.edges:
                if target not in came_from and target not in self._reads:
                    came_from[target] = (node, via)
                    waiting.append(target)
        self._reads.update(came_from)  # nothing that is reached from a read can be anything else
        return None

    def opens(self, start: Node) -> Opened:
        """What an object opens when it runs, through views, too, and whether or not an owner allows it."""
        known = self._opened.get(start)
        if known is not None:
            return known
        if len(self._opened) > self._most_outcomes:
            self._opened.clear()
        tables: dict[Name, None] = {}
        cursors = False
        seen, waiting = {start}, deque([start])
        while waiting:
            node = waiting.popleft()
            one = self.objects.by_ref.get(node.ref)
            if isinstance(one, Relation) and one.kind in _TABLES:
                tables[Name(name=one.name, schema=one.schema)] = None
                continue
            if isinstance(one, Function) and self._outcomes.extensions.reveals(one):
                tables[Name(name=one.name, schema=one.schema)] = None
            outcome = self._outcomes.beneath(node)
            cursors = cursors or outcome.moves_cursors
            for _, target in outcome.edges:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        found = self._opened[start] = Opened(tuple(tables), cursors)
        return found

    def _back(self, node: Node, chain: Chain, came_from: dict[Node, tuple[Node, str] | None]) -> Chain:
        """The chain of the start from that of a node; those between are remembered, too: none is walked twice."""
        step = came_from[node]
        while step is not None:
            before, via = step
            title = self.objects.title(before.ref)
            chain = chain._replace(steps=(f"{title} ({via})" if via else title, *chain.steps))
            self._chains[before] = chain
            step = came_from[before]
        return chain

    # --- what any statement may run ---------------------------------------------------------------------------------

    def everywhere(self, context: Context) -> Iterator[Node]:
        """What PostgreSQL may run for any statement, named in it or not.

        Casts between built-in types, and operator classes of them, that people have added.
        """
        for cast in self.objects.silent_casts:
            yield Node(Ref("cast", cast.oid), context)
        for a_class in self.objects.snapshot.operator_classes:
            if a_class.is_default and Ref("type", a_class.type) not in self.objects.by_ref:
                yield Node(Ref("operator class", a_class.oid), context)
