package readonly_guard.commission_test

import data.readonly_guard.testing

_denied(person, unit, question) := codes if {
	codes := testing.codes(data.readonly_guard.commission.deny) with data.roster as testing.roster(person)
		with data.units as testing.units(unit)
		with data.purposes as testing.purposes
		with input as question
}

test_a_purpose_of_the_commission_is_covered if {
	_denied({}, {}, testing.question("read", {"purpose": "TREAT"})) == set()
	_denied({}, {}, testing.question("read", {"purpose": "HLEGAL"})) == set()
}

test_another_is_not if _denied({}, {}, testing.question("read", {"purpose": "HREG"})) == {"RG-P03"}

test_a_person_without_a_commission_covers_nothing if {
	_denied({"purposes": []}, {}, testing.question("read", {})) == {"RG-P03"}
	_denied({"purposes": null}, {}, testing.question("read", {})) == {"RG-P03"}
}

test_a_unit_that_gives_no_care_has_no_commission_for_it if {
	_denied({}, {"is_care": false}, testing.question("read", {"purpose": "TREAT"})) == {"RG-P03"}
	_denied({}, {"is_care": false}, testing.question("read", {"purpose": "ETREAT"})) == {"RG-P03"}
	_denied({}, {"is_care": false}, testing.question("read", {"purpose": "HLEGAL"})) == set()
}

test_an_unknown_unit_leaves_it_to_the_commission if {
	reasons := data.readonly_guard.commission.deny with data.roster as testing.roster({})
		with data.units as {}
		with data.purposes as testing.purposes
		with input as testing.question("read", {})
	reasons == set()
}

test_a_purpose_that_is_not_allowed_has_its_own_code if {
	_denied({}, {}, testing.question("read", {"purpose": "HSTAT"})) == set()
	_denied({}, {}, testing.question("read", {"purpose": null})) == set()
}

test_no_commission_is_needed_to_connect if {
	every action in ["session", "catalog", "write"] {
		_denied({"purposes": []}, {}, testing.question(action, {})) == set()
	}
}
