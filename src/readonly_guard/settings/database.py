"""What the readings need to know of the database: patient keys, classes of tables, information sets, its catalog."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from readonly_guard.domain import CreatedType
from readonly_guard.settings.section import Section

__all__ = [
    "AllowedObjectSettings",
    "CatalogSettings",
    "InformationSetSettings",
    "KnownExtensionSettings",
    "ReadingSettings",
]


class InformationSetSettings(Section, frozen=True, kw_only=True):
    """A table, or the part of it whose columns hold one of the values in ``when``, as a set of information with a name.

    Several entries may share a name. Where ``when`` names several columns, each of them must hold one of its values.
    """

    name: str
    table: str
    when: dict[str, tuple[str | int, ...]] = msgspec.field(default_factory=dict)


class _InformationSets(Section, frozen=True, kw_only=True):
    information_sets: tuple[InformationSetSettings, ...]


@cache
def _synthetic_sets() -> tuple[InformationSetSettings, ...]:
    text = files("readonly_guard").joinpath("information_sets.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _InformationSets).information_sets


class ReadingSettings(Section, frozen=True, kw_only=True):
    """What the readings need to know about the database; names are folded as PostgreSQL folds them."""

    patient_keys: tuple[str, ...] = ("person_id", "encntr_id", "event_id", "order_id", "alias")
    """Columns that name a patient, or something that is one patient's, such as an encounter."""
    created_keys: dict[str, CreatedType] = msgspec.field(default_factory=lambda: {"create_dt_tm": "timestamptz"})
    """Columns that say when a row was created, with their type, the same in every relation that has such a column."""
    created_zone: str = "Europe/Stockholm"
    """Whose clock a ``timestamp`` and a ``date`` among them were read from."""
    reference_tables: tuple[str, ...] = ("code_value", "organization", "prsnl")
    """Relations that hold nothing about patients: a read of them needs no predicate on a patient key."""
    documentation_tables: tuple[str, ...] = ("clinical_event", "ce_blob", "diagnosis", "allergy")
    signing_tables: tuple[str, ...] = ("ce_event_prsnl",)
    signing_columns: tuple[str, ...] = ("verified_dt_tm", "verified_prsnl_id")
    search_path: tuple[str, ...] = ("public",)
    """Schemas that a session may put on its search_path, beside ``$user`` and the system schemas."""
    composite_fields: tuple[str, ...] = (
        *("n", "x", "key", "value", "option_name", "option_value"),
        *("grantor", "grantee", "privilege_type", "is_grantable"),
    )
    """Fields that ``(expression).field`` may name; any other could be a call of a function of that name."""
    allowed_settings: tuple[str, ...] = ()
    """Further settings a session may change, such as a custom one that row security reads. Some can never be."""
    information_sets: tuple[InformationSetSettings, ...] = msgspec.field(default_factory=_synthetic_sets)
    """What the log calls that which is read; the default names the synthetic database's."""
    workers: int = 2
    """How many processes of the proxy read new texts; 0 reads them in the proxy's own process, without a deadline."""
    deadline_s: float = 1.0
    """Within how many seconds of its turn a new text is read, or denied with RG-T04."""
    patience_s: float = 10.0
    """How many seconds a new text may wait for its turn; beyond, it is denied with RG-SYS-004."""


class AllowedObjectSettings(Section, frozen=True, kw_only=True):
    """An object that the owner vouches for, and why.

    ``object`` is ``function schema.name``, ``function schema.name(text, integer)`` or ``relation schema.name``.
    """

    object: str
    reason: str


class KnownExtensionSettings(Section, frozen=True, kw_only=True):
    """An extension whose compiled functions are as their volatility says: they cannot be read, its authors are trusted.

    ``at_least`` and ``below`` bound its version. ``reads`` are volatile functions of it that only read, ``denied``
    others that do more than their volatility says. ``reveals`` are those that show what people have put in, such as the
    statements of all sessions: to call one is to read the view of its name.
    """

    name: str
    at_least: str
    below: str
    reads: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    reveals: tuple[str, ...] = ()
    reason: str = ""


class CatalogSettings(Section, frozen=True, kw_only=True):
    """Where the database's catalog comes from, which says what a plain SELECT really runs.

    With neither ``dsn`` nor ``snapshot`` only PostgreSQL's built-in functions, operators and types are known.
    """

    dsn: str | None = None
    """Asks the server itself, with a role of the guard's own that needs no rights but to connect; the password may
    stand in a file (``?passfile=…``)."""
    snapshot: str | None = None
    """A file that ``readonly-guard catalog snapshot`` wrote; it is not refreshed."""
    refresh_s: float = 10.0
    """How often the server is asked whether its catalog has moved; a new snapshot is taken when it has."""
    timeout_s: float = 120.0
    """For connecting and for each query of a snapshot."""
    unknown_relations: Literal["deny", "allow"] | None = None
    """What becomes of tables and views while no catalog is known; None is ``deny`` where there should be one
    (``dsn``, ``snapshot``) and ``allow`` where there is none to be had."""
    allow: tuple[AllowedObjectSettings, ...] = ()
    extensions: tuple[KnownExtensionSettings, ...] = ()
    """Beside those that ship with the guard."""

    @property
    def denies_unknown_relations(self) -> bool:
        """Whether tables and views are denied while no catalog is known."""
        if self.unknown_relations is not None:
            return self.unknown_relations == "deny"
        return self.dsn is not None or self.snapshot is not None
