"""Who works in the demo: forty invented employees, and the parts that some of them play.

A fixed table, so that user names can be written into a story and into tests. What the database knows about them is made
in `readonly_guard_cli.demo.millennium`, what the policy knows in `readonly_guard_cli.demo.roster`.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from readonly_guard_cli.demo.identifiers import hsa_id
from readonly_guard_cli.demo.vocabulary import UNITS, Unit

__all__ = ["PERSONAS", "STAFF", "Employee"]

PERSONAS: Final = {
    "physician": "alind",
    "colleague": "jwallin",
    "nurse": "bberg",
    "secretary": "choglund",
    "manager": "enyman",
    "quality_developer": "dekman",
    "pathologist": "pgran",
    "archivist": "farkel",
    "not_care": "tsten",
    "private_provider": "iroos",
    "outside_the_south": "mfalk",
    "is_patient": "karvids",
    "has_not_acknowledged": "gsjoholm",
    "revoked": "hstrand",
    "granted_after_freeze": "nnylen",
    "never_listed": "osund",
}
"""User names by the part they play."""

_FIRST_PERSON_ID: Final = 301


class Employee(msgspec.Struct, frozen=True, kw_only=True):
    """An employee: a person, a row in prsnl, a database role and (mostly) an entry in the roster.

    Attributes:
        username: database role, valid without quoting.
        person_id: key in person and prsnl.
        position: cdf_meaning of the position.
        unit: key in :data:`readonly_guard_cli.demo.vocabulary.UNITS`.
    """

    username: str
    person_id: int
    name_first: str
    name_last: str
    sex: str
    born: date
    position: str
    unit: str
    hsa_id: str

    @property
    def care_unit(self) -> Unit:
        """The unit of the commission."""
        return UNITS[self.unit]


# (user name, first name, last name, sex, position, unit)
_TABLE: Final = (
    ("alind", "Anna", "Lind", "FEMALE", "PHYSICIAN", "medicine"),
    ("jwallin", "Johan", "Wallin", "MALE", "PHYSICIAN", "medicine"),
    ("bberg", "Birgitta", "Berg", "FEMALE", "NURSE", "medicine"),
    ("karvids", "Katarina", "Arvidsson", "FEMALE", "NURSE", "medicine"),
    ("choglund", "Carina", "Höglund", "FEMALE", "SECRETARY", "medicine"),
    ("enyman", "Eva", "Nyman", "FEMALE", "MANAGER", "medicine"),
    ("dekman", "David", "Ekman", "MALE", "QUALITY", "medicine"),
    ("gsjoholm", "Gunnar", "Sjöholm", "MALE", "PHYSICIAN", "surgery"),
    ("lhjelm", "Lena", "Hjelm", "FEMALE", "PHYSICIAN", "surgery"),
    ("rblom", "Rolf", "Blom", "MALE", "NURSE", "surgery"),
    ("sengman", "Sofia", "Engman", "FEMALE", "SECRETARY", "surgery"),
    ("hstrand", "Henrik", "Strand", "MALE", "PHYSICIAN", "emergency"),
    ("yhaddad", "Yasmin", "Haddad", "FEMALE", "PHYSICIAN", "emergency"),
    ("cmoberg", "Camilla", "Moberg", "FEMALE", "NURSE", "emergency"),
    ("nnylen", "Nora", "Nylén", "FEMALE", "NURSE", "emergency"),
    ("vdahlin", "Viktor", "Dahlin", "MALE", "PHYSICIAN", "psychiatry"),
    ("mkarlen", "Monica", "Karlén", "FEMALE", "NURSE", "psychiatry"),
    ("aroth", "Agnes", "Roth", "FEMALE", "PHYSICIAN", "paediatrics"),
    ("pfrisk", "Petra", "Frisk", "FEMALE", "NURSE", "paediatrics"),
    ("ubrandt", "Ulrika", "Brandt", "FEMALE", "PHYSICIAN", "midwifery"),
    ("sthelin", "Susanne", "Thelin", "FEMALE", "MIDWIFE", "midwifery"),
    ("whallgren", "Wilma", "Hallgren", "FEMALE", "MIDWIFE", "midwifery"),
    ("tsten", "Tomas", "Sten", "MALE", "SERVICE", "service"),
    ("farkel", "Filip", "Arkel", "MALE", "ARCHIVIST", "service"),
    ("kmattson", "Kristina", "Mattson", "FEMALE", "PHYSICIAN", "primary_care"),
    ("rkhalil", "Rami", "Khalil", "MALE", "PHYSICIAN", "primary_care"),
    ("iostlund", "Inger", "Östlund", "FEMALE", "NURSE", "primary_care"),
    ("bfors", "Berit", "Fors", "FEMALE", "SECRETARY", "primary_care"),
    ("osund", "Oliver", "Sund", "MALE", "PHYSICIAN", "rehabilitation"),
    ("lpalm", "Lovisa", "Palm", "FEMALE", "NURSE", "rehabilitation"),
    ("zomar", "Zeinab", "Omar", "FEMALE", "BMA", "chemistry"),
    ("jhagman", "Jesper", "Hagman", "MALE", "BMA", "chemistry"),
    ("eborg", "Elsa", "Borg", "FEMALE", "PHYSICIAN", "microbiology"),
    ("kljung", "Kerstin", "Ljung", "FEMALE", "BMA", "microbiology"),
    ("pgran", "Peter", "Gran", "MALE", "PATHOLOGIST", "pathology"),
    ("svik", "Sanna", "Vik", "FEMALE", "BMA", "pathology"),
    ("iroos", "Ida", "Roos", "FEMALE", "PHYSICIAN", "private"),
    ("mtorn", "Martin", "Törn", "MALE", "NURSE", "private"),
    ("mfalk", "Mikael", "Falk", "MALE", "PHYSICIAN", "elsewhere"),
    ("ehav", "Ellen", "Hav", "FEMALE", "NURSE", "elsewhere"),
)


def _employee(place: int, row: tuple[str, str, str, str, str, str]) -> Employee:
    username, first, last, sex, position, unit = row
    return Employee(
        username=username,
        person_id=_FIRST_PERSON_ID + place,
        name_first=first,
        name_last=last,
        sex=sex,
        born=date(1960 + place % 35, 1 + place % 12, 1 + place % 28),
        position=position,
        unit=unit,
        hsa_id=hsa_id(UNITS[unit].organisation_number, "P", 1 + place),
    )


STAFF: Final = tuple(_employee(place, row) for place, row in enumerate(_TABLE))
"""All forty."""
