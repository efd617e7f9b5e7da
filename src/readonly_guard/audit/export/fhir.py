"""FHIR R4 AuditEvents in a Bundle of type ``collection`` (hl7.org/fhir/R4/auditevent.html), JSON.

A decision is DICOM's "Query" (110112), or "Export" (110106) when it is printed; a session is "User Authentication"
(110114). Patients are entities with their identity number, or their key where nobody knows whose it is; statements are
named by their fingerprint: AuditEvent's own place for a query is left out on purpose, because a normalised statement is
no search that anybody could run.
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, Final

import msgspec

from readonly_guard.audit.export.port import Format, Origin, clean, host_and_port, national_oid
from readonly_guard.audit.identities import Person
from readonly_guard.domain import DecisionRecord, Entry, SessionRecord

__all__ = ["fhir"]

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
_HSA_ID: Final = "urn:oid:1.2.752.29.4.19"
"""HSA-id, as Inera's profiles name the system."""

_EVENTS: Final = {"print": ("110106", "Export")}
_SESSION_EVENTS: Final = {"opened": ("110122", "Login"), "closed": ("110123", "Logout"), "refused": ("110122", "Login")}
_ACTIONS: Final = {"RG-W01": "U", "RG-W02": "U", "RG-W03": "U", "RG-W04": "C", "RG-W05": "D"}
_SUCCESS, _FAILURE = "0", "4"
_IP_ADDRESS: Final = "2"

_encode: Final = msgspec.json.Encoder().encode


def fhir(origin: Origin) -> Format:
    """Decisions and sessions."""
    begin = b'{"resourceType":"Bundle","type":"collection","entry":['
    return Format("json", begin, partial(_entry, origin), b",\n", b"]}\n")


def _entry(origin: Origin, entry: Entry) -> bytes | None:
    record = entry.record
    if isinstance(record, DecisionRecord):
        resource = _decision(origin, entry, record)
        name = record.decision_id
    elif isinstance(record, SessionRecord):
        resource = _session(origin, entry, record)
        name = f"{record.session_id}:{record.event}:{entry.hash}"
    else:
        return None
    return _encode({"fullUrl": uuid.uuid5(uuid.NAMESPACE_OID, name).urn, "resource": resource})


def _decision(origin: Origin, entry: Entry, record: DecisionRecord) -> dict[str, Any]:
    code, display = _EVENTS.get(record.action, ("110112", "Query"))
    is_allowed = record.verdict == "allow"
    outcome = {"outcome": _SUCCESS if is_allowed else _FAILURE}
    if record.codes:
        outcome["outcomeDesc"] = ", ".join(record.codes)
    action = next((_ACTIONS[code] for code in record.codes if code in _ACTIONS), "E")
    purposes = [{"coding": [{"system": _REASON, "code": clean(record.purpose)}]}] if record.purpose.strip() else []
    entities = [_patient(person) for person in origin.identities.people(record.patients)]
    entities += [_system_object("relation", relation) for relation in record.relations]
    entities += [_system_object("information set", name) for name in record.information_sets]
    entities.append(_statement(record))
    return {
        "resourceType": "AuditEvent",
        "type": {"system": _DCM, "code": code, "display": display},
        "subtype": [{"system": "urn:readonly-guard:activity", "code": clean(record.activity)}],
        "action": action,
        "recorded": record.time,
        **outcome,
        **({"purposeOfEvent": purposes} if purposes else {}),
        "agent": [_agent(record.subject, record.hsa_id, record.client_address, record.care_unit)],
        "source": _source(origin, entry, record.listener),
        "entity": entities,
    }


def _session(origin: Origin, entry: Entry, record: SessionRecord) -> dict[str, Any]:
    code, display = _SESSION_EVENTS.get(record.event, ("110122", "Login"))
    outcome = {"outcome": _FAILURE, "outcomeDesc": ", ".join(record.codes) or "refused"}
    return {
        "resourceType": "AuditEvent",
        "type": {"system": _DCM, "code": "110114", "display": "User Authentication"},
        "subtype": [{"system": _DCM, "code": code, "display": display}],
        "action": "E",
        "recorded": record.time,
        **(outcome if record.event == "refused" else {"outcome": _SUCCESS}),
        "agent": [_agent(record.subject, "", record.client_address, "")],
        "source": _source(origin, entry, record.listener),
    }


def _agent(subject: str, hsa_id: str, address: str, unit: str) -> dict[str, Any]:
    name = clean(subject).strip() or "unknown"
    who: dict[str, Any] = {"display": name}
    if hsa_id:
        who["identifier"] = {"system": _HSA_ID, "value": clean(hsa_id)}
    agent: dict[str, Any] = {"who": who, "altId": name, "requestor": True}
    if unit.strip():
        agent["location"] = {"display": clean(unit)}
    if address.strip():
        agent["network"] = {"address": clean(host_and_port(address)[0]), "type": _IP_ADDRESS}
    return agent


def _source(origin: Origin, entry: Entry, listener: str) -> dict[str, Any]:
    return {
        "site": f"{clean(listener) or 'library'}/{clean(entry.chain) or 'journal'}",
        "observer": {"display": f"readonly-guard {origin.version}"},
        "type": [{"system": _SOURCE_TYPE, "code": "4", "display": "Application Server"}],
    }


def _patient(person: Person) -> dict[str, Any]:
    details = [{"type": "patient key", "valueString": clean(key)} for key in person.keys]
    details += [{"type": "identifier", "valueString": clean(other)} for other in person.identifiers[1:]]
    if person.identifiers:
        value, oid = person.shown, national_oid(person.shown)
        system = "urn:readonly-guard:patient-identifier" if oid is None else f"urn:oid:{oid}"
    else:
        column, _, value = person.shown.partition(":")
        system = f"urn:readonly-guard:patient-key:{clean(column)}"
    return {
        "what": {"identifier": {"system": system, "value": clean(value)}},
        **({"detail": details} if person.identifiers else {}),
        "type": {"system": _ENTITY_TYPE, "code": "1", "display": "Person"},
        "role": {"system": _ROLE, "code": "1", "display": "Patient"},
    }


def _system_object(kind: str, name: str) -> dict[str, Any]:
    return {
        "type": {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"},
        "name": clean(name) or "?",
        "detail": [{"type": "kind", "valueString": kind}],
    }


def _statement(record: DecisionRecord) -> dict[str, Any]:
    details = {
        "decision": record.decision_id,
        "fingerprint": record.fingerprint,
        "kinds": ", ".join(record.kinds),
        "case_reference": record.case_reference,
        "print_reason": record.print_reason,
        "justification": record.justification,
        "warnings": ", ".join(record.warnings),
        "obligations": ", ".join(record.obligations),
        "routine": record.routine,
        "policy_revision": record.policy_revision,
        "database": record.database,
        "application_name": record.application_name,
        "session": record.session_id,
    }
    return {
        "type": {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"},
        "role": {"system": _ROLE, "code": "24", "display": "Query"},
        "name": "statement",
        "detail": [{"type": name, "valueString": clean(text)} for name, text in details.items() if text.strip()],
    }
