"""OCSF Datastore Activity, class 6005, one event a line (schema.ocsf.io, version 1.3.0).

A denied statement has the status "Failure" and the disposition of an access that was blocked. The statement is the
normalised one: without any value.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec

from readonly_guard.audit.export.port import Format, Origin, host_and_port
from readonly_guard.domain import DecisionRecord, Entry

__all__ = ["ocsf"]

_CATEGORY: Final = 6
_CLASS: Final = 6005
_SCHEMA_VERSION: Final = "1.3.0"
_READ, _UPDATE, _QUERY, _WRITE, _CREATE, _DELETE = 1, 2, 4, 5, 6, 7
_TRIED: Final = {
    "RG-W00": _WRITE, "RG-W01": _WRITE, "RG-W02": _UPDATE, "RG-W03": _UPDATE, "RG-W04": _CREATE, "RG-W05": _DELETE,
}  # fmt: skip
_ACTIVITY: Final = {"search": _QUERY, "print": _READ, "read": _READ}
_ACTIVITY_NAMES: Final = {
    _READ: "Read", _UPDATE: "Update", _QUERY: "Query", _WRITE: "Write", _CREATE: "Create", _DELETE: "Delete",
}  # fmt: skip
_INFORMATIONAL, _MEDIUM = 1, 3
_SUCCESS, _FAILURE = 1, 2
_RELATIONAL: Final = 1

_encode: Final = msgspec.json.Encoder().encode


def ocsf(origin: Origin) -> Format:
    """Decisions."""
    return Format("jsonl", b"", partial(_event, origin), b"\n", b"\n")


def _event(origin: Origin, entry: Entry) -> bytes | None:
    record = entry.record
    if not isinstance(record, DecisionRecord):
        return None
    is_allowed = record.verdict == "allow"
    tried = next((_TRIED[code] for code in record.codes if code in _TRIED), None)
    activity = tried or _ACTIVITY.get(record.action, _QUERY)
    host, port = host_and_port(record.client_address)
    endpoint = {"ip": host} if host else {"name": "in process"}
    event: dict[str, Any] = {
        "category_uid": _CATEGORY,
        "category_name": "Application Activity",
        "class_uid": _CLASS,
        "class_name": "Datastore Activity",
        "activity_id": activity,
        "activity_name": _ACTIVITY_NAMES[activity],
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Datastore Activity: {_ACTIVITY_NAMES[activity]}",
        "time": round(datetime.fromisoformat(record.time).timestamp() * 1000),
        "severity_id": _INFORMATIONAL if is_allowed else _MEDIUM,
        "severity": "Informational" if is_allowed else "Medium",
        "status_id": _SUCCESS if is_allowed else _FAILURE,
        "status": "Success" if is_allowed else "Failure",
        "status_code": ",".join(record.codes),
        "status_detail": record.activity,
        "metadata": {
            "version": _SCHEMA_VERSION,
            "uid": record.decision_id,
            "sequence": entry.seq,
            "log_name": entry.chain,
            "product": {"name": "readonly-guard", "vendor_name": "readonly-guard", "version": origin.version},
        },
        "actor": {
            "user": {"name": record.subject, "uid": record.hsa_id or record.subject},
            "session": {"uid": record.session_id},
            "app_name": record.application_name,
        },
        "src_endpoint": endpoint if port is None else {**endpoint, "port": port},
        "database": {"name": record.database, "type_id": _RELATIONAL, "type": "Relational"},
        "type_id": 1,
        "type": "Database",
        "query_info": {"query_string": record.statement, "uid": record.fingerprint},
        "unmapped": {
            "purpose": record.purpose,
            "case_reference": record.case_reference,
            "print_reason": record.print_reason,
            "justification": record.justification,
            "care_unit": record.care_unit,
            "patients": record.patients,
            "patient_identifiers": [
                item for person in origin.identities.people(record.patients) for item in person.identifiers
            ],
            "information_sets": record.information_sets,
            "relations": record.relations,
            "warnings": record.warnings,
            "obligations": record.obligations,
            "routine": record.routine,
            "policy_revision": record.policy_revision,
        },
    }
    return _encode(event)
