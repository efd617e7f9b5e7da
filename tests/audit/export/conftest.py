"""A journal with every kind of record, hostile text in it, and its export in any format."""

import itertools
import json
from pathlib import Path

import pytest

from readonly_guard.audit import Identities, Journal, read_all
from readonly_guard.audit.export import FORMATS, Origin, StoreLogCodes, write_export
from readonly_guard.domain import SessionRecord

HOSTILE = "=cmd|' /C calc'!A0\x01<&>\"';\n\u202e]]>"


NOBODY = Identities()


@pytest.fixture
def journal(tmp_path, decision, completion, signing_key):
    """Reads, prints and denials of two users, sessions, completions and a signed head."""

    def session(event, **changes):
        values = {"session_id": "s-1", "time": "2026-03-01T08:14:00.000000Z", "event": event, "subject": "alind",
                  "database": "m", "client_address": "[::1]:5555", "application_name": HOSTILE, "listener": "default"}  # fmt: skip
        return SessionRecord(**{**values, **changes})

    path = tmp_path / "journal"
    with Journal.open(path, signing_key=signing_key) as log:
        log.append(session("opened"))
        log.append(session("refused", subject="", codes=("RG-T05",)))
        log.append(decision(1, patients=("person_id:900001", "alias:191212121212"), information_sets=("Diagnoser",)))
        log.append(completion(1))
        log.append(decision(2, verdict="deny", codes=("RG-W05", "RG-P01"), activity="Nekad skrivning", action="write"))
        log.append(decision(3, action="print", activity="Utskrift", print_reason="MEDICAL_NEED"))
        log.append(decision(4, purpose="ETREAT", activity="Nödöppning", justification="Medvetslös patient på akuten"))
        log.append(
            decision(5, subject=HOSTILE, hsa_id="", care_unit="", purpose="", client_address="", application_name=HOSTILE,
                     patients=(f"person_id:{HOSTILE}",), verdict="deny", codes=("RG-W03",), case_reference="+46 1")
        )  # fmt: skip
        log.append(session("closed"))
    return path


CODES = StoreLogCodes(
    system_id="SE2321000016-SYS1", care_provider_id="SE2321000016-VG01", care_units={"Medicin": "SE2321000016-1A"}
)


@pytest.fixture
def exported(journal, tmp_path):
    """Exports the journal; the bytes."""
    numbers = itertools.count()

    def export(name: str, identities: Identities = NOBODY) -> bytes:
        path: Path = tmp_path / f"out-{next(numbers)}.{name}"
        write_export(
            read_all(journal),
            path,
            name=name,
            into=FORMATS[name](Origin(version="0.1.0", storelog=CODES, identities=identities)),
            selection={},
            created="2026-03-02T00:00:00.000000Z",
            version="0.1.0",
        )
        return path.read_bytes()

    return export


@pytest.fixture
def events(exported):
    """The lines of an export of JSON lines, decoded."""

    def decode(name: str) -> list[dict]:
        return [json.loads(line) for line in exported(name).splitlines()]

    return decode
