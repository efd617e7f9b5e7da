"""A line for each record: JSON as the log has it, and CSV as Swedish Excel opens it.

CSV: UTF-8 with a byte order mark, semicolons, quotes doubled (RFC 4180), CR LF. A cell that begins with ``= + - @``, a
tab or a carriage return could run as a formula in a spreadsheet (OWASP, CSV Injection): an apostrophe goes before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from readonly_guard.audit.export.port import Format, Origin
from readonly_guard.audit.identities import Identities
from readonly_guard.domain import DecisionRecord, Entry

__all__ = ["BYTE_ORDER_MARK", "csv_excel", "excel_row", "jsonl"]

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""What CSV for Excel begins with, so that it is read as UTF-8."""

_HEADINGS: Final = (
    *("Loggnr", "Kedja", "Tidpunkt (UTC)", "Medarbetare", "HSA-id", "Vårdenhet", "Patient", "Åtgärd"),
    *("Informationstyp", "Ändamål", "Orsak/ärende", "Utfall", "Kod", "Varningar", "Relationer", "Beslut", "Session"),
    *("Databas", "Klient", "Program", "Rutin", "Policy", "Patientnycklar"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_encode: Final = msgspec.json.Encoder().encode


def jsonl(_origin: Origin) -> Format:
    """Every record as the log has it, with its chain, number and hash."""
    return Format("jsonl", b"", _encode, b"\n", b"\n")


def csv_excel(origin: Origin) -> Format:
    """Decisions, in the columns of the manager's list that the log itself can fill."""
    return Format("csv", BYTE_ORDER_MARK + excel_row(_HEADINGS), partial(_cells, origin.identities), b"", b"")


def _cells(identities: Identities, entry: Entry) -> bytes | None:
    record = entry.record
    if not isinstance(record, DecisionRecord):
        return None
    reason = record.justification or record.print_reason or record.case_reference
    return excel_row((
        str(entry.seq),
        entry.chain,
        record.time.replace("T", " ").rstrip("Z"),
        record.subject,
        record.hsa_id,
        record.care_unit,
        ", ".join(identities.shown(record.patients)),
        record.activity,
        ", ".join(record.information_sets),
        record.purpose,
        reason,
        "Tillåten" if record.verdict == "allow" else "Nekad",
        ", ".join(record.codes),
        ", ".join(record.warnings),
        ", ".join(record.relations),
        record.decision_id,
        record.session_id,
        record.database,
        record.client_address,
        record.application_name,
        record.routine,
        record.policy_revision,
        ", ".join(record.patients),
    ))  # fmt: skip


def excel_row(cells: Sequence[str]) -> bytes:
    """A row of CSV for Excel, in which nothing is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue().encode()
