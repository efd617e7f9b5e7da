"""Patients in every format: by the identifier where the log knows whose a key is, each once, and by the key otherwise."""

import csv
import io
import json

import pytest
from lxml import etree

from readonly_guard.audit import Identities
from readonly_guard.audit.export import FORMATS
from readonly_guard.audit.export.port import national_oid
from readonly_guard.domain import IdentificationRecord

LOG = "urn:riv:informationsecurity:auditing:log:2"


@pytest.fixture
def tolvan():
    """Two keys of one patient."""
    return Identities(
        IdentificationRecord(time="t", patient=key, identifiers=("191212121212", "19121212RN01"), source="register")
        for key in ("person_id:900001", "alias:191212121212")
    )


@pytest.mark.parametrize(
    ("identifier", "oid"),
    [
        ("191212121212", "1.2.752.129.2.1.3.1"),
        ("199001712394", "1.2.752.129.2.1.3.3"),
        ("19121212RN01", None),
        ("9001012394", None),
        ("\u0661" * 12, None),
    ],
)
def test_a_number_is_known_by_its_form(identifier, oid):
    assert national_oid(identifier) == oid


def test_csv(exported, tolvan):
    rows = list(csv.DictReader(io.StringIO(exported("csv", tolvan).decode("utf-8-sig"), newline=""), delimiter=";"))

    assert rows[0]["Patient"] == "191212121212"
    assert rows[0]["Patientnycklar"] == "person_id:900001, alias:191212121212"
    assert rows[4]["Patient"].startswith("person_id:"), "nobody's key stays what it is"


def test_fhir(exported, tolvan):
    event = json.loads(exported("fhir", tolvan))["entry"][2]["resource"]
    (patient,) = [entity for entity in event["entity"] if "what" in entity]

    assert patient["what"]["identifier"] == {"system": "urn:oid:1.2.752.129.2.1.3.1", "value": "191212121212"}
    assert [(item["type"], item["valueString"]) for item in patient["detail"]] == [
        ("patient key", "person_id:900001"), ("patient key", "alias:191212121212"), ("identifier", "19121212RN01"),
    ]  # fmt: skip


def test_storelog(exported, tolvan):
    first = etree.fromstring(exported("storelog", tolvan))[0]

    found = [(item.findtext(f"{{{LOG}}}root"), item.findtext(f"{{{LOG}}}extension"))
             for item in first.iter(f"{{{LOG}}}patientId")]  # fmt: skip
    assert found == [("1.2.752.129.2.1.3.1", "191212121212")]


def test_storelog_with_a_reserve_number(exported):
    record = IdentificationRecord(
        time="t", patient="person_id:900001", identifiers=("19121212RN01",), source="register"
    )
    first = etree.fromstring(exported("storelog", Identities([record])))[0]

    assert first.findtext(f".//{{{LOG}}}root") == "readonly-guard:patient"
    assert first.findtext(f".//{{{LOG}}}extension") == "19121212RN01"


def test_ocsf(exported, tolvan):
    event = json.loads(exported("ocsf", tolvan).splitlines()[0])

    assert event["unmapped"]["patients"] == ["person_id:900001", "alias:191212121212"]
    assert event["unmapped"]["patient_identifiers"] == ["191212121212", "19121212RN01"]


@pytest.mark.parametrize("name", ["jsonl", "opa"])
def test_what_is_the_log_or_the_question_stays_that(exported, tolvan, name):
    assert exported(name, tolvan) == exported(name)
    assert name in FORMATS
