package readonly_guard.units_test

import data.readonly_guard.testing

_denied(unit, demands, question) := codes if {
	codes := testing.codes(data.readonly_guard.units.deny) with data.roster as testing.roster({})
		with data.units as testing.units(unit)
		with data.demands as testing.demands(demands)
		with input as question
}

test_a_southern_unit_takes_part if {
	_denied({}, {"unit": "known"}, testing.about([])) == set()
	_denied({}, {"unit": "always"}, testing.about([])) == set()
}

test_a_unit_elsewhere_does_not if {
	_denied({"is_southern": false}, {"unit": "known"}, testing.about([])) == {"RG-U01"}
	_denied({"is_southern": false}, {"unit": "always"}, testing.about([])) == {"RG-U01"}
	_denied({"is_southern": false}, {"unit": "never"}, testing.about([])) == set()
}

test_a_unit_of_which_nothing_is_known if {
	known := data.readonly_guard.units.deny with data.roster as testing.roster({})
		with data.units as {}
		with data.demands as testing.demands({"unit": "known"})
		with input as testing.about([])
	known == set()
	always := data.readonly_guard.units.deny with data.roster as testing.roster({})
		with data.units as {}
		with data.demands as testing.demands({"unit": "always"})
		with input as testing.about([])
	testing.codes(always) == {"RG-U01"}
}

test_one_can_connect_from_any_unit if {
	every action in ["session", "catalog", "write"] {
		_denied({"is_southern": false}, {"unit": "always"}, testing.question(action, {})) == set()
	}
}
