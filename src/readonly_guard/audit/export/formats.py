"""The formats by the names that the command line knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from readonly_guard.audit.export.fhir import fhir
from readonly_guard.audit.export.lines import csv_excel, jsonl
from readonly_guard.audit.export.ocsf import ocsf
from readonly_guard.audit.export.opa import opa
from readonly_guard.audit.export.port import Format, Origin, StoreLogCodes
from readonly_guard.audit.export.storelog import storelog

__all__ = ["FORMATS", "Origin", "StoreLogCodes"]

FORMATS: Final[dict[str, Callable[[Origin], Format]]] = {
    "csv": csv_excel,
    "fhir": fhir,
    "jsonl": jsonl,
    "ocsf": ocsf,
    "opa": opa,
    "storelog": storelog,
}
"""How each is made, given where the records come from."""
