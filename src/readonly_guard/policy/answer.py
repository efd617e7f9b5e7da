"""Strict reading of what a policy engine answered: a value of exactly the agreed shape, or no answer at all.

Both engines come through here, so that neither can be read more kindly than the other. A Rego author's mistake (a
denial without a code, a misspelt key, an allow beside a denial) becomes `PolicyUnavailable`, which is a denial.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from readonly_guard.domain import Answer, Reason
from readonly_guard.errors import ConditionNotMet, PolicyUnavailable

__all__ = ["UNDEFINED", "decode_answer"]

_CONDITIONS: Final = ("max_rows", "row_filters", "column_masks")

UNDEFINED: Final = "<undefined>"
"""What the embedded engine returns for a rule without a value."""

# Texts end up in protocol messages and log lines, where a NUL or a line break would be more than text.
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
_Optional = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
_Code = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z][A-Z0-9-]{1,31}\Z")]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: _Code
    rule: _Text
    sv: _Text
    en: _Text
    what: _Optional = ""
    hint_sv: _Optional = ""
    hint_en: _Optional = ""


class _Obligations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All but the duties have their place already, and are not carried out yet."""

    duties: tuple[_Text, ...] = ()
    max_rows: Annotated[int, msgspec.Meta(ge=1)] | None = None
    row_filters: tuple[Any, ...] = ()
    column_masks: tuple[Any, ...] = ()


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    allow: bool
    deny: tuple[_Entry, ...]
    warn: tuple[_Entry, ...] = ()
    obligations: _Obligations = _Obligations()
    activity_type: _Optional = ""
    routine: _Optional = ""
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    subject: dict[str, _Optional] = msgspec.field(default_factory=dict)


def decode_answer(value: Any, *, revision: str) -> Answer:
    """Read the value of the entrypoint, as plain JSON values.

    Denials and warnings come sorted by code, obligations sorted and each once: the same answer is the same value
    whatever engine gave it.

    Args:
        value: what the engine returned.
        revision: the policies in force, kept in the answer.

    Raises:
        PolicyUnavailable: the value is undefined, of another shape, or contradicts itself.
        ConditionNotMet: it is on a condition that this guard does not carry out.
    """
    if value is None or value == UNDEFINED:
        raise PolicyUnavailable("the policy's decision is undefined for this question")
    try:
        document = msgspec.convert(value, _Document)
    except msgspec.ValidationError as error:
        raise PolicyUnavailable(f"the policy's decision has the wrong shape: {error}") from None
    if document.allow and document.deny:
        raise PolicyUnavailable("the policy's decision contradicts itself: it allows and denies")
    obligations = document.obligations
    unmet = [name for name in _CONDITIONS if getattr(obligations, name)]
    if unmet:
        raise ConditionNotMet(
            f"the policy's decision demands {' and '.join(unmet)}, which this guard does not carry out; leave it empty"
        )
    return Answer(
        allow=document.allow,
        deny=_reasons(document.deny),
        warn=_reasons(document.warn),
        obligations=tuple(sorted(set(obligations.duties))),
        activity_type=document.activity_type,
        routine=document.routine,
        expires_at=None if document.expires_at is None else _rfc3339(document.expires_at),
        subject=dict(document.subject),
        revision=revision,
    )


def _reasons(entries: tuple[_Entry, ...]) -> tuple[Reason, ...]:
    ordered = sorted(entries, key=lambda entry: (entry.code, entry.rule, entry.what, entry.en))
    return tuple(
        Reason(
            code=entry.code,
            rule=entry.rule,
            sv=entry.sv,
            en=entry.en,
            what=entry.what,
            hint_sv=entry.hint_sv,
            hint_en=entry.hint_en,
        )
        for entry in ordered
    )


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
