"""What a gate holds against its log at the end says something: patients are named there, by the value that was bound."""

from __future__ import annotations

import psycopg

from readonly_guard.audit import read
from readonly_guard.domain import DecisionRecord


def test_the_log_names_the_patient_whose_number_was_bound(gate) -> None:
    with psycopg.connect(gate.dsn, options=gate.options) as connection:
        found = connection.execute("SELECT name_last FROM person WHERE person_id = %s", (900001,)).fetchall()
    assert found == [("Tolvansson",)]
    decisions = (entry.record for entry in read(gate.journal) if isinstance(entry.record, DecisionRecord))
    assert ("person_id:900001",) in {one.patients for one in decisions if one.phase == "execute"}
