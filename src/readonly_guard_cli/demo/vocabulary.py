"""The words of the synthetic database: code sets, units, names and clinical phrases.

Tables of words only; what is made of them is in `readonly_guard_cli.demo.millennium`. Unit names are invented, the
names of the administrations are those of the routine. Names are common Swedish names, combined by chance.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from readonly_guard_cli.demo.identifiers import hsa_id

__all__ = [
    "ALLERGENS",
    "CODES",
    "CODE_SETS",
    "DIAGNOSES",
    "FIRST_NAMES",
    "LABORATORY_TESTS",
    "LAST_NAMES",
    "NOTE_PHRASES",
    "UNITS",
    "VACCINES",
    "LaboratoryTest",
    "Unit",
]

_REGION: Final = "9999999999"  # organisation numbers that are plainly nobody's
_PRIVATE: Final = "8888888888"  # another care provider: inner secrecy does not cover it

# set name -> (code set number, the codes as (cdf_meaning, display)). The numbers follow the original where they are
# publicly known; the code values are ours: code set * 1000 + place in the set.
CODE_SETS: Final[dict[str, tuple[int, tuple[tuple[str, str], ...]]]] = {
    "alias": (4, (("SSN", "Personnummer"), ("COORDINATION", "Samordningsnummer"), ("RESERVE", "Reservnummer"))),
    "status": (
        8,
        (("AUTH", "Signerad"), ("IN PROGRESS", "Osignerad"), ("MODIFIED", "Ändrad"), ("INERROR", "Felaktig")),
    ),
    "action": (21, (("PERFORM", "Skriven"), ("SIGN", "Signerad"), ("VERIFY", "Vidimerad"))),
    "format": (23, (("TXT", "Text"), ("PDF", "PDF"))),
    "class": (
        53,
        (
            ("NUM", "Mätvärde"),
            ("TXT", "Text"),
            ("DOC", "Anteckning"),
            ("MDOC", "Anteckning, sammansatt"),
            ("IMMUN", "Vaccination"),
            ("MBO", "Mikrobiologi"),
        ),
    ),
    "units": (
        54,
        (
            ("CM", "cm"),
            ("KG", "kg"),
            ("MMOLL", "mmol/L"),
            ("GL", "g/L"),
            ("MGL", "mg/L"),
            ("E9L", "10⁹/L"),
            ("UMOLL", "µmol/L"),
            ("KUL", "kU/L"),
        ),
    ),
    "sex": (57, (("FEMALE", "Kvinna"), ("MALE", "Man"))),
    "encounter": (71, (("INPATIENT", "Slutenvård"), ("OUTPATIENT", "Öppenvård"), ("EMERGENCY", "Akutbesök"))),
    "event": (
        72,
        (
            ("HEIGHT", "Längd"),
            ("WEIGHT", "Vikt"),
            ("NOTE_ADMISSION", "Inskrivningsanteckning"),
            ("NOTE_VISIT", "Besöksanteckning"),
            ("NOTE_NURSING", "Omvårdnadsanteckning"),
            ("VACCINATION", "Vaccination"),
            ("P_NA", "P-Natrium"),
            ("P_KREA", "P-Kreatinin"),
            ("P_CRP", "P-CRP"),
            ("B_HB", "B-Hemoglobin"),
            ("B_LPK", "B-Leukocyter"),
            ("S_IGE", "S-IgE"),
            ("BORRELIA", "S-Borrelia-antikroppar"),
            ("URINE_CULTURE", "Urinodling"),
            ("WOUND_CULTURE", "Sårodling"),
            ("PATHOLOGY", "Patologi PAD"),
            ("GENETICS", "Genetisk analys"),
        ),
    ),
    "position": (
        88,
        (
            ("PHYSICIAN", "Läkare"),
            ("NURSE", "Sjuksköterska"),
            ("MIDWIFE", "Barnmorska"),
            ("SECRETARY", "Medicinsk sekreterare"),
            ("BMA", "Biomedicinsk analytiker"),
            ("PATHOLOGIST", "Patolog"),
            ("MANAGER", "Verksamhetschef"),
            ("QUALITY", "Kvalitetsutvecklare"),
            ("ARCHIVIST", "Arkivarie"),
            ("SERVICE", "Servicemedarbetare"),
        ),
    ),
    "system": (89, (("MILLENNIUM", "Millennium"), ("ANALYTIX", "CGM Analytix"), ("PDF_LAB", "PDF-svar"))),
    "action_status": (103, (("COMPLETED", "Utförd"), ("REQUESTED", "Begärd"))),
    "compression": (120, (("NOCOMP", "Okomprimerad"),)),
    "order": (
        200,
        (
            ("CHEMISTRY", "Kemi"),
            ("IMMUNOLOGY", "Immunologi"),
            ("HAEMATOLOGY", "Hematologi"),
            ("SEROLOGY", "Serologi"),
            ("MICROBIOLOGY", "Mikrobiologi"),
            ("PATHOLOGY", "Patologi"),
            ("GENETICS", "Genetik"),
        ),
    ),
    "location": (
        220,
        (("WARD1", "Avdelning 1"), ("WARD2", "Avdelning 2"), ("CLINIC", "Mottagning"), ("ER", "Akutrum")),
    ),
    "relation": (333, (("ATTENDDOC", "Ansvarig läkare"), ("NURSE", "Sjuksköterska"), ("SECRETARY", "Sekreterare"))),
    "order_status": (6004, (("ORDERED", "Beställd"), ("COMPLETED", "Utförd"))),
    "severity": (12022, (("MILD", "Lindrig"), ("SEVERE", "Svår"))),
    "reaction_status": (12025, (("ACTIVE", "Aktiv"),)),
    "appointment": (14230, (("REVISIT", "Återbesök"), ("NEW", "Nybesök"))),
    "appointment_state": (14233, (("CONFIRMED", "Bokad"), ("CHECKED OUT", "Avslutad"))),
    "diagnosis": (17, (("PRIMARY", "Huvuddiagnos"), ("SECONDARY", "Bidiagnos"))),
}

CODES: Final[dict[tuple[str, str], int]] = {
    (name, meaning): number * 1000 + place
    for name, (number, codes) in CODE_SETS.items()
    for place, (meaning, _) in enumerate(codes, 1)
}
"""The code value of (set name, cdf_meaning)."""


class Unit(NamedTuple):
    """A care unit, or one that is not care."""

    organization_id: int
    name: str
    organisation_number: str
    administration: str
    is_southern: bool

    @property
    def hsa_id(self) -> str:
        """The unit's HSA-id."""
        return hsa_id(self.organisation_number, "E", self.organization_id)

    @property
    def provider_hsa_id(self) -> str:
        """HSA-id of the care provider (vårdgivare) it belongs to."""
        return hsa_id(self.organisation_number, "E", 0)


def _unit(serial: int, name: str, administration: str, *, number: str = _REGION, is_southern: bool = True) -> Unit:
    return Unit(5000 + serial, name, number, administration, is_southern)


UNITS: Final[dict[str, Unit]] = {
    "medicine": _unit(1, "Medicinavdelning 1", "Södra Älvsborgs Sjukhus"),
    "surgery": _unit(2, "Kirurgmottagning", "Södra Älvsborgs Sjukhus"),
    "emergency": _unit(3, "Akutmottagning", "Södra Älvsborgs Sjukhus"),
    "psychiatry": _unit(4, "Psykiatrisk mottagning", "Södra Älvsborgs Sjukhus"),
    "paediatrics": _unit(5, "Barn- och ungdomsmottagning", "Regionhälsan"),
    "midwifery": _unit(6, "Barnmorskemottagning", "Regionhälsan"),
    "service": _unit(7, "Vårdnära service", "Fastighet, stöd och service"),
    "primary_care": _unit(8, "Vårdcentral Exempelby", "Närhälsan"),
    "rehabilitation": _unit(9, "Rehabmottagning Exempelby", "Närhälsan"),
    "chemistry": _unit(10, "Klinisk kemi", "Regional laboratoriemedicin"),
    "microbiology": _unit(11, "Klinisk mikrobiologi", "Regional laboratoriemedicin"),
    "pathology": _unit(12, "Klinisk patologi", "Regional laboratoriemedicin"),
    "private": _unit(13, "Exempelvården Vårdcentral", "Privata vårdgivare", number=_PRIVATE),
    "elsewhere": _unit(14, "Medicinmottagning Exempelstad", "Annan förvaltning", is_southern=False),
}


class LaboratoryTest(NamedTuple):
    """A test and the bounds of the values it gives; ``units`` None for a test whose answer is text."""

    event: str
    order: str
    discipline: str
    units: str | None
    low: float
    high: float
    decimals: int


LABORATORY_TESTS: Final = (
    LaboratoryTest("P_NA", "CHEMISTRY", "kemi", "MMOLL", 132, 147, 0),
    LaboratoryTest("P_KREA", "CHEMISTRY", "kemi", "UMOLL", 45, 140, 0),
    LaboratoryTest("P_CRP", "CHEMISTRY", "kemi", "MGL", 1, 120, 0),
    LaboratoryTest("B_HB", "HAEMATOLOGY", "hematologi", "GL", 95, 170, 0),
    LaboratoryTest("B_LPK", "HAEMATOLOGY", "hematologi", "E9L", 3, 16, 1),
    LaboratoryTest("S_IGE", "IMMUNOLOGY", "immunologi", "KUL", 2, 300, 0),
    LaboratoryTest("BORRELIA", "SEROLOGY", "serologi", None, 0, 0, 0),
    LaboratoryTest("URINE_CULTURE", "MICROBIOLOGY", "mikrobiologi", None, 0, 0, 0),
    LaboratoryTest("WOUND_CULTURE", "MICROBIOLOGY", "mikrobiologi", None, 0, 0, 0),
)

# (ICD-10-SE code, display)
DIAGNOSES: Final = (
    ("I10.9", "Essentiell hypertoni"),
    ("E11.9", "Diabetes mellitus typ 2"),
    ("J45.9", "Astma, ospecificerad"),
    ("J18.9", "Pneumoni, ospecificerad"),
    ("N39.0", "Urinvägsinfektion"),
    ("I48.9", "Förmaksflimmer och förmaksfladder"),
    ("M54.5", "Lumbago"),
    ("S52.5", "Fraktur på nedre delen av radius"),
    ("K35.8", "Akut appendicit"),
    ("F32.9", "Depressiv episod"),
    ("Z34.9", "Kontroll av normal graviditet"),
    ("R07.4", "Bröstsmärtor, ospecificerade"),
)

ALLERGENS: Final = ("Penicillin", "Jordnöt", "Latex", "Kontrastmedel", "Björkpollen", "Acetylsalicylsyra")

VACCINES: Final = ("Influensavaccin", "Covid-19-vaccin", "Stelkrampsvaccin", "MPR-vaccin", "Pneumokockvaccin")

NOTE_PHRASES: Final = (
    "Söker på grund av nytillkomna besvär.",
    "Tidigare väsentligen frisk.",
    "Allmäntillståndet är gott och opåverkat.",
    "Hjärta och lungor undersökta utan anmärkning.",
    "Blodtryck i sittande är normalt.",
    "Prover tagna enligt ordination.",
    "Fortsatt behandling diskuterad med patienten.",
    "Återbesök planeras om tre månader.",
    "Patienten är informerad och införstådd.",
    "Omvårdnadsplan upprättad.",
)

FIRST_NAMES: Final = {
    "FEMALE": (
        "Anna", "Maria", "Eva", "Karin", "Sara", "Emma", "Elin", "Åsa", "Ingrid", "Märta", "Birgitta", "Malin",
        "Frida", "Ebba", "Astrid", "Linnéa", "Fatima", "Amina", "Zahra", "Katarina",
    ),
    "MALE": (
        "Erik", "Lars", "Karl", "Anders", "Johan", "Per", "Nils", "Göran", "Åke", "Mats", "Oskar", "Emil",
        "Gustav", "Björn", "Sven", "Håkan", "Ali", "Omar", "Yusuf", "Hugo",
    ),
}  # fmt: skip

LAST_NAMES: Final = (
    "Andersson", "Johansson", "Karlsson", "Nilsson", "Eriksson", "Larsson", "Olsson", "Persson", "Svensson",
    "Gustafsson", "Lindqvist", "Bergström", "Sjöberg", "Åkesson", "Öberg", "Ström", "Hedlund", "Wallin", "Nyberg",
    "Forsberg", "Lundgren", "Sandberg", "Ek", "Holm", "Dahl", "Norén", "Ahmed", "Hassan", "Ali", "Ibrahim",
)  # fmt: skip
