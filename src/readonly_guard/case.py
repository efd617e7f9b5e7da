"""One decision in the making: the question that follows from a request and its reading, and the record of the outcome.

Values in, values out; the order of things is `readonly_guard.deciding`'s.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from readonly_guard.domain import (
    AccessRequest,
    Action,
    Analysis,
    Answer,
    Decision,
    DecisionRecord,
    Declared,
    Effect,
    Parameters,
    Reading,
    Resource,
    StatementRequest,
    Subject,
    Verdict,
    creation_window,
    has_unlisted,
    listed_patients,
)
from readonly_guard.sql import is_system_relation

__all__ = ["Case", "question_of", "record_of_denial"]

_ACTIVITY: Final = {
    "read": "Läsa",
    "search": "Sök",
    "print": "Utskrift",
    "catalog": "Systemkatalog",
    "session": "Session",
    "write": "Skrivning",
}
_DENIED_ACTIVITY: Final = {
    "Läsa": "Nekad läsning",
    "Sök": "Nekad sökning",
    "Utskrift": "Nekad utskrift",
    "Skrivning": "Nekad skrivning",
}


class Case:
    """One decision being made: the request, what was read, and the question that follows from both.

    Args:
        request: what is asked.
        analysis: of its text, settled.
        decision_id: what the decision will be known by.
        time: RFC 3339 in UTC.
    """

    def __init__(self, request: StatementRequest, analysis: Analysis, decision_id: str, time: str) -> None:
        self.request = request
        self.analysis = analysis
        self.time = time
        # what will not run declares nothing
        changes = [change for reading in analysis.readings for change in reading.settings if analysis.is_read]
        self.declared = request.declared.after(changes, request.initial)
        if analysis.is_read and any(reading.prepares is not None for reading in analysis.readings):
            self.declared = self.declared.prepared()
        self.relations = tuple(dict.fromkeys(str(name) for reading in analysis.readings for name in reading.relations))
        self.patients = listed_patients(analysis.patients, request.parameters)
        self.question = AccessRequest(
            request_id=decision_id,
            subject=request.subject,
            action=Action(
                name=_action(analysis, self.declared, self.patients),
                properties={"kinds": [reading.kind for reading in analysis.readings], "phase": request.phase},
            ),
            resources=tuple(Resource(id=name) for name in self.relations),
            context={
                "time": self.time,
                "purpose": self.declared.purpose,
                "case_reference": self.declared.case_reference,
                "print_reason": self.declared.print_reason,
                "justification": self.declared.justification,
                "database": request.session.database,
                "client_address": request.session.client_address,
                "application_name": request.session.application_name,
                "listener": request.session.listener,
                "patients": self.patients,
                "information_sets": analysis.information_sets,
                "is_bound": analysis.patients.is_bound,
                **_creation(analysis, request.parameters),
            },
        )

    def inform(self, facts: dict[str, Any]) -> None:
        """Add what information points know to the question; the record does not keep it."""
        if facts:
            self.question = msgspec.structs.replace(self.question, context={**self.question.context, "facts": facts})

    def record(self, decision: Decision, answer: Answer) -> DecisionRecord:
        """What the log keeps of it."""
        declared, session = self.declared, self.request.session
        activity = answer.activity_type or _ACTIVITY[decision.action]
        if not decision.allowed:
            activity = _denied(activity)
        return DecisionRecord(
            decision_id=decision.decision_id,
            time=self.time,
            session_id=session.session_id,
            subject=self.request.subject.id,
            hsa_id=str(answer.subject.get("hsa_id", "")),
            care_unit=str(answer.subject.get("care_unit", "")),
            purpose=declared.purpose or "",
            case_reference=declared.case_reference or "",
            print_reason=declared.print_reason or "",
            justification=declared.justification or "",
            action=decision.action,
            activity=activity,
            phase=self.request.phase,
            kinds=tuple(reading.kind for reading in self.analysis.readings),
            relations=self.relations,
            functions=tuple(
                dict.fromkeys(str(name) for reading in self.analysis.readings for name in reading.functions)
            ),
            patients=self.patients,
            information_sets=self.analysis.information_sets,
            statement=self.analysis.normalised,
            fingerprint=self.analysis.fingerprint,
            verdict=decision.verdict.value,
            codes=decision.codes,
            warnings=tuple(dict.fromkeys((*(warning.code for warning in decision.warnings), *decision.not_enforced))),
            obligations=_obligations_of(decision),
            policy_revision=decision.policy_revision,
            routine=answer.routine,
            database=session.database,
            client_address=session.client_address,
            application_name=session.application_name,
            listener=session.listener,
            is_bound=self.analysis.patients.is_bound,
            created_from=self.question.context.get("created_from"),
            created_before=self.question.context.get("created_before"),
            is_creation_awaited=self.question.context.get("is_creation_awaited"),
            authentication=_text_or_none(self.request.subject.properties.get("authentication")),
            assurance_level=_level_or_none(self.request.subject.properties.get("assurance_level")),
        )


def _creation(analysis: Analysis, parameters: Parameters | None) -> dict[str, Any]:
    """When what is read was created, where that is known."""
    if analysis.creation is None:
        return {}
    window = creation_window(analysis.creation, parameters)
    known = {"created_from": window.since, "created_before": window.until}
    found: dict[str, Any] = {name: moment for name, moment in known.items() if moment is not None}
    return found | {"is_creation_awaited": True} if window.is_awaited else found


def record_of_denial(written: DecisionRecord, denial: Decision) -> DecisionRecord:
    """The record of what was to be decided otherwise, as the denial that it became."""
    was_allowed = written.verdict == Verdict.ALLOW.value
    return msgspec.structs.replace(
        written,
        activity=_denied(written.activity) if was_allowed else written.activity,
        verdict=denial.verdict.value,
        codes=denial.codes,
        warnings=(),
        obligations=(),
    )


def _denied(activity: str) -> str:
    return _DENIED_ACTIVITY.get(activity, f"Nekad: {activity}")


def question_of(record: DecisionRecord) -> AccessRequest:
    """The question that a recorded decision answered, as far as the log knows it.

    What information points had looked up (``context.facts``) is not in the log, and in old records not whether the read
    was bound to patients; then it is not in the question either.
    """
    properties = {"authentication": record.authentication, "assurance_level": record.assurance_level}
    known = {
        "is_bound": record.is_bound,
        "created_from": record.created_from,
        "created_before": record.created_before,
        "is_creation_awaited": record.is_creation_awaited,
    }
    return AccessRequest(
        request_id=record.decision_id,
        subject=Subject(
            id=record.subject, properties={name: value for name, value in properties.items() if value is not None}
        ),
        action=Action(name=record.action, properties={"kinds": list(record.kinds), "phase": record.phase}),
        resources=tuple(Resource(id=name) for name in record.relations),
        context={
            "time": record.time,
            "purpose": record.purpose or None,
            "case_reference": record.case_reference or None,
            "print_reason": record.print_reason or None,
            "justification": record.justification or None,
            "database": record.database,
            "client_address": record.client_address,
            "application_name": record.application_name,
            "listener": record.listener,
            "patients": record.patients,
            "information_sets": record.information_sets,
            **{name: value for name, value in known.items() if value is not None},
        },
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _level_or_none(value: object) -> int | None:
    return value if type(value) is int else None


def _obligations_of(decision: Decision) -> tuple[str, ...]:
    return (*decision.obligations, *(f"not_enforced={code}" for code in decision.not_enforced))


_SESSION_EFFECTS: Final = frozenset({Effect.SESSION, Effect.TRANSACTION})


def _action(analysis: Analysis, declared: Declared, patients: tuple[str, ...]) -> str:
    """Which of the actions of :class:`readonly_guard.domain.Action` a text is; the weightiest of its statements."""
    if analysis.reasons:
        return "write"
    names = {_action_of(reading, declared) for reading in analysis.readings}
    if has_unlisted(patients) and "read" in names:
        names.add("search")  # of more than are asked about
    return next((name for name in ("print", "search", "read", "catalog") if name in names), "session")


_INDIRECT: Final = frozenset({"execute", "explain_execute", "fetch"})
"""Reads whose relations stand in an earlier statement; where that is not known, the broader action, a search."""


def _action_of(reading: Reading, declared: Declared) -> str:
    if reading.kind in _INDIRECT and not reading.relations:
        return "search"
    if not reading.relations:
        return "session" if reading.effects & _SESSION_EFFECTS else "catalog"
    if all(is_system_relation(name) for name in reading.relations):
        return "catalog"
    if reading.kind == "copy_to" or declared.print_reason:
        return "print"
    return "read" if reading.has_patient_predicate else "search"
