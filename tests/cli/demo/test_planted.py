"""Every planted case, asked of the loaded database."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from readonly_guard_cli.demo import PERSONAS, PLANTED, STAFF, WINDOW_END, WINDOW_START, DemoDatabase
from readonly_guard_cli.demo.identifiers import TOLVAN, is_test_number

Ask = Callable[..., list[tuple]]

IN_WINDOW = "create_dt_tm >= '2024-11-11T23:00Z' AND create_dt_tm < '2024-11-20T23:00Z'"


@pytest.fixture(scope="module")
def ask(millennium: DemoDatabase) -> Ask:
    """Answers of the database; ``%(name)s`` in the query is the key of that planted row."""
    keys = {name: planted.key[1] for name, planted in PLANTED.items()}

    def answer(query: str) -> list[tuple]:
        with psycopg.connect(millennium.dsn(PERSONAS["physician"])) as connection:
            return connection.execute(query, keys).fetchall()

    return answer


@pytest.mark.parametrize("name", PLANTED)
def test_the_key_finds_exactly_one_row(millennium: DemoDatabase, name: str) -> None:
    planted = PLANTED[name]
    query = sql.SQL("SELECT count(*) FROM {} WHERE {} = {}").format(
        sql.Identifier(planted.table), sql.Identifier(planted.key[0]), planted.key[1]
    )
    with psycopg.connect(millennium.admin_dsn) as connection:
        assert connection.execute(query).fetchone() == (1,)
    assert planted.why


@pytest.mark.parametrize(
    ("name", "seconds", "edge", "is_inside"),
    [
        ("second_before_window", -1, WINDOW_START, False),
        ("window_opens", 0, WINDOW_START, True),
        ("second_into_window", 1, WINDOW_START, True),
        ("last_second_of_window", -1, WINDOW_END, True),
        ("window_closed", 0, WINDOW_END, False),
        ("second_after_window", 1, WINDOW_END, False),
    ],
)
def test_rows_stand_on_both_sides_of_both_edges(
    ask: Ask, name: str, seconds: int, edge: object, is_inside: bool
) -> None:
    query = f"SELECT create_dt_tm, {IN_WINDOW} FROM clinical_event WHERE clinical_event_id = %({name})s"
    [(created, inside)] = ask(query)
    assert (created - edge).total_seconds() == seconds
    assert inside is is_inside


def test_the_edges_are_midnight_in_sweden(ask: Ask) -> None:
    query = "SELECT (create_dt_tm AT TIME ZONE 'Europe/Stockholm')::text FROM clinical_event WHERE clinical_event_id IN (%(window_opens)s, %(window_closed)s) ORDER BY 1"
    assert ask(query) == [("2024-11-12 00:00:00",), ("2024-11-21 00:00:00",)]


def test_the_test_patient_is_tolvan(ask: Ask) -> None:
    query = "SELECT name_full_formatted, alias FROM person JOIN person_alias USING (person_id) WHERE person_id = %(test_patient)s"
    assert ask(query) == [("Tolvansson, Tolvan", TOLVAN)]


def test_pathology_is_verified_27_november_on_an_order_of_14_november(ask: Ask) -> None:
    query = """
        SELECT o.orig_order_dt_tm::date::text, c.verified_dt_tm::date::text, c.discipline, b.format_cd = 23002, left(encode(b.blob_contents, 'escape'), 5)
        FROM orders AS o JOIN clinical_event AS c USING (order_id) JOIN ce_blob AS b USING (event_id)
        WHERE o.order_id = %(pathology_order)s AND c.clinical_event_id = %(pathology_verified_late)s
    """
    assert ask(query) == [("2024-11-14", "2024-11-27", "patologi", True, "%PDF-")]
    versions = "SELECT clinical_event_id, valid_until_dt_tm IS NULL FROM clinical_event WHERE event_id = %(pathology_preliminary)s ORDER BY valid_from_dt_tm"
    assert ask(versions) == [(900_022, False), (900_023, True)]


def test_a_diagnosis_is_dated_2009_and_was_entered_13_november(ask: Ask) -> None:
    query = "SELECT extract(year FROM diag_dt_tm), create_dt_tm::date::text FROM diagnosis WHERE diagnosis_id = %(diagnosis_of_2009)s"
    assert ask(query) == [(2009, "2024-11-13")]


def test_a_booking_lies_in_february_2025(ask: Ask) -> None:
    query = f"SELECT to_char(beg_dt_tm, 'YYYY-MM'), {IN_WINDOW} FROM sch_appt WHERE sch_appt_id = %(booking_in_2025)s"
    assert ask(query) == [("2025-02", True)]


def test_a_row_was_changed_2_december(ask: Ask) -> None:
    query = f"""
        SELECT updt_dt_tm::date::text, updt_cnt, {IN_WINDOW}, (SELECT username FROM prsnl WHERE person_id = c.updt_id)
        FROM clinical_event AS c WHERE clinical_event_id = %(late_write)s
    """
    assert ask(query) == [("2024-12-02", 1, True, PERSONAS["colleague"])]


def test_a_note_is_unsigned(ask: Ask) -> None:
    query = """
        SELECT c.verified_dt_tm, s.display, a.display, x.display
        FROM clinical_event AS c JOIN ce_event_prsnl AS e USING (event_id)
        JOIN code_value AS s ON s.code_value = c.result_status_cd
        JOIN code_value AS a ON a.code_value = e.action_type_cd
        JOIN code_value AS x ON x.code_value = e.action_status_cd
        WHERE c.clinical_event_id = %(unsigned_note)s ORDER BY a.display
    """
    assert ask(query) == [(None, "Osignerad", "Signerad", "Begärd"), (None, "Osignerad", "Skriven", "Utförd")]


def test_a_version_is_marked_as_an_error(ask: Ask) -> None:
    query = """
        SELECT c.clinical_event_id, v.cdf_meaning, c.valid_until_dt_tm IS NULL
        FROM clinical_event AS c JOIN code_value AS v ON v.code_value = c.result_status_cd
        WHERE c.event_id = %(version_before_error)s ORDER BY c.valid_from_dt_tm
    """
    assert ask(query) == [(900_071, "AUTH", False), (900_072, "INERROR", True)]


def test_only_the_planted_events_have_several_versions_or_no_signature(ask: Ask) -> None:
    several = "SELECT event_id FROM clinical_event GROUP BY event_id HAVING count(*) > 1 ORDER BY 1"
    assert ask(several) == [(900_022,), (900_071,)]
    unverified = "SELECT clinical_event_id FROM clinical_event WHERE verified_dt_tm IS NULL ORDER BY 1"
    assert ask(unverified) == [(900_022,), (900_061,)]


@pytest.mark.parametrize(
    ("name", "administration", "is_southern"),
    [
        ("blocked_unit", "Södra Älvsborgs Sjukhus", 1),
        ("private_provider", "Privata vårdgivare", 1),
        ("outside_the_south", "Annan förvaltning", 0),
    ],
)
def test_one_patient_has_contacts_in_three_kinds_of_unit(
    ask: Ask, name: str, administration: str, is_southern: int
) -> None:
    query = f"SELECT person_id, forvaltning, sodra_ind FROM encounter JOIN organization USING (organization_id) WHERE encntr_id = %({name})s"
    assert ask(query) == [(900_080, administration, is_southern)]


def test_the_private_provider_is_another_care_provider(ask: Ask) -> None:
    query = "SELECT DISTINCT vardgivare_hsa_id, forvaltning = 'Privata vårdgivare' FROM organization ORDER BY 2"
    [(region, _), (private, is_private)] = ask(query)
    assert is_private
    assert region != private


def test_one_person_is_protected(ask: Ask) -> None:
    assert ask("SELECT person_id FROM person WHERE skyddad_ind = 1") == [(PLANTED["protected_person"].key[1],)]


def test_an_employee_is_a_patient(ask: Ask) -> None:
    query = (
        "SELECT username FROM encounter AS e JOIN prsnl AS p USING (person_id) WHERE e.encntr_id = %(staff_as_patient)s"
    )
    assert ask(query) == [(PERSONAS["is_patient"],)]
    patients = "SELECT DISTINCT username FROM encounter AS e JOIN prsnl AS p USING (person_id)"
    assert ask(patients) == [(PERSONAS["is_patient"],)]
    assert len(STAFF) == 40


def test_two_patients_have_one_name_and_two_numbers(ask: Ask) -> None:
    query = "SELECT name_full_formatted, count(DISTINCT alias) FROM person JOIN person_alias USING (person_id) WHERE person_id IN (%(namesake_one)s, %(namesake_other)s) GROUP BY 1"
    assert ask(query) == [("Andersson, Karl", 2)]


@pytest.mark.parametrize(
    ("name", "display"), [("samordningsnummer", "Samordningsnummer"), ("reservnummer", "Reservnummer")]
)
def test_other_numbers_than_personnummer_occur(ask: Ask, name: str, display: str) -> None:
    query = f"SELECT alias, display FROM person_alias AS a JOIN code_value AS v ON v.code_value = a.person_alias_type_cd WHERE person_alias_id = %({name})s"
    [(alias, found)] = ask(query)
    assert found == display
    if name == "samordningsnummer":
        assert int(alias[6:8]) > 60
        assert is_test_number(alias)
    else:
        assert not alias.isdigit()
