"""A table of cases: questions with the answers that are expected, so that policies are tried before they decide.

``cases/cases.json`` beside the policies. One question and some data stand at the top; each case says what is different.
The same table is asked of every engine, by the tests, by `readonly-guard policy check`, and before a reload.
"""

from __future__ import annotations

from typing import Any

import msgspec

from readonly_guard.domain import AccessRequest

__all__ = ["CaseTable", "Expected", "PolicyCase"]


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an answer is to be. Codes and obligations as a whole; of the rest, what is written."""

    allow: bool
    deny: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    activity_type: str | msgspec.UnsetType = msgspec.UNSET
    routine: str | msgspec.UnsetType = msgspec.UNSET
    expires_at: str | msgspec.UnsetType | None = msgspec.UNSET
    hsa_id: str | msgspec.UnsetType | None = msgspec.UNSET


class PolicyCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question: ``input`` is merged into the table's, each key of ``data`` replaces the table's whole."""

    name: str
    expected: Expected
    input: dict[str, Any] = {}
    data: dict[str, Any] = {}


class CaseTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it stands."""

    input: dict[str, Any]
    data: dict[str, Any] = {}
    cases: tuple[PolicyCase, ...]

    def question(self, case: PolicyCase) -> AccessRequest:
        """The whole question of a case."""
        return msgspec.convert(self.document(case), AccessRequest)

    def document(self, case: PolicyCase) -> dict[str, Any]:
        """The same as plain JSON, whether it is a question or not."""
        merged: dict[str, Any] = _merged(self.input, case.input)
        return merged

    def documents(self, case: PolicyCase) -> dict[str, Any]:
        """The data documents of a case, to be laid over the policies' own."""
        return self.data | case.data


def _merged(base: Any, changes: Any) -> Any:
    if isinstance(base, dict) and isinstance(changes, dict):
        return {key: _merged(base.get(key), changes[key]) if key in changes else base[key] for key in base | changes}
    return changes
