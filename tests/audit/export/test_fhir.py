import json
import warnings

import pytest

from readonly_guard.audit.export import FORMATS, Origin, write_export

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhir.resources.R4B.bundle import Bundle


@pytest.fixture
def bundle(exported):
    """Validated against FHIR's structure: names, types, cardinalities and value domains of R4B, in which AuditEvent and
    Bundle are those of R4."""
    return Bundle.model_validate_json(exported("fhir"))


def test_the_bundle_is_one_of_audit_events(bundle):
    assert bundle.type == "collection"
    assert len(bundle.entry) == 8
    assert len({entry.fullUrl for entry in bundle.entry}) == 8


def test_what_was_done_with_what_outcome(bundle):
    told = [
        (event.type.code, event.subtype[0].code, event.action, event.outcome)
        for event in (entry.resource for entry in bundle.entry)
    ]
    assert told == [
        ("110114", "110122", "E", "0"),
        ("110114", "110122", "E", "4"),
        ("110112", "Läsa", "E", "0"),
        ("110112", "Nekad skrivning", "D", "4"),
        ("110106", "Utskrift", "E", "0"),
        ("110112", "Nödöppning", "E", "0"),
        ("110112", "Läsa", "U", "4"),
        ("110114", "110123", "E", "0"),
    ]


def test_who_why_from_where_and_whose_data(bundle):
    event = bundle.entry[2].resource
    (agent,) = event.agent
    assert agent.requestor is True
    assert agent.who.identifier.value == "SE2321000016-1ABC"
    assert agent.network.address == "127.0.0.1"
    assert agent.location.display == "SE2321000016-9XYZ"
    assert event.purposeOfEvent[0].coding[0].code == "TREAT"
    patients = [entity.what.identifier for entity in event.entity if entity.what is not None]
    assert [(item.system, item.value) for item in patients] == [
        ("urn:readonly-guard:patient-key:person_id", "900001"),
        ("urn:readonly-guard:patient-key:alias", "191212121212"),
    ]
    assert "Diagnoser" in [entity.name for entity in event.entity]


def test_an_ipv6_client_is_an_address_without_its_port(bundle):
    assert bundle.entry[0].resource.agent[0].network.address == "::1"


def test_an_empty_selection_is_a_bundle_too(journal, tmp_path):
    path = tmp_path / "empty.json"
    write_export(
        [], path, name="fhir", into=FORMATS["fhir"](Origin(version="1")), selection={}, created="", version="1"
    )
    assert json.loads(path.read_bytes()) == {"resourceType": "Bundle", "type": "collection", "entry": []}
