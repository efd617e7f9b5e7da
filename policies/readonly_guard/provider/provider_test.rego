package readonly_guard.provider_test

import data.readonly_guard.testing

_patients := {
	"person_id:1": {"person": "person_id:1", "providers": ["SE2321000131-0001"], "consents": []},
	"person_id:2": {"person": "person_id:2", "providers": ["SE2321000131-0001", "SE5560000000-0001"], "consents": []},
	"person_id:3": {"person": "person_id:3", "providers": ["SE5560000000-0001"], "consents": ["SE5560000000-0001"]},
	"person_id:4": {"person": "person_id:4", "providers": ["SE5560000000-0001"], "consents": ["SE5560000000-0001"]},
}

_relations := {"person_id:3": {"anna": {"from": "2024-11-12", "to": null}}}

_denied(unit, demands, question) := codes if {
	codes := testing.codes(data.readonly_guard.provider.deny) with data.roster as testing.roster({})
		with data.units as testing.units(unit)
		with data.demands as testing.demands(demands)
		with data.patients as _patients
		with data.relations as _relations
		with input as question
}

_duties(question) := obligations if {
	obligations := data.readonly_guard.provider.obligations with data.roster as testing.roster({})
		with data.units as testing.units({})
		with data.patients as _patients
		with input as question
}

test_one_can_connect if {
	every action in ["session", "catalog", "write"] {
		_denied({}, {"provider": "always"}, testing.question(action, {})) == set()
	}
}

test_ones_own_providers_records_are_open if _denied({}, {}, testing.about(["person_id:1"])) == set()

test_another_providers_are_not if {
	_denied({}, {}, testing.about(["person_id:2"])) == {"RG-U02"}
	_denied({}, {}, testing.about(["person_id:1", "person_id:2"])) == {"RG-U02"}
	_denied({}, {"provider": "never"}, testing.about(["person_id:2"])) == set()
}

test_with_consent_and_relation_they_are if _denied({}, {}, testing.about(["person_id:3"])) == set()

test_consent_alone_is_not_enough if _denied({}, {}, testing.about(["person_id:4"])) == {"RG-U02"}

test_a_patient_of_whom_nothing_is_known if {
	_denied({}, {}, testing.about(["person_id:9"])) == set()
	_denied({}, {"provider": "always"}, testing.about(["person_id:9"])) == {"RG-U02"}
}

test_a_search_may_meet_anyones_records if {
	_denied({}, {}, testing.question("search", {"is_bound": false})) == set()
	_denied({}, {"provider": "always"}, testing.question("search", {"is_bound": false})) == {"RG-U02"}
	_denied({}, {"provider": "always"}, testing.about(["person_id:1"])) == set()
}

test_a_disclosure_is_noted if {
	_duties(testing.about(["person_id:3"])) == {"disclosure_note"}
	_duties(testing.about(["person_id:1"])) == set()
}

test_whose_provider_is_not_known_is_a_stranger_to_all if {
	denied := data.readonly_guard.provider.deny with data.roster as testing.roster({})
		with data.units as {}
		with data.demands as testing.demands({})
		with data.patients as {"person_id:1": {"person": "person_id:1", "providers": [null, "SE1"], "consents": []}}
		with input as testing.about(["person_id:1"])
	testing.codes(denied) == {"RG-U02"}
}
