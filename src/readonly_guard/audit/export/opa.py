"""OPA decision log events, one a line (openpolicyagent.org, Management: Decision Logs).

What takes OPA's decision logs takes these. ``input`` holds what a record keeps of the question: the policies saw more,
so ``erased`` names the rest, as OPA does for what it leaves out.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from readonly_guard.audit.export.port import Format, Origin
from readonly_guard.domain import DecisionRecord, Entry

__all__ = ["opa"]

_ERASED: Final = ("/input/subject/properties",)
_encode: Final = msgspec.json.Encoder().encode


def opa(origin: Origin) -> Format:
    """Decisions."""
    return Format("jsonl", b"", partial(_event, origin), b"\n", b"\n")


def _event(origin: Origin, entry: Entry) -> bytes | None:
    record = entry.record
    if not isinstance(record, DecisionRecord):
        return None
    event: dict[str, Any] = {
        "labels": {"app": "readonly-guard", "version": origin.version, "chain": entry.chain, "seq": str(entry.seq)},
        "decision_id": record.decision_id,
        "bundles": {"readonly_guard": {"revision": record.policy_revision}},
        "path": "readonly_guard/authz/decision",
        "input": {
            "subject": {"type": "user", "id": record.subject},
            "action": {"name": record.action, "properties": {"kinds": record.kinds, "phase": record.phase}},
            "resources": [{"type": "relation", "id": relation} for relation in record.relations],
            "context": {
                "time": record.time,
                "purpose": record.purpose,
                "case_reference": record.case_reference,
                "print_reason": record.print_reason,
                "justification": record.justification,
                "database": record.database,
                "client_address": record.client_address,
                "application_name": record.application_name,
                "listener": record.listener,
                "patients": record.patients,
                "information_sets": record.information_sets,
            },
        },
        "result": {
            "allow": record.verdict == "allow",
            "deny": [{"code": code} for code in record.codes],
            "warn": [{"code": code} for code in record.warnings],
            "obligations": record.obligations,
            "activity_type": record.activity,
            "routine": record.routine,
        },
        "erased": _ERASED,
        "requested_by": record.client_address,
        "timestamp": record.time,
    }
    return _encode(event)
