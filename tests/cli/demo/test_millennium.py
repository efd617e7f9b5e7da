"""The generated dataset, before any database has seen it."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from readonly_guard_cli.demo import PERSONAS, PLANTED, SEED, STAFF, WINDOW_END, WINDOW_START, Dataset, generate
from readonly_guard_cli.demo.identifiers import is_test_number
from readonly_guard_cli.demo.tables import COLUMNS, RowBuilder
from readonly_guard_cli.demo.vocabulary import CODES, UNITS

MASTER_DATA = {"code_value", "organization", "prsnl"}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return generate()


def test_the_same_seed_gives_the_same_rows(dataset: Dataset) -> None:
    assert generate(SEED) == dataset


def test_another_seed_gives_other_patients_and_the_same_staff_and_planted_rows(dataset: Dataset) -> None:
    other = generate(SEED + 1)
    assert other.tables["person"] != dataset.tables["person"]
    assert other.staff == dataset.staff
    for planted in PLANTED.values():
        column, key = planted.key
        one, another = ([row for row in data.records(planted.table) if row[column] == key] for data in (dataset, other))
        assert one == another
        assert len(one) == 1


def test_the_size_is_what_the_domain_asks_for(dataset: Dataset) -> None:
    rows = {table: len(rows) for table, rows in dataset.tables.items()}
    assert 190 <= rows["person"] <= 210
    assert rows["prsnl"] == len(dataset.staff) == 40
    assert 3_800 <= sum(rows.values()) <= 4_300
    assert all(rows.values())


def test_keys_are_unique_and_tables_share_none(dataset: Dataset) -> None:
    seen: dict[object, str] = {}
    for table, rows in dataset.tables.items():
        if table in {"prsnl", "ce_blob"}:  # keyed by person and by event
            continue
        for row in rows:
            key = row[0]
            assert seen.setdefault((table, key), table) == table
        assert len({row[0] for row in rows}) == len(rows)


def test_every_number_is_one_that_nobody_has(dataset: Dataset) -> None:
    aliases = dataset.records("person_alias")
    kinds = {CODES["alias", kind]: kind for kind in ("SSN", "COORDINATION", "RESERVE")}
    found = {kinds[row["person_alias_type_cd"]] for row in aliases}
    assert found == {"SSN", "COORDINATION", "RESERVE"}
    for row in aliases:
        assert is_test_number(row["alias"]) != (kinds[row["person_alias_type_cd"]] == "RESERVE")


def test_no_other_text_looks_like_a_personnummer(dataset: Dataset) -> None:
    shape = re.compile(r"(?<![0-9])(?:19|20)?[0-9]{6}[-+]?[0-9]{4}(?![0-9])")
    hsa = re.compile(r"SE[0-9]{10}-[A-Z][0-9]{12}")
    for table, rows in dataset.tables.items():
        if table != "person_alias":
            texts = [hsa.sub("", value) for row in rows for value in row if isinstance(value, str)]
            assert not [text for text in texts if shape.search(text)]


def test_a_personnummer_agrees_with_birth_and_sex(dataset: Dataset) -> None:
    people = {row["person_id"]: row for row in dataset.records("person")}
    for row in dataset.records("person_alias"):
        if row["person_alias_type_cd"] == CODES["alias", "SSN"]:
            person = people[row["person_id"]]
            assert row["alias"][:8] == f"{person['birth_dt_tm']:%Y%m%d}"
            assert (int(row["alias"][10]) % 2 == 1) == (person["sex_cd"] == CODES["sex", "MALE"])


def test_only_planted_rows_were_created_outside_the_window(dataset: Dataset) -> None:
    outside = {
        (table, row[COLUMNS[table][0]])
        for table in dataset.tables.keys() - MASTER_DATA
        for row in dataset.records(table)
        if not WINDOW_START <= row["create_dt_tm"] < WINDOW_END
    }
    staff = {("person", one.person_id) for one in STAFF}
    answer = PLANTED["pathology_verified_late"].key[1]
    event = PLANTED["pathology_preliminary"].key[1]
    planted = {
        *((PLANTED[name].table, PLANTED[name].key[1]) for name in ("second_before_window", "window_closed")),
        ("clinical_event", PLANTED["second_after_window"].key[1]),
        ("clinical_event", answer),
        ("ce_blob", event),
        *(
            ("ce_event_prsnl", row["ce_event_prsnl_id"])
            for row in dataset.records("ce_event_prsnl")
            if row["event_id"] == event
        ),
    }
    assert outside == staff | planted


def test_nothing_was_changed_after_the_window_but_what_is_planted(dataset: Dataset) -> None:
    late = {
        (table, row[COLUMNS[table][0]])
        for table in dataset.tables
        for row in dataset.records(table)
        if row["updt_dt_tm"] != row["create_dt_tm"] and row["updt_dt_tm"] >= WINDOW_END
    }
    assert late == {
        (PLANTED[name].table, PLANTED[name].key[1])
        for name in ("late_write", "pathology_order", "pathology_preliminary")
    }


def test_every_point_in_time_says_its_zone(dataset: Dataset) -> None:
    for rows in dataset.tables.values():
        assert all(value.tzinfo is not None for row in rows for value in row if isinstance(value, datetime))


def test_user_names_need_no_quoting_and_are_unique() -> None:
    names = [one.username for one in STAFF]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]{4,12}", name) for name in names)
    assert set(PERSONAS.values()) <= set(names)


def test_hsa_ids_have_the_regions_form_and_are_unique(dataset: Dataset) -> None:
    found = [row["hsa_id"] for table in ("prsnl", "organization") for row in dataset.records(table)]
    assert len(set(found)) == len(found) == len(STAFF) + len(UNITS)
    assert all(re.fullmatch(r"SE[0-9]{10}-[A-Z][0-9]{12}", one) for one in found)


def test_who_was_hired_later_wrote_nothing(dataset: Dataset) -> None:
    later = {
        one.person_id for one in STAFF if one.username in {PERSONAS["granted_after_freeze"], PERSONAS["never_listed"]}
    }
    for table in dataset.tables.keys() - MASTER_DATA - {"person"}:
        for row in dataset.records(table):
            people = {value for column, value in row.items() if column.endswith("prsnl_id") or column == "updt_id"}
            assert not people & later


def test_a_row_with_an_unknown_column_is_refused() -> None:
    with pytest.raises(ValueError, match="no_such_column"):
        RowBuilder().add("allergy", WINDOW_START, no_such_column=1)
