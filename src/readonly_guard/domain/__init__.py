"""Frozen values that every floor shares: statements, access requests, decisions, records. No behaviour beyond them."""

from readonly_guard.domain.access import (
    DECLARATIONS,
    DECLARED_PREFIX,
    AccessRequest,
    Action,
    Declared,
    Resource,
    Session,
    StatementRequest,
    Subject,
)
from readonly_guard.domain.custody import ReadingRecord, RepairRecord, RetentionRecord, SealRecord
from readonly_guard.domain.decision import Answer, Decision, Language, Verdict
from readonly_guard.domain.identifiers import split_identifiers
from readonly_guard.domain.identity import Certificate, Login
from readonly_guard.domain.lineage import Binding, ColumnUse, Lineage, RelationUse
from readonly_guard.domain.patients import (
    ANY_PATIENT,
    MOST_PATIENTS,
    UNKNOWN_VALUE,
    Parameters,
    PatientPlace,
    PatientScope,
    listed_patients,
    patient_names,
)
from readonly_guard.domain.reasons import core_reason
from readonly_guard.domain.record import CompletionRecord, DecisionRecord, Entry, LogRecord, SessionRecord
from readonly_guard.domain.statement import (
    SYSTEM_SCHEMAS,
    Analysis,
    Effect,
    Name,
    Reading,
    Reason,
    Reference,
    SearchPath,
    SettingChange,
)

__all__ = [
    "ANY_PATIENT",
    "DECLARATIONS",
    "DECLARED_PREFIX",
    "MOST_PATIENTS",
    "SYSTEM_SCHEMAS",
    "UNKNOWN_VALUE",
    "AccessRequest",
    "Action",
    "Analysis",
    "Answer",
    "Binding",
    "Certificate",
    "ColumnUse",
    "CompletionRecord",
    "Decision",
    "DecisionRecord",
    "Declared",
    "Effect",
    "Entry",
    "Language",
    "Lineage",
    "LogRecord",
    "Login",
    "Name",
    "Parameters",
    "PatientPlace",
    "PatientScope",
    "Reading",
    "ReadingRecord",
    "Reason",
    "Reference",
    "RelationUse",
    "RepairRecord",
    "Resource",
    "RetentionRecord",
    "SealRecord",
    "SearchPath",
    "Session",
    "SessionRecord",
    "SettingChange",
    "StatementRequest",
    "Subject",
    "Verdict",
    "core_reason",
    "listed_patients",
    "patient_names",
    "split_identifiers",
]
