"""What the policy has to know for the demo: who is admitted, and a routine that is in force today.

Here lives the demo's policy data, in the form that `policies/schema` describes. It is laid over the shipped data
documents (``policy.data`` in guard.toml); each top-level key replaces the shipped one whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from readonly_guard_cli.demo.staff import PERSONAS, STAFF, Employee
from readonly_guard_cli.demo.vocabulary import CODE_SETS, UNITS, Unit

__all__ = ["DEMO_VALID_TO", "NOT_LISTED", "policy_data", "write_policy_data"]

DEMO_VALID_TO: Final = "2099-12-31"
"""The last day of the demo's routine. The real one ends 2026-12-18, and a demo has to run after that as well."""

NOT_LISTED: Final = frozenset({PERSONAS["never_listed"]})
"""User names that can log in to the database and are not in the roster."""

_CARE: Final = ("TREAT", "ETREAT")
_PURPOSES: Final[Mapping[str, tuple[str, ...]]] = {
    "PHYSICIAN": _CARE,
    "NURSE": _CARE,
    "MIDWIFE": _CARE,
    "BMA": _CARE,
    "PATHOLOGIST": _CARE,
    "SECRETARY": ("TREAT", "HOPERAT"),
    "MANAGER": ("TREAT", "HOPERAT", "HLEGAL", "HCOMPL"),
    "QUALITY": ("HQUALIMP", "HSTAT"),
    "ARCHIVIST": ("HLEGAL", "RECORDMGT"),
    "SERVICE": ("HOPERAT",),
}

_NOT_CARE: Final = frozenset({"Fastighet, stöd och service"})
"""Administrations that give no care; the routine lists them all the same (S07)."""

_GRANTED: Final = "2024-11-12"
_ACKNOWLEDGED: Final = "2024-12-18"
_REVOKED: Final = {PERSONAS["revoked"]: "2025-06-01"}
_GRANTED_LATER: Final = {PERSONAS["granted_after_freeze"]: "2025-02-03"}
_NOT_ACKNOWLEDGED: Final = frozenset({PERSONAS["has_not_acknowledged"]})


def policy_data() -> dict[str, Any]:
    """The overlay: ``roster``, ``units`` and ``routine``."""
    return {
        "roster": {"users": {one.username: _entry(one) for one in STAFF if one.username not in NOT_LISTED}},
        "units": {unit.name: _unit(unit) for unit in UNITS.values()},
        "routine": {
            "id": "SSN14971-1865200826-94",
            "version": "1.0",
            "title": f"Millennium i läsläge (demo: valid_to is {DEMO_VALID_TO} here and 2026-12-18 in the routine)",
            "lifecycle": "active",
            "valid_from": "2024-12-18",
            "valid_to": DEMO_VALID_TO,
            "frozen_at": "2024-12-18",
            "expiry": {"mode": "deny", "grace_days": 30, "warn_days": [90, 30, 7]},
        },
    }


def write_policy_data(path: Path) -> Path:
    """Write the overlay as JSON and return the path."""
    path.write_text(json.dumps(policy_data(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return path


def _entry(employee: Employee) -> dict[str, Any]:
    titles = dict(CODE_SETS["position"][1])
    return {
        "hsa_id": employee.hsa_id,
        "name": f"{employee.name_first} {employee.name_last}",
        "care_unit": employee.care_unit.name,
        "title": titles[employee.position],
        "granted_at": _GRANTED_LATER.get(employee.username, _GRANTED),
        "revoked_at": _REVOKED.get(employee.username),
        "acknowledged_at": None if employee.username in _NOT_ACKNOWLEDGED else _ACKNOWLEDGED,
        "purposes": list(_PURPOSES[employee.position]),
        "patients": [f"person_id:{employee.person_id}"],
    }


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name,
        "hsa_id": unit.hsa_id,
        "administration": unit.administration,
        "provider": unit.provider_hsa_id,
        "is_southern": unit.is_southern,
        "is_care": unit.administration not in _NOT_CARE,
    }
