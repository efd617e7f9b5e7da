"""Who asks for what and why: the request as it comes in, and the question that goes to the policy.

The words are AuthZEN's: subject, action, resource, context. `StatementRequest` is what a caller hands to the guard,
`AccessRequest` is the input document that a Rego author sees.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self

import msgspec

from readonly_guard.domain.identifiers import split_identifiers
from readonly_guard.domain.patients import Earlier, Parameters
from readonly_guard.domain.statement import SettingChange

__all__ = [
    "DECLARATIONS",
    "DECLARED_PREFIX",
    "AccessRequest",
    "Action",
    "Declared",
    "Resource",
    "Session",
    "StatementRequest",
    "Subject",
]

DECLARED_PREFIX: Final = "readonly_guard."
"""Settings with this prefix are declarations to the guard (PostgreSQL accepts prefixed custom settings as they are)."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who was authenticated. ``id`` is the database user unless an identity plugin says otherwise."""

    id: str
    type: str = "user"
    properties: dict[str, Any] = msgspec.field(default_factory=dict)


DECLARATIONS: Final = ("purpose", "case_reference", "print_reason", "justification", "language")
"""What can be declared so."""


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What the session has declared with ``readonly_guard.*`` settings, at startup or by SET, and where it looks up.

    A declaration is a claim, recorded and judged by policy; it is never identity. ``search_paths`` are all that may be
    in force: a rollback brings the former back, so none is forgotten; None is the database's default.
    ``paths_at_prepare`` is how many of them there were when SQL first prepared a statement, 0 when none was.
    """

    purpose: str | None = None
    case_reference: str | None = None
    print_reason: str | None = None
    justification: str | None = None
    language: str | None = None
    search_paths: tuple[tuple[str, ...] | None, ...] = (None,)
    paths_at_prepare: int = 0

    @classmethod
    def at_startup(cls, changes: Iterable[SettingChange]) -> Self:
        """What a startup packet declares; a search_path in it is what RESET returns to, instead of the default."""
        declared = cls().after(changes, cls())
        return msgspec.structs.replace(declared, search_paths=declared.search_paths[1:] or (None,))

    def after(self, changes: Iterable[SettingChange], initial: Self) -> Self:
        """What is declared once these settings have changed; RESET returns to ``initial``.

        A declaration takes effect when it is released to the server and is not undone by ROLLBACK: it is a message to
        the guard, carried as a setting.
        """
        current = self
        for change in changes:
            if change.scope == "all":
                current = msgspec.structs.replace(
                    initial, search_paths=current.search_paths, paths_at_prepare=current.paths_at_prepare
                )
            elif change.name == "search_path" and change.value is not None:
                path = tuple(dict.fromkeys(split_identifiers(change.value) or ()))  # a schema twice is searched once
                if path not in current.search_paths:
                    current = msgspec.structs.replace(current, search_paths=(*current.search_paths, path))
            elif change.name.startswith(DECLARED_PREFIX):
                field = change.name.removeprefix(DECLARED_PREFIX)
                value = getattr(initial, field) if change.value is None else (change.value or None)
                current = msgspec.structs.replace(current, **{field: value})
        return current

    def prepared(self) -> Self:
        """What is declared once SQL has prepared a statement, which was judged on every path that there is."""
        return msgspec.structs.replace(self, paths_at_prepare=self.paths_at_prepare or len(self.search_paths))

    @property
    def has_outlived_prepares(self) -> bool:
        """Whether there is a search path on which a statement that SQL prepared has not been judged."""
        return 0 < self.paths_at_prepare < len(self.search_paths)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Where the request came from. ``role`` is whom the database takes it for, which ``$user`` stands for there."""

    session_id: str = ""
    role: str = ""
    database: str = ""
    client_address: str = ""
    application_name: str = ""
    listener: str = "library"


class StatementRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Text, who and why: what the guard decides about.

    ``phase`` says where in the protocol the text stands: ``query``, ``parse``, ``execute`` or ``fastpath``.
    ``declared`` is what the session has declared so far, ``initial`` what it declared at startup (RESET returns to it).
    ``parameters`` are the values of ``$1`` and the like; None while they are still to come (Parse). ``earlier`` knows
    what EXECUTE and FETCH refer to.
    """

    text: str
    subject: Subject
    declared: Declared = Declared()
    initial: Declared = Declared()
    session: Session = Session()
    phase: str = "query"
    parameters: Parameters | None = None
    earlier: Earlier | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: ``read``, ``search``, ``print``, ``catalog``, ``session`` or ``write``.

    * ``read``: data of patients only that a predicate on a configured patient key names, of no more than are listed.
    * ``search``: data without such a predicate.
    * ``print``: COPY … TO STDOUT, or any read while a print reason is declared (rule S23).
    * ``catalog``: only the system catalogs, or no relation at all.
    * ``session``: settings, transactions, cursors, prepared statements.
    * ``write``: whatever the write lock refuses; asked so that the log knows who and where.
    """

    name: str
    properties: dict[str, Any] = msgspec.field(default_factory=dict)


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A relation that the statement touches, as written (unqualified when the text does not qualify it)."""

    id: str
    type: str = "relation"


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's input document.

    ``context`` holds ``time`` (RFC 3339, UTC), ``purpose``, ``case_reference``, ``print_reason``, ``justification``
    (null where not declared), ``database``, ``client_address``, ``application_name``, ``listener``; what is read:
    ``patients`` (as `readonly_guard.domain.listed_patients` writes them), ``information_sets`` and ``is_bound``
    (patients are named, and nothing is read but what is theirs); and whatever the ``gather_context`` hooks add.
    """

    request_id: str
    subject: Subject
    action: Action
    resources: tuple[Resource, ...]
    context: dict[str, Any]
