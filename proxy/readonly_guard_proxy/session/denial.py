"""Denial by substitution: the text that never parses, and the error a client sees in place of PostgreSQL's.

A denied text is replaced by a constant one. PostgreSQL raises the syntax error itself, so that order, transaction
status and the skipping until Sync are its own; only the words of that one error are exchanged here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from readonly_guard.codes import sqlstate_of
from readonly_guard.domain import Decision, Language, Reason, core_reason
from readonly_guard_proxy.wire.messages import Frontend, error_response, notice_response, parse_message, query_message

__all__ = [
    "QUERY_CANCELED",
    "RESERVED_NAME",
    "STATEMENT_TIMEOUT",
    "SYNTAX_ERROR",
    "denial_response",
    "fatal",
    "fatal_of_code",
    "fatal_of_reasons",
    "statement_timeout_response",
    "substitute",
    "warning_notice",
]

SYNTAX_ERROR: Final = "42601"
"""The SQLSTATE with which PostgreSQL answers a substitute; no other error of a denied request is exchanged."""

QUERY_CANCELED: Final = "57014"
"""The SQLSTATE with which PostgreSQL ends a statement that was cancelled, whoever asked for it."""

STATEMENT_TIMEOUT: Final = "canceling statement due to statement timeout"
_STATEMENT_TIMEOUT_HINT: Final = "The limit is limits.statement_timeout_s in the guard's settings."

RESERVED_NAME: Final = b"readonly_guard_denied"
"""Statement name of the Parse that stands in for a denied Execute: the client's unnamed statement survives it."""

_POISON: Final = "readonly_guard_denied"  # no statement begins with an identifier
_NOT_IN_AN_ID: Final = re.compile(r"[^0-9A-Za-z-]+")
_PREFIX: Final = "readonly-guard: "
_WARNING: Final = "01000"  # warning
_ROUTINE: Final = b"readonly_guard"


def substitute(kind: int, name: bytes, decision_id: str) -> tuple[int, bytes]:
    """The message that stands in for a denied one.

    Args:
        kind: of the denied message: Query, FunctionCall, Parse or Execute.
        name: the denied Parse's statement name; else without meaning.
        decision_id: goes with the text, so that the server's own log leads to the guard's.

    Returns:
        The kind whose replies are to be expected, and the bytes.
    """
    poison = f"{_POISON} {_NOT_IN_AN_ID.sub('', decision_id)[:64]}".encode("ascii")
    if kind == Frontend.PARSE:
        return Frontend.PARSE, parse_message(name, poison)
    if kind == Frontend.EXECUTE:
        return Frontend.PARSE, parse_message(RESERVED_NAME, poison)
    return Frontend.QUERY, query_message(poison)


def denial_response(decision: Decision, language: Language, codec: str) -> bytes:
    """The ErrorResponse of a denied statement: severity ERROR, so that the session goes on."""
    first = decision.reasons[0]
    return _response(
        "ERROR",
        sqlstate_of(first.code),
        _PREFIX + decision.message(language),
        detail=decision.detail(language),
        hint=decision.hint(language),
        position="" if first.position is None else str(first.position),
        codec=codec,
    )


def warning_notice(reason: Reason, language: Language, codec: str) -> bytes:
    """The NoticeResponse of a policy's warning: the statement runs all the same."""
    swedish = language == "sv"
    return notice_response(
        _told(
            "WARNING",
            _WARNING,
            f"{_PREFIX}{reason.sv if swedish else reason.en} ({reason.code})",
            detail=reason.what,
            hint=reason.hint_sv if swedish else reason.hint_en,
            codec=codec,
        )
    )


def fatal(sqlstate: str, message: str, *, detail: str = "", hint: str = "", codec: str = "utf-8") -> bytes:
    """The ErrorResponse that ends a connection."""
    return _response("FATAL", sqlstate, _PREFIX + message, detail=detail, hint=hint, codec=codec)


def fatal_of_code(code: str, what: str, language: Language, *, codec: str = "utf-8") -> bytes:
    """As :func:`fatal`, with the texts of one of the core's codes."""
    return fatal_of_reasons([core_reason(code, what)], language, codec=codec)


def fatal_of_reasons(reasons: Sequence[Reason], language: Language, *, codec: str = "utf-8") -> bytes:
    """As :func:`fatal`, with the first reason's message and hint, and what all of them are about as detail."""
    first, swedish = reasons[0], language == "sv"
    return fatal(
        sqlstate_of(first.code),
        f"{first.sv if swedish else first.en} ({first.code})",
        detail="\n".join(
            f"{reason.code}: {reason.what or (reason.sv if swedish else reason.en)}" for reason in reasons
        ),
        hint=first.hint_sv if swedish else first.hint_en,
        codec=codec,
    )


def statement_timeout_response(codec: str) -> bytes:
    """The ErrorResponse of a statement that the guard had cancelled; PostgreSQL's own would say that the user did."""
    return _response(
        "ERROR", QUERY_CANCELED, _PREFIX + STATEMENT_TIMEOUT, detail="", hint=_STATEMENT_TIMEOUT_HINT, codec=codec
    )


def _response(
    severity: str, sqlstate: str, message: str, *, detail: str, hint: str, codec: str, position: str = ""
) -> bytes:
    return error_response(_told(severity, sqlstate, message, detail=detail, hint=hint, codec=codec, position=position))


def _told(
    severity: str, sqlstate: str, message: str, *, detail: str, hint: str, codec: str, position: str = ""
) -> dict[str, bytes]:
    texts = {"M": message, "D": detail, "H": hint, "P": position}
    return {
        "S": severity.encode("ascii"),
        "V": severity.encode("ascii"),
        "C": sqlstate.encode("ascii"),
        **{field: text.encode(codec, errors="replace") for field, text in texts.items()},
        "R": _ROUTINE,
    }
