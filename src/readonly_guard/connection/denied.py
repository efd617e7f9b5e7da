"""Denials as exceptions: each is a GuardError and also the asyncpg exception that the proxy's error would have become.

Code that was written for asyncpg in front of the proxy, or for a role that may not write, catches them as it did::

    GuardError
    ├── StatementDenied          a decision said no: decision, codes, detail, hint
    │   ├── WriteDenied          also asyncpg.ReadOnlySQLTransactionError (25006): RG-W…, RG-F…
    │   ├── AccessDenied         also asyncpg.InsufficientPrivilegeError (42501): the policy's codes
    │   ├── FeatureDenied        also asyncpg.FeatureNotSupportedError (0A000): RG-T05 to RG-T07
    │   ├── UnreadableDenied     also asyncpg.PostgresSyntaxError (42601): RG-T01 to RG-T03
    │   ├── TooComplexDenied     also asyncpg.StatementTooComplexError (54001): RG-T04
    │   └── UndecidedDenied      also asyncpg.CannotConnectNowError (57P03): RG-SYS-…
    └── ConnectionDenied         no session: unsafe parameters, or the server is not as the guard needs it

The text of the statement is in none of them; what is shown are names, as in every denial.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from readonly_guard.codes import Sqlstate, sqlstate_of
from readonly_guard.domain import Decision, Language, Reason
from readonly_guard.errors import GuardError

__all__ = [
    "AccessDenied",
    "ConnectionDenied",
    "FeatureDenied",
    "StatementDenied",
    "TooComplexDenied",
    "UndecidedDenied",
    "UnreadableDenied",
    "WriteDenied",
    "denied",
]

_PREFIX: Final = "readonly-guard: "


class StatementDenied(GuardError):  # noqa: N818  the word is the project's own
    """A statement was denied: it has not been sent, and a transaction that is open stays as it was.

    Attributes:
        decision: the whole decision, recorded under its ``decision_id``.
        codes: the codes of its reasons; the first is the one shown.
        detail: what the first reason is about, then the other reasons, a line each.
        hint: what to do, with the decision's id.
        position: 1-based character position in the text, as a string, or None.
    """

    def __init__(self, decision: Decision, language: Language = "en") -> None:
        super().__init__(_PREFIX + decision.message(language))
        position = decision.reasons[0].position
        self.decision = decision
        self.codes = decision.codes
        self.detail: str = decision.detail(language)
        self.hint: str = decision.hint(language)
        self.position = None if position is None else str(position)
        self._language: Language = language

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.decision, self._language)


class WriteDenied(StatementDenied, asyncpg.ReadOnlySQLTransactionError):  # type: ignore[misc]
    """Something that is not a read, or that may do more than read."""


class AccessDenied(StatementDenied, asyncpg.InsufficientPrivilegeError):  # type: ignore[misc]
    """The policy does not allow this person this read for this purpose."""


class FeatureDenied(StatementDenied, asyncpg.FeatureNotSupportedError):  # type: ignore[misc]
    """A protocol feature, setting or encoding that read mode does not support."""


class UnreadableDenied(StatementDenied, asyncpg.PostgresSyntaxError):  # type: ignore[misc]
    """A text that one of the two parsers cannot read, or about which they disagree."""


class TooComplexDenied(StatementDenied, asyncpg.StatementTooComplexError):  # type: ignore[misc]
    """A text beyond the bounds of the readings."""


class UndecidedDenied(StatementDenied, asyncpg.CannotConnectNowError):  # type: ignore[misc]
    """No decision can be made now: the policy engine, the log or a plugin failed."""


class ConnectionDenied(GuardError, asyncpg.FeatureNotSupportedError):  # type: ignore[misc]  # noqa: N818  as above
    """A session that may not be opened, or that can no longer be trusted and was closed.

    Attributes:
        codes: of the reasons, in order.
        detail: what each reason is about, a line each.
        hint: what to do.
    """

    def __init__(self, reasons: Sequence[Reason], language: Language = "en") -> None:
        first, swedish = reasons[0], language == "sv"
        super().__init__(f"{_PREFIX}{first.sv if swedish else first.en} ({first.code})")
        self.codes = tuple(reason.code for reason in reasons)
        self.detail: str = "\n".join(f"{one.code}: {one.what or (one.sv if swedish else one.en)}" for one in reasons)
        self.hint: str = first.hint_sv if swedish else first.hint_en
        self._arguments = (tuple(reasons), language)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments


_CLASSES: Final[dict[str, type[StatementDenied]]] = {
    Sqlstate.READ_ONLY: WriteDenied,
    Sqlstate.PRIVILEGE: AccessDenied,
    Sqlstate.UNSUPPORTED: FeatureDenied,
    Sqlstate.SYNTAX: UnreadableDenied,
    Sqlstate.TOO_COMPLEX: TooComplexDenied,
    Sqlstate.CANNOT_NOW: UndecidedDenied,
}


def denied(decision: Decision, language: Language = "en") -> StatementDenied:
    """The exception for a decision that denies, by the SQLSTATE of its first reason."""
    kind = _CLASSES.get(sqlstate_of(decision.reasons[0].code), AccessDenied)
    return kind(decision, language)
