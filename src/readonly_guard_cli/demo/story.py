"""The guided run: what is asked of the guarded database, by whom, with which client, and what must come of it.

A table. How a scene is acted is in `readonly_guard_cli.demo.stage`; every expectation is checked, so the demo is a test
of the whole path as well.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from readonly_guard_cli.demo.planted import PLANTED
from readonly_guard_cli.demo.staff import PERSONAS

__all__ = ["ACTS", "Act", "Scene"]

_PATIENT: Final = PLANTED["test_patient"].key[1]
_UNSIGNED: Final = PLANTED["unsigned_note"].key[1]
_DOCTOR: Final = PERSONAS["physician"]
_TREAT: Final = {"purpose": "TREAT"}


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One statement.

    Attributes:
        title: what it is about.
        sql: what is sent.
        code: the code it must be refused with; None when it must be let through.
        user: who connects.
        client: psql, asyncpg or psycopg.
        declared: ``readonly_guard.*`` settings given when connecting.
    """

    title: str
    sql: str
    code: str | None = None
    user: str = _DOCTOR
    client: Literal["psql", "asyncpg", "psycopg"] = "psycopg"
    declared: dict[str, str] = msgspec.field(default_factory=lambda: dict(_TREAT))


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Scenes that belong together, with a sentence that introduces them."""

    title: str
    introduction: str
    scenes: tuple[Scene, ...]


ACTS: Final = (
    Act(
        title="Reading works, with the tools people have",
        introduction="Anna Lind is a physician on the roster. She has declared her purpose: care (TREAT).",
        scenes=(
            Scene(
                title="A patient's contacts, in psql",
                client="psql",
                sql="SELECT p.name_full_formatted AS patient, e.reg_dt_tm::date AS registered, o.org_name AS unit\n"
                "FROM person p JOIN encounter e USING (person_id) JOIN organization o USING (organization_id)\n"
                f"WHERE p.person_id = {_PATIENT}",
            ),
            Scene(
                title="The same patient's notes, in asyncpg with a bound parameter",
                client="asyncpg",
                sql="SELECT count(*) AS notes FROM clinical_event WHERE person_id = $1",
            ),
            Scene(
                title="Her diagnoses, in psycopg",
                sql="SELECT source_identifier, diag_dt_tm::date FROM diagnosis"
                f" WHERE person_id = {_PATIENT} ORDER BY 2 LIMIT 3",
            ),
        ),
    ),
    Act(
        title="Writing does not, in any disguise",
        introduction="Her database role may write: nothing but the guard stops these. Each never reaches the server.",
        scenes=(
            Scene(
                title="Documenting (dokumentation)",
                code="RG-W01",
                client="psql",
                sql="INSERT INTO clinical_event (clinical_event_id, event_title_text) VALUES (1, 'a new note')",
            ),
            Scene(
                title="Changing (ändring)",
                code="RG-W02",
                sql=f"UPDATE person SET name_last = 'X' WHERE person_id = {_PATIENT}",
            ),
            Scene(
                title="Signing (signering)",
                code="RG-W03",
                sql="UPDATE ce_event_prsnl SET action_status_cd = 0"
                f" WHERE event_id = (SELECT event_id FROM clinical_event WHERE clinical_event_id = {_UNSIGNED})",
            ),
            Scene(title="Adding (tillägg)", code="RG-W04", sql="INSERT INTO sch_appt (sch_appt_id) VALUES (1)"),
            Scene(
                title="Removing (borttag), and the answer in Swedish",
                code="RG-W05",
                client="psql",
                sql=f"DELETE FROM person WHERE person_id = {_PATIENT}",
                declared={"purpose": "TREAT", "language": "sv"},
            ),
            Scene(
                title="A write inside a read: a common table expression",
                code="RG-W05",
                sql="WITH gone AS (DELETE FROM allergy RETURNING *) SELECT count(*) FROM gone",
            ),
            Scene(
                title="A write behind a read: stacked statements",
                code="RG-W05",
                client="psql",
                sql="SELECT 1; DELETE FROM allergy",
            ),
            Scene(title="A write that is explained", code="RG-W05", sql="EXPLAIN ANALYZE DELETE FROM allergy"),
            Scene(
                title="A function that writes",
                code="RG-F02",
                client="asyncpg",
                sql="SELECT nextval('loggnummer_seq')",
            ),
            Scene(
                title="A view that calls a function that writes",
                code="RG-F03",
                client="psql",
                sql="SELECT * FROM visited_person",
            ),
            Scene(
                title="An operator that writes",
                code="RG-F03",
                sql="SELECT name_last FROM person WHERE person_id === '900001'",
            ),
            Scene(
                title="A function that says it only reads, and writes",
                code="RG-F03",
                sql="SELECT patient_summary(900001)",
            ),
            Scene(
                title="A write that one parser alone takes for a comment",
                code="RG-W05",
                client="psql",
                sql="SELECT 'a' /*/* */ || ' */ ; DELETE FROM allergy --'",
            ),
            Scene(title="Undoing the second belt", code="RG-T06", sql="SET default_transaction_read_only = off"),
        ),
    ),
    Act(
        title="Reading needs a person, a purpose and, for paper, a reason",
        introduction="The write lock has nothing against these. The Rego policies have.",
        scenes=(
            Scene(
                title="A user who is not on the roster",
                code="RG-R01",
                user=PERSONAS["never_listed"],
                client="psql",
                sql="SELECT 1",
            ),
            Scene(
                title="A new employee: access was granted after the freeze",
                code="RG-R02",
                user=PERSONAS["granted_after_freeze"],
                sql=f"SELECT * FROM person WHERE person_id = {_PATIENT}",
            ),
            Scene(
                title="No purpose declared",
                code="RG-P01",
                client="psql",
                sql=f"SELECT * FROM person WHERE person_id = {_PATIENT}",
                declared={},
            ),
            Scene(
                title="A purpose that read mode does not allow",
                code="RG-P02",
                sql="SELECT count(*) FROM diagnosis",
                declared={"purpose": "HSTAT"},
            ),
            Scene(
                title="A print without a reason",
                code="RG-X01",
                client="psql",
                sql=f"COPY (SELECT * FROM diagnosis WHERE person_id = {_PATIENT}) TO STDOUT",
            ),
            Scene(
                title="The same print, at the patient's request",
                client="psql",
                sql=f"COPY (SELECT source_identifier, diag_dt_tm::date FROM diagnosis WHERE person_id = {_PATIENT})"
                " TO STDOUT",
                declared={"purpose": "TREAT", "print_reason": "PATIENT_REQUEST"},
            ),
        ),
    ),
)
