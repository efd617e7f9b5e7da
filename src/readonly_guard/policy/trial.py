"""Policies tried on their table of cases: what answers otherwise than expected, before anyone is decided about."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from readonly_guard.domain import Answer
from readonly_guard.errors import PolicyError, PolicyUnavailable
from readonly_guard.policy.bundle import PolicySet
from readonly_guard.policy.case_table import CaseTable, Expected
from readonly_guard.policy.embedded import EmbeddedEngine

__all__ = ["CaseFailure", "differences", "run_cases"]


class CaseFailure(NamedTuple):
    """A case whose answer is another than expected, and how."""

    name: str
    differences: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {'; '.join(self.differences)}"


def run_cases(policies: PolicySet, table: CaseTable) -> list[CaseFailure]:
    """Ask the embedded engine every case. A case brings its own data; what it does not bring is the policies' own.

    A site's overlays are left out: its roster and its demands are not what the cases were written for.

    Raises:
        PolicyError: the policies do not load with a case's data, or its question is none.
    """
    engine = EmbeddedEngine(msgspec.structs.replace(policies, data=policies.own_data))
    engines: dict[bytes, EmbeddedEngine] = {}
    failures: list[CaseFailure] = []
    for case in table.cases:
        documents = table.documents(case)
        key = msgspec.json.encode(documents)
        if key not in engines:
            engines[key] = engine.with_data(policies.own_data | documents)
        try:
            found = differences(engines[key].decide_now(table.question(case)), case.expected)
        except PolicyUnavailable as error:
            found = (str(error),)
        except msgspec.ValidationError as error:
            raise PolicyError(f"{policies.origin}: the case {case.name!r} is no question: {error}") from None
        if found:
            failures.append(CaseFailure(case.name, found))
    return failures


def differences(answer: Answer, expected: Expected) -> tuple[str, ...]:
    """In what an answer is another than expected; empty when it is as expected."""
    actual: dict[str, Any] = {
        "allow": answer.allow,
        "deny": tuple(reason.code for reason in answer.deny),
        "warn": tuple(reason.code for reason in answer.warn),
        "obligations": answer.obligations,
        "activity_type": answer.activity_type,
        "routine": answer.routine,
        "expires_at": answer.expires_at,
        "hsa_id": answer.subject.get("hsa_id"),
    }
    wanted = {name: getattr(expected, name) for name in actual}
    return tuple(
        f"{name} is {_written(actual[name])}, expected {_written(value)}"
        for name, value in wanted.items()
        if value is not msgspec.UNSET and actual[name] != value
    )


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()
