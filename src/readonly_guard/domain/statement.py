"""What a text was read as: effects, names, readings and the analysis of a whole text.

Values only. Nothing here parses; `readonly_guard.sql` makes these, everything above judges and records them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

import msgspec

from readonly_guard.domain.creation import CreationScope
from readonly_guard.domain.patients import PatientScope

__all__ = [
    "SYSTEM_SCHEMAS",
    "Analysis",
    "Effect",
    "Name",
    "Reading",
    "Reason",
    "Reference",
    "SearchPath",
    "SettingChange",
]

SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema"})


class Effect(StrEnum):
    """What running a statement can do. Only READ, SESSION and TRANSACTION can ever be let through."""

    READ = "read"
    WRITE = "write"  # rows
    SCHEMA = "schema"  # definitions
    PRIVILEGE = "privilege"  # roles and grants
    SESSION = "session"  # settings, cursors, prepared statements of this session
    TRANSACTION = "transaction"
    LOCK = "lock"
    EXTERNAL = "external"  # files, other servers, other sessions
    UNKNOWN = "unknown"


class Name(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A possibly schema-qualified name, folded as PostgreSQL folds it (quotes removed)."""

    name: str
    schema: str | None = None

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that a statement changes. ``value`` is None for RESET (and for SET … TO DEFAULT).

    ``scope`` is ``session``, ``local`` or ``all`` (RESET ALL, DISCARD ALL; then ``name`` is ``"*"``).
    """

    name: str
    value: str | None
    scope: str = "session"


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A name in a statement that the grammar cannot settle: what it means is the catalog's to say.

    ``kind``: ``function``, ``operator``, ``type``; ``overload`` is a function whose built-in meaning was judged by its
    arguments, so that only others of its name are left; ``syntax`` is what older servers take for a function
    (`readonly_guard.sql.json_syntax`); ``attribute`` is ``t.f``, a column of t or a call of f, with t
    as the name's schema; ``field`` is ``(x).f``, likewise. ``arguments`` is how many a function is called with, None
    where that cannot be told. ``position`` is 1-based, in characters, in the client's text, or None.
    """

    kind: Literal["function", "overload", "syntax", "operator", "type", "attribute", "field"]
    name: Name
    arguments: int | None = None
    position: int | None = None


class SearchPath(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session looks unqualified names up (PostgreSQL documentation 5.10.3).

    ``paths`` are all that may be in force, each as it was set, or None for the default of the database and of ``user``,
    who is also what ``$user`` stands for: more than one where a session has changed it, because a rollback brings the
    former back. ``database`` is the session's; empty where there is only one. ``has_outlived_prepares``: among the
    paths is one on which statements that SQL prepared were not judged; the server looks their names up again.
    """

    database: str = ""
    user: str = ""
    paths: tuple[tuple[str, ...] | None, ...] = (None,)
    has_outlived_prepares: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One statement as one key read it, or, in an :class:`Analysis`, as both together did.

    ``kind`` is a word of ours (``select``, ``explain``, ``show``, ``copy_to``, ``begin``, ``set`` …, or PostgreSQL's
    node name in lower case for what is never let through). ``has_patient_predicate`` says that every
    relation read is pinned to patients that a predicate names (`readonly_guard.sql.bindings`).
    """

    kind: str
    effects: frozenset[Effect]
    relations: tuple[Name, ...] = ()
    functions: tuple[Name, ...] = ()
    operators: tuple[Name, ...] = ()
    casts: tuple[Name, ...] = ()
    settings: tuple[SettingChange, ...] = ()
    references: tuple[Reference, ...] = ()
    """What the catalog, or without one the list of built-in objects, has to settle, beside the relations."""
    aliases: tuple[tuple[str, Name], ...] = ()
    """What an attribute's first part may name: the relations by their aliases; an empty name is something else."""
    has_patient_predicate: bool = False
    prepares: str | None = None
    """The name that SQL-level PREPARE gives, so that a protocol Bind to it is known."""
    declares: str | None = None
    """The cursor that DECLARE opens."""
    holds: bool = False
    """Whether that cursor outlives its transaction."""
    refers: str | None = None
    """What EXECUTE runs, or FETCH and MOVE read: the name of an earlier statement, or of a cursor."""
    moves_cursors: bool = False
    """Whether what it calls may open and close cursors, under any name: what was known of one is then known no more. So
    of what refers to an earlier statement, until that is known."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why something was denied or warned about.

    Args:
        code: a stable reason code, for example ``RG-W02``.
        rule: the rule or policy package that decided.
        sv: the message in Swedish.
        en: the message in English.
        what: what it is about, in names only, never a literal (``function nextval``).
        hint_sv: what to do, in Swedish.
        hint_en: what to do, in English.
        position: 1-based character position in the client's text, or None.
    """

    code: str
    rule: str
    sv: str
    en: str
    what: str = ""
    hint_sv: str = ""
    hint_en: str = ""
    position: int | None = None


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole text (one protocol Query or Parse) is.

    ``normalised`` is the text without literals and comments, ``fingerprint`` its BLAKE2b hash of 64 bits, by which
    equal statements are found: what the log keeps. Both are empty when the text could not be read.
    """

    readings: tuple[Reading, ...] = ()
    reasons: tuple[Reason, ...] = ()
    normalised: str = ""
    fingerprint: str = ""
    patients: PatientScope = PatientScope()
    information_sets: tuple[str, ...] = ()
    """What is read, in the configuration's names: by table, and by what the predicates rule out."""
    creation: CreationScope | None = None
    """When that which is read of patients was created, as far as predicates on columns of creation bound all of it."""
    holds_for_shape: bool = False
    """Whether every text that differs in literals only is read alike: a query without settings, whose verdict rests on
    no literal. COPY t TO '' is not COPY t TO 'file'."""
    telling_tokens: tuple[int, ...] = ()
    """Where the literals stand that information sets or creation rest on: texts of one shape are read alike only where
    these are the same. The literals at ``patients.places`` may differ, and are looked up in each text."""
    is_settled: bool = False
    """Whether the names in it were held against the catalog, or without one against the built-in objects."""

    @property
    def is_read(self) -> bool:
        """True when nothing speaks against letting the text through the write lock."""
        return self.is_settled and not self.reasons
