from pathlib import Path

import pytest
from lxml import etree

from readonly_guard.audit import Entry
from readonly_guard.audit.export import FORMATS, Origin, StoreLogCodes
from readonly_guard.errors import ConfigurationError

SCHEMA = Path(__file__).parents[1] / "golden" / "storelog-responder.xsd"
NAMES = {
    "s": "urn:riv:informationsecurity:auditing:log:StoreLogResponder:2",
    "l": "urn:riv:informationsecurity:auditing:log:2",
}


@pytest.fixture
def document(exported):
    return etree.fromstring(exported("storelog"))


def test_it_is_what_the_service_contract_tabulates(document):
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(document)


def test_the_schema_is_no_rubber_stamp(document):
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    unit = document.find(".//l:careUnit", NAMES)
    unit.getparent().remove(unit)
    assert not schema.validate(document)


def test_activities_are_those_that_the_contract_knows(document):
    found = [
        (
            log.findtext("l:activity/l:activityType", None, NAMES),
            log.findtext("l:activity/l:activityLevel", None, NAMES),
        )
        for log in document.iterfind("s:log", NAMES)
    ]
    assert found == [
        ("Läsa", None), ("Radera", "Nekad"), ("Utskrift", None), ("Nödöppning", None), ("Signera", "Nekad"),
    ]  # fmt: skip


def test_every_patient_is_a_resource_of_each_kind(document):
    first = document.find("s:log", NAMES)
    patients = [
        (item.findtext("l:root", None, NAMES), item.findtext("l:extension", None, NAMES))
        for item in first.iterfind(".//l:patientId", NAMES)
    ]
    assert patients == [("readonly-guard:person_id", "900001"), ("1.2.752.129.2.1.3.1", "191212121212")]
    assert [item.text for item in first.iterfind(".//l:resourceType", NAMES)] == ["Diagnoser", "Diagnoser"]


@pytest.mark.parametrize(
    ("codes", "option"),
    [
        (None, "--system-id"),
        (StoreLogCodes(system_id="", care_provider_id="SE1"), "--system-id"),
        (StoreLogCodes(system_id="SE1", care_provider_id="a b"), "--care-provider-id"),
        (StoreLogCodes(system_id="SE1", care_provider_id="S" * 33), "--care-provider-id"),
    ],
)
def test_missing_hsa_ids_are_asked_for(codes, option):
    with pytest.raises(ConfigurationError, match=option):
        FORMATS["storelog"](Origin(version="1", storelog=codes))


def test_a_care_unit_without_a_hsa_id_is_asked_for(decision):
    into = FORMATS["storelog"](Origin(version="1", storelog=StoreLogCodes(system_id="SE1", care_provider_id="SE2")))
    with pytest.raises(ConfigurationError, match="--care-unit 'Medicin 1'=HSA-ID"):
        into.item(Entry(seq=1, hash="", record=decision(care_unit="Medicin 1")))
