"""Numbers that can belong to nobody."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard_cli.demo.identifiers import (
    TOLVAN,
    has_valid_check_digit,
    hsa_id,
    is_test_number,
    luhn_digit,
    personnummer,
    reservnummer,
    samordningsnummer,
)

births = st.dates(date(1900, 1, 1), date(2024, 12, 31))
birth_numbers = st.integers(980, 999)


@pytest.mark.parametrize(("digits", "digit"), [("811218987", 6), ("640823323", 4), ("121212121", 2), ("000000000", 0)])
def test_luhn_agrees_with_published_examples(digits: str, digit: int) -> None:
    assert luhn_digit(digits) == digit


@given(births, birth_numbers)
def test_a_personnummer_is_a_test_number_of_that_date(born: date, birth_number: int) -> None:
    number = personnummer(born, birth_number)
    assert number[:8] == f"{born:%Y%m%d}"
    assert number[8:11] == str(birth_number)
    assert is_test_number(number)


@given(births, birth_numbers)
def test_a_samordningsnummer_has_sixty_added_to_the_day(born: date, birth_number: int) -> None:
    number = samordningsnummer(born, birth_number)
    assert int(number[6:8]) == born.day + 60
    assert is_test_number(number)


@given(births, st.one_of(st.integers(0, 979), st.integers(1000, 9999)))
def test_a_birth_number_that_may_be_somebodys_is_refused(born: date, birth_number: int) -> None:
    with pytest.raises(ValueError, match="980 to 999"):
        personnummer(born, birth_number)


@given(births, birth_numbers, st.integers(0, 11), st.integers(1, 9))
def test_any_changed_digit_is_noticed_or_leaves_the_range(born: date, birth_number: int, at: int, by: int) -> None:
    number = personnummer(born, birth_number)
    changed = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
    if at >= 2:  # the century is not under the check digit
        assert not has_valid_check_digit(changed)
        assert not is_test_number(changed)


@pytest.mark.parametrize("number", ["", "19811218", "198112189877", "191212121213", "181212121212", "19121212121x"])
def test_what_is_no_test_number_is_not_taken_for_one(number: str) -> None:
    assert not is_test_number(number)


def test_the_test_patient_is_the_one_exception() -> None:
    assert is_test_number(TOLVAN)
    assert int(TOLVAN[8:11]) < 980


def test_a_reservnummer_cannot_be_taken_for_a_personnummer() -> None:
    assert reservnummer(date(1975, 1, 1), 7) == "19750101RN07"
    assert not is_test_number(reservnummer(date(1975, 1, 1), 7))


def test_an_hsa_id_has_the_regions_form() -> None:
    assert re.fullmatch(r"SE[0-9]{10}-[A-Z][0-9]{12}", hsa_id("9999999999", "P", 17))
