"""Numbers that identify people and units, made so that they can belong to nobody.

Here lives how a personnummer, samordningsnummer, reservnummer and HSA-id is built and recognised. Who gets which does
not.

Skatteverket sets aside the birth numbers 980 to 999 of every date for tests and publishes such numbers as test data: a
personnummer from that range is well formed, has a correct check digit and is never given to a person. Inera's test
patient Tolvan Tolvansson, 19 121212-1212, is the one number outside the range that is used here.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

__all__ = [
    "TOLVAN",
    "has_valid_check_digit",
    "hsa_id",
    "is_test_number",
    "luhn_digit",
    "personnummer",
    "reservnummer",
    "samordningsnummer",
]

TOLVAN: Final = "191212121212"
"""Inera's test patient."""

_FIRST_TEST_BIRTH_NUMBER: Final = 980
_LAST_TEST_BIRTH_NUMBER: Final = 999
_COORDINATION_DAYS: Final = 60  # a samordningsnummer carries the day of birth plus 60
_IDENTITY_NUMBER: Final = re.compile(r"(?:19|20)[0-9]{10}")


def luhn_digit(digits: str) -> int:
    """The check digit that makes ``digits`` plus itself pass the Luhn (modulus 10) test."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


def has_valid_check_digit(number: str) -> bool:
    """Whether a 12 digit personal identity number has the right check digit: Luhn over the last ten."""
    return luhn_digit(number[2:11]) == int(number[11])


def is_test_number(number: str) -> bool:
    """Whether a 12 digit number is one that nobody has: from Skatteverket's test range, or Tolvan's."""
    if not _IDENTITY_NUMBER.fullmatch(number) or not has_valid_check_digit(number):
        return False
    return number == TOLVAN or int(number[8:11]) >= _FIRST_TEST_BIRTH_NUMBER


def personnummer(born: date, birth_number: int) -> str:
    """A test personnummer, 12 digits.

    Args:
        born: date of birth.
        birth_number: 980 to 999; odd for a man, even for a woman.

    Raises:
        ValueError: the birth number is outside the test range.
    """
    return _identity_number(born, born.day, birth_number)


def samordningsnummer(born: date, birth_number: int) -> str:
    """A test samordningsnummer: as a personnummer, with 60 added to the day. See :func:`personnummer`."""
    return _identity_number(born, born.day + _COORDINATION_DAYS, birth_number)


def reservnummer(born: date, serial: int) -> str:
    """A local reserve number: date of birth, the letters RN, a serial number of two digits. It has no check digit.

    Every region has a form of its own; this one is the demo's.
    """
    return f"{born:%Y%m%d}RN{serial:02d}"


def hsa_id(organisation_number: str, kind: str, serial: int) -> str:
    """An HSA-id in the form used at VGR, ``SE`` + ten digits + ``-`` + a letter + twelve digits.

    Args:
        organisation_number: ten digits.
        kind: one capital letter.
        serial: made into twelve digits.
    """
    return f"SE{organisation_number}-{kind}{serial:012d}"


def _identity_number(born: date, day: int, birth_number: int) -> str:
    if not _FIRST_TEST_BIRTH_NUMBER <= birth_number <= _LAST_TEST_BIRTH_NUMBER:
        raise ValueError(f"birth number {birth_number} is not 980 to 999: it may belong to a person")
    nine = f"{born:%y%m}{day:02d}{birth_number}"
    return f"{born.year // 100}{nine}{luhn_digit(nine)}"
