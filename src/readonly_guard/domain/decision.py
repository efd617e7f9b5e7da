"""What was decided: the policy's answer and the decision that is recorded, enforced and shown."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from readonly_guard.domain.access import Declared
from readonly_guard.domain.statement import Analysis, Reason

__all__ = ["Answer", "Decision", "Language", "Verdict"]

Language = Literal["sv", "en"]


class Verdict(StrEnum):
    """Allowed or denied; there is no third."""

    ALLOW = "allow"
    DENY = "deny"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A policy engine's answer, strictly decoded by `readonly_guard.policy.answer`.

    ``expires_at`` is RFC 3339: the answer may not be reused after it. ``subject`` holds what the policy's data knows
    about the asker and the log wants (``hsa_id``, ``care_unit``, ``name``). ``obligations`` are duties by name.
    """

    allow: bool
    deny: tuple[Reason, ...] = ()
    warn: tuple[Reason, ...] = ()
    obligations: tuple[str, ...] = ()
    activity_type: str = ""
    routine: str = ""
    expires_at: str | None = None
    subject: dict[str, Any] = msgspec.field(default_factory=dict)
    revision: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one text.

    ``reasons`` is empty exactly when ``verdict`` is ALLOW; its first entry is the one shown. ``declared`` is what the
    session has declared once the text has run: keep it when the text was allowed and not merely parsed.
    """

    decision_id: str
    verdict: Verdict
    analysis: Analysis
    action: str
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    obligations: tuple[str, ...] = ()
    not_enforced: tuple[str, ...] = ()
    """Codes of denials whose mode is ``warn`` (they are among the warnings, too) or ``dry_run``."""
    policy_revision: str = ""
    declared: Declared = Declared()

    @property
    def allowed(self) -> bool:
        """True when the text may be released."""
        return self.verdict is Verdict.ALLOW

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons, in order."""
        return tuple(reason.code for reason in self.reasons)

    def message(self, language: Language = "en") -> str:
        """One line for people: the first reason's rule and code, or that it is allowed."""
        if not self.reasons:
            return "Tillåten" if language == "sv" else "Allowed"
        first = self.reasons[0]
        return f"{first.sv if language == 'sv' else first.en} ({first.code})"

    def detail(self, language: Language = "en") -> str:
        """What the first reason is about; then the other reasons, a line each. May be empty."""
        first, others = self.reasons[:1], self.reasons[1:]
        lines = [reason.what for reason in first if reason.what]
        lines += [
            ": ".join(filter(None, (reason.code, reason.sv if language == "sv" else reason.en, reason.what)))
            for reason in others
        ]
        return "\n".join(lines)

    def hint(self, language: Language = "en") -> str:
        """What to do, with the id by which the decision is found in the log."""
        first = self.reasons[0] if self.reasons else None
        advice = "" if first is None else (first.hint_sv if language == "sv" else first.hint_en)
        where = f"Beslut {self.decision_id}" if language == "sv" else f"Decision {self.decision_id}"
        return f"{advice} {where}.".strip()
