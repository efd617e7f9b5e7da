"""What a read touches: relations, columns, patients, information sets. Values only; `readonly_guard.sql` makes them.

The values that patient keys are compared with are here because a log of access must name the patient. They are not
shown by ``repr``: they belong in the log and nowhere else.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from readonly_guard.domain.statement import Name

__all__ = ["Binding", "ColumnUse", "Lineage", "RelationUse"]


class RelationUse(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a statement reads a relation.

    ``is_bound``: only rows of the patients that a predicate names come from it. ``is_reference``: it holds nothing
    about patients (a reference table of the configuration, the system catalogs).
    """

    relation: Name
    alias: str | None = None
    is_bound: bool = False
    is_reference: bool = False


class ColumnUse(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A column that is read. ``*`` stands for all of them, where no catalog says which they are."""

    relation: Name
    column: str


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A patient key and a value that it is compared with; exactly one of ``literal`` and ``parameter`` is set.

    Several bindings of one column are alternatives (``IN``). An operator ``any`` with a parameter is an array whose
    elements come with Bind. A literal is as written: a string stands as a string even where the column is a number.
    """

    relation: Name
    column: str
    operator: Literal["=", "in", "any"]
    literal: str | int | None = None
    parameter: int | None = None

    def __repr__(self) -> str:
        value = "…" if self.parameter is None else f"${self.parameter}"
        return f"Binding({self.relation}.{self.column} {self.operator} {value})"


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole text reads.

    ``complete`` is False where something could not be told: columns, relations of an earlier statement (EXECUTE,
    FETCH), all but the names of tables that a function reads. What is there is right all the same; what is not there
    may be read, too.
    """

    relations: tuple[RelationUse, ...] = ()
    columns: tuple[ColumnUse, ...] = ()
    functions: tuple[Name, ...] = ()
    patient_bindings: tuple[Binding, ...] = ()
    information_sets: tuple[str, ...] = ()
    is_bound: bool = False
    """Patients are named, and nothing is read but what is theirs and reference tables."""
    complete: bool = False
