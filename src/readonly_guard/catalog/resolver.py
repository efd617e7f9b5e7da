"""Settles the names of a statement against a catalog: the `readonly_guard.sql.Resolver` that knows a database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from readonly_guard.catalog.closure import Closure, Node
from readonly_guard.catalog.meaning import Fault, Meaning, meanings
from readonly_guard.catalog.names import Context
from readonly_guard.catalog.snapshot import Ref, RoleSetting, Snapshot
from readonly_guard.domain import Name, Reading, Reason, Reference, SearchPath, core_reason, split_identifiers
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import CatalogSettings, ReadingSettings
from readonly_guard.sql.resolution import BuiltinResolver, Opened

__all__ = ["CatalogResolver"]

_PART: Final = re.compile(r'"(?:[^"]|"")*"|[^."]+')
_MOST_PATHS: Final = 16
_MOST_CONTEXTS: Final = 512
"""Of which it is remembered what may run there for any statement."""
_PREPARED: Final = frozenset({"execute", "explain_execute"})
_QUERIES: Final = frozenset({"select", "explain", "copy_to", "declare_cursor", "prepare", "execute", "explain_execute"})


class CatalogResolver:
    """Allows what reads, as far as it can be followed.

    Args:
        snapshot: the catalog.
        rules: of the readings.
        settings: extensions known to the owner, and objects that are allowed by name.
    """

    def __init__(
        self, snapshot: Snapshot, rules: ReadingSettings | None = None, settings: CatalogSettings | None = None
    ) -> None:
        self.snapshot = snapshot
        self.closure = Closure(snapshot, rules, settings)
        may_be_unknown = settings is not None and settings.unknown_relations == "allow"
        self._elsewhere = BuiltinResolver(rules or ReadingSettings(), relations=may_be_unknown)
        self._everywhere: dict[Context, tuple[Reason, ...]] = {}

    @property
    def digest(self) -> str:
        """Which catalog this is."""
        return self.snapshot.digest

    @property
    def size(self) -> int:
        """How many objects it knows."""
        return len(self.closure.objects.by_ref)

    def judge(self, reading: Reading, path: SearchPath) -> list[Reason]:
        """As :class:`readonly_guard.sql.Resolver`; on every search path that may be in force.

        Of another database than the catalog's nothing is known: the same name may be something else there.
        """
        if path.database not in {"", self.snapshot.database}:
            return self._elsewhere.judge(reading, path)
        if len(path.paths) > _MOST_PATHS:
            return [core_reason("RG-T06", f"more than {_MOST_PATHS} search paths in one session; connect again")]
        if path.has_outlived_prepares and reading.kind in _PREPARED:
            return [
                core_reason("RG-F04", "a statement prepared before search_path was set; set it first, or connect again")
            ]
        reasons: dict[Reason, None] = {}
        for context in self.contexts(path):
            if reading.kind in _QUERIES:
                reasons.update(dict.fromkeys(self._runs_everywhere(context)))
            for meaning in meanings(reading, self.closure.names(context)):
                if (reason := self._reason(meaning, context)) is not None:
                    reasons[reason] = None
        return list(reasons)

    def opens(self, reading: Reading, path: SearchPath) -> Opened:
        """As :class:`readonly_guard.sql.Resolver`; on every search path that may be in force.

        Of a relation's own only the cursors count: which tables a view reads, its owner has settled.
        """
        if path.database not in {"", self.snapshot.database}:
            return Opened()
        tables: dict[Name, None] = {}
        cursors = False
        for context in self.contexts(path):
            for what, _ in meanings(reading, self.closure.names(context)):
                if isinstance(what, Ref):
                    found = self.closure.opens(Node(what, context))
                    cursors = cursors or found.cursors
                    if what.kind != "relation":
                        tables.update(dict.fromkeys(found.tables))
        return Opened(tuple(tables), cursors)

    def contexts(self, path: SearchPath) -> Iterator[Context]:
        """Every context that a session may be in."""
        acts_as = _in_force(self.snapshot.session_roles, path.user, path.user)
        for one in path.paths:
            for user in dict.fromkeys((path.user, acts_as)):
                yield self.closure.context(self.default_path(path.user) if one is None else one, user)

    def default_path(self, user: str) -> tuple[str, ...]:
        """The search path that a session of this role begins with (ALTER ROLE … SET, ALTER DATABASE … SET)."""
        value = _in_force(self.snapshot.search_paths, user, self.snapshot.search_path)
        return tuple(split_identifiers(value) or ())

    def _runs_everywhere(self, context: Context) -> tuple[Reason, ...]:
        known = self._everywhere.get(context)
        if known is None:
            if len(self._everywhere) >= _MOST_CONTEXTS:
                self._everywhere.clear()
            chains = (self.closure.find(node) for node in self.closure.everywhere(context))
            known = tuple(core_reason("RG-F03", str(chain)) for chain in chains if chain is not None)
            self._everywhere[context] = known
        return known

    def _reason(self, meaning: Meaning, context: Context) -> Reason | None:
        what, by = meaning
        position = by.position if isinstance(by, Reference) else None
        if isinstance(what, Fault):
            return core_reason(what.code, what.why, position=position)
        chain = self.closure.find(Node(what, context))
        if chain is None:
            return None
        is_call = isinstance(by, Reference) and by.kind in {"function", "overload", "syntax"} and len(chain.steps) == 1
        return core_reason(chain.code if is_call else "RG-F03", str(chain), position=position)

    def find(self, name: str, path: SearchPath | None = None) -> list[Node]:
        """The objects of a name, for people who ask about one.

        Args:
            name: ``v``, ``public.v``, ``f``, ``d`` …, as SQL writes it.
            path: where to look unqualified names up; by default where a session begins.

        Raises:
            ConfigurationError: it is not a name.
        """
        parts = split_identifiers(",".join(_PART.findall(name)))
        if not parts or len(parts) > 2:  # noqa: PLR2004  schema and name
            raise ConfigurationError(f"{name!r} is not a name; write name or schema.name")
        wanted = Name(name=parts[-1], schema=parts[0] if len(parts) > 1 else None)
        found: list[Node] = []
        for context in self.contexts(path or SearchPath()):
            names = self.closure.names(context)
            refs: list[Ref] = []
            refs += [Ref("relation", one.oid) for one in names.relations(wanted) if one is not None]
            if not refs:  # a relation's own row type says nothing more
                refs += [Ref("type", one.oid) for one in names.types(wanted) if one is not None]
            refs += [Ref("function", one.oid) for one in names.functions(wanted, None)]
            refs += [Ref("operator", one.oid) for one in names.operators(wanted)]
            found += [node for ref in refs if (node := Node(ref, context)) not in found]
        return found


def _in_force(settings: Iterable[RoleSetting], user: str, default: str) -> str:
    value = default
    # the later win: all roles and databases, the database, the role, the role in the database
    for role, of_database in (("", False), ("", True), (user, False), (user, True)):
        for setting in settings:
            if (setting.role, setting.of_database) == (role, of_database):
                value = setting.value
    return value
