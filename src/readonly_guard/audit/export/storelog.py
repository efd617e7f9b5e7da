"""Inera's StoreLog, version 2: ``informationsecurity:auditing:log`` (service contract description 2.0.8, 2024-10-24).

One document ``StoreLog`` with a ``log`` for each decision, as the body of the request would hold it. The contract knows
seven activities and six purposes; what a record says beyond them stands in ``activityArgs``: verdict, codes, routine. A
denial is logged as the activity that was tried, with the level "Nekad". A patient is named by personnummer or
samordningsnummer where the log knows whose a key is; a key that nobody knows stands under the root
``readonly-guard:<column>``, because it is the database's own and has no OID.
"""

from __future__ import annotations

from functools import partial
from typing import Final
from xml.sax.saxutils import escape

from readonly_guard.audit.export.port import Format, Origin, StoreLogCodes, clean, national_oid
from readonly_guard.audit.identities import Identities, Person
from readonly_guard.domain import DecisionRecord, Entry
from readonly_guard.errors import ConfigurationError

__all__ = ["storelog"]

_RESPONDER: Final = "urn:riv:informationsecurity:auditing:log:StoreLogResponder:2"
_TYPES: Final = "urn:riv:informationsecurity:auditing:log:2"
_LONGEST_TEXT: Final = 256
_LONGEST_ARGUMENTS: Final = 8192
_LONGEST_HSA_ID: Final = 32
_TRIED: Final = {"RG-W01": "Skriva", "RG-W02": "Skriva", "RG-W03": "Signera", "RG-W04": "Skriva", "RG-W05": "Radera"}
_PURPOSES: Final = {
    "TREAT": "Vård och behandling",
    "ETREAT": "Vård och behandling",
    "HQUALIMP": "Kvalitetssäkring",
    "HLEGAL": "Annan dokumentation enligt lag",
    "HSTAT": "Statistik",
    "HOPERAT": "Administration",
    "HREG": "Kvalitetsregister",
}


def storelog(origin: Origin) -> Format:
    """Decisions.

    Raises:
        ConfigurationError: the HSA-ids of system and care provider are not given, or are none.
    """
    codes = origin.storelog
    if codes is None:
        raise ConfigurationError("storelog needs --system-id and --care-provider-id: the HSA-ids of who logs")
    for what, value in (("--system-id", codes.system_id), ("--care-provider-id", codes.care_provider_id)):
        _hsa_id(value, what)
    begin = f'<?xml version="1.0" encoding="UTF-8"?>\n<s:StoreLog xmlns:s="{_RESPONDER}" xmlns="{_TYPES}">\n'
    return Format("xml", begin.encode(), partial(_log, codes, origin.identities), b"\n", b"\n</s:StoreLog>\n")


def _log(codes: StoreLogCodes, identities: Identities, entry: Entry) -> bytes | None:
    record = entry.record
    if not isinstance(record, DecisionRecord):
        return None
    is_allowed = record.verdict == "allow"
    unit = _care_unit(codes, record.care_unit)
    provider = _element("careProvider", _element("careProviderId", codes.care_provider_id))
    arguments = "; ".join(
        f"{name}={value}"
        for name, value in (
            ("utfall", "tillåten" if is_allowed else "nekad"),
            ("kod", ",".join(record.codes)),
            ("åtgärd", record.activity),
            ("ärende", record.case_reference),
            ("orsak", record.print_reason),
            ("motivering", record.justification),
            ("ändamål", record.purpose),
            ("rutin", record.routine),
            ("logg", f"{entry.chain}:{entry.seq}"),
        )
        if value
    )
    activity = _element(
        "activity",
        _element("activityType", _activity(record)),
        "" if is_allowed else _element("activityLevel", "Nekad"),
        _element("activityArgs", _text(arguments, _LONGEST_ARGUMENTS)),
        _element("startDate", record.time),
        _element("purpose", _text(_PURPOSES.get(record.purpose, record.purpose or "Ej angivet"))),
    )
    user = _element(
        "user",
        _element("userId", _user_id(record)),
        _element("name", _text(record.subject)),
        provider,
        unit,
    )
    patients = [_patient(person) for person in identities.people(record.patients)] or [""]
    kinds = record.information_sets or ("Övrigt",)
    resources = [
        _element("resource", _element("resourceType", _text(kind)), patient, provider, unit)
        for patient in patients
        for kind in kinds
    ]
    return _element(
        "s:log",  # the contract's own element is qualified by the service's schema, everything in it by the domain's
        _element("logId", record.decision_id),
        _element("system", _element("systemId", codes.system_id), _element("systemName", "readonly-guard")),
        activity,
        user,
        _element("resources", *resources),
    ).encode()


def _activity(record: DecisionRecord) -> str:
    tried = next((_TRIED[code] for code in record.codes if code in _TRIED), None)
    if tried is not None:
        return tried
    if record.action == "print":
        return "Utskrift"
    return "Nödöppning" if record.purpose == "ETREAT" else "Läsa"


def _care_unit(codes: StoreLogCodes, unit: str) -> str:
    if not unit:
        return _element("careUnit", _element("careUnitId", codes.care_provider_id), _element("careUnitName", "okänd"))
    known = codes.care_units.get(unit, unit)
    return _element(
        "careUnit",
        _element("careUnitId", _hsa_id(known, f"--care-unit {unit!r}=HSA-ID")),
        "" if known == unit else _element("careUnitName", _text(unit)),
    )


def _user_id(record: DecisionRecord) -> str:
    return escape(clean(record.hsa_id or record.subject)[:_LONGEST_HSA_ID]) or "okänd"


def _patient(person: Person) -> str:
    if person.identifiers:
        column, value = "patient", person.shown
    else:
        column, _, value = person.shown.partition(":")
    root = national_oid(value) or f"readonly-guard:{column}"
    return _element(
        "patient",
        _element("patientId", _element("root", _text(root)), _element("extension", _text(value))),
    )


def _hsa_id(value: str, option: str) -> str:
    if not 0 < len(value) <= _LONGEST_HSA_ID or any(letter.isspace() for letter in value):
        raise ConfigurationError(f"storelog: {value!r} is no HSA-id (1 to 32 characters, no space); give {option}")
    return escape(clean(value))


def _text(value: str, longest: int = _LONGEST_TEXT) -> str:
    return escape(clean(value)[:longest])


def _element(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name}>"
