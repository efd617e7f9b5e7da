"""One statement while PostgreSQL's tree of it is read: what was found so far, and the frozen outcome.

Names are kept as they stand in the tree, a qualifier beside each: most are found again and again, and only what is left
of them in the end becomes a `Name`.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final

from readonly_guard.domain import Effect, Name, Reading, Reason, Reference, SettingChange, core_reason
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql.scan import character_positions
from readonly_guard.sql.session_settings import judge_setting
from readonly_guard.sql.writes import ROOT_EFFECTS, write_code

__all__ = ["EARLIER", "PostgresReading", "Tree"]

Tree = dict[str, Any]

EARLIER: Final = frozenset({"execute", "explain_execute", "fetch"})
"""Kinds of reads whose query stands in an earlier statement."""


class PostgresReading:
    """One statement while it is being read; :meth:`reading` and ``reasons`` are the outcome."""

    def __init__(self, rules: ReadingSettings) -> None:
        self.rules = rules
        self.kind = ""
        self.effects: set[Effect] = set()
        self.relations: dict[Name, None] = {}
        self.functions: dict[Name, None] = {}
        self.operators: dict[Name, None] = {}
        self.casts: dict[Name, None] = {}
        self.settings: list[SettingChange] = []
        self.references: dict[tuple[str, str, str | None, int | None], int] = {}
        """What the catalog has to settle: kind, name, schema and arguments, with the byte offset of a place, or -1."""
        self.aliases: dict[tuple[str, Name], None] = {}
        self.cte_names: set[str] = set()
        self.reasons: list[Reason] = []
        self.prepares: str | None = None
        self.declares: str | None = None
        self.holds = False
        self.refers: str | None = None
        self.moves_cursors = False
        self.arguments: list[Tree] = []
        self.types: list[Tree] = []
        """Those that PREPARE names of its parameters."""
        self.query: Tree | None = None
        """The query that the statement is, or holds."""
        self.uses = 0
        """How often a relation stands in it."""
        self.columns: set[str] = set()
        """The last parts of the columns' names in it."""
        self.refused: list[tuple[str, Tree]] = []
        """Statements in it that are not reads, or it itself: kind and body."""
        self.has_subqueries = False
        """Whether queries stand in its expressions, not only in FROM and WITH."""
        self.rests_on_literal = False
        self.settings_by_row: dict[int, str] = {}
        """set_config(name, …) calls whose name is pinned by WHERE, by the identity of their node."""

    def reading(self, text: bytes = b"", *, has_patient_predicate: bool = False) -> Reading:
        """The frozen outcome.

        Args:
            text: in which positions are counted, as in `deny`.
            has_patient_predicate: see :class:`readonly_guard.domain.Reading`.
        """
        places = character_positions(text, self.references.values())
        in_order = sorted(self.references.items(), key=itemgetter(1))
        return Reading(
            kind=self.kind,
            effects=frozenset(self.effects),
            relations=tuple(self.relations),
            functions=tuple(self.functions),
            operators=tuple(self.operators),
            casts=tuple(self.casts),
            settings=tuple(self.settings),
            references=tuple(
                [
                    Reference(
                        kind=kind,  # type: ignore[arg-type]
                        name=Name(name=name, schema=schema),
                        arguments=arguments,
                        position=places.get(at),
                    )
                    for (kind, name, schema, arguments), at in in_order
                ]
            ),
            aliases=tuple(self.aliases),
            has_patient_predicate=has_patient_predicate,
            prepares=self.prepares,
            declares=self.declares,
            holds=self.holds,
            refers=self.refers,
            moves_cursors=self.moves_cursors,
        )

    @property
    def holds_for_shape(self) -> bool:
        """Whether the same statement with other literals would be read alike."""
        return self.kind == "select" and not self.settings and not self.rests_on_literal

    def deny(self, code: str, what: str, effect: Effect, node: Tree | None = None) -> None:
        """Note a reason and its effect; ``position`` is a byte offset here and is made characters by the analysis."""
        location = -1 if node is None else int(node.get("location", -1))
        self.effects.add(effect)
        self.reasons.append(core_reason(code, what, position=location if location >= 0 else None))

    def refer(self, kind: str, name: str, schema: str | None, node: Tree, arguments: int | None = None) -> None:
        """Note a name for the catalog to settle."""
        self.references.setdefault((kind, name, schema, arguments), node.get("location", -1))

    def call_it(self, alias: str, relation: Name) -> None:
        """Note what an alias stands for; an empty name is no relation."""
        self.aliases[alias, relation] = None

    def change(self, change: SettingChange, *, by_literal: bool = False) -> None:
        """Note a setting that the statement changes, and judge it; a name that stands in a literal is not repeated."""
        self.settings.append(change)
        reason = judge_setting(change, self.rules)
        if reason is not None:
            what = "set_config of a setting that may not be set so" if by_literal else reason.what
            self.reasons.append(core_reason(reason.code, what))

    def refuse_root(self, kind: str, body: Tree, what: str = "") -> None:
        """Name a statement that is not a read by its codes; the table it is about is recorded, too."""
        self.refused.append((kind, body))
        relation = body.get("relation", {})
        if name := relation.get("relname"):
            self.relations[Name(name=name, schema=relation.get("schemaname"))] = None
        for code, written in write_code(kind, body, self.rules):
            self.deny(code, written + what, ROOT_EFFECTS.get(kind, Effect.UNKNOWN), relation)
