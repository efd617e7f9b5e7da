package readonly_guard.block_test

import data.readonly_guard.testing

_ours := "SE2321000131-F000000000001"

_blocks := {
	"person_id:1": [{"unit": "SE2321000131-F000000000002", "provider": "SE2321000131-0001", "to": null}],
	"person_id:2": [{"unit": _ours, "provider": "SE2321000131-0001", "to": null}],
	"person_id:3": [{"provider": "SE5560000000-0001", "to": null}],
	"person_id:4": [{"provider": "SE2321000131-0001", "to": null}],
	"person_id:5": [{"unit": "SE2321000131-F000000000002", "to": "2025-03-03"}],
	"person_id:6": [{"unit": "SE2321000131-F000000000002", "to": "2025-03-04"}],
	"person_id:7": [{"unit": "SE2321000131-F000000000002", "to": 20250301}],
	"person_id:8": [{}],
}

_denied(demand, question) := codes if {
	codes := testing.codes(data.readonly_guard.block.deny) with data.roster as testing.roster({})
		with data.units as testing.units({})
		with data.demands as testing.demands({"block": demand})
		with data.blocks as _blocks
		with input as question
}

test_what_another_unit_holds_blocked_is_closed if {
	_denied("known", testing.about(["person_id:1"])) == {"RG-B01"}
	_denied("always", testing.about(["person_id:1"])) == {"RG-B01"}
	_denied("never", testing.about(["person_id:1"])) == set()
}

test_ones_own_units_block_does_not_close_it_to_oneself if {
	_denied("known", testing.about(["person_id:2"])) == set()
	_denied("known", testing.about(["person_id:4"])) == set()
}

test_what_another_provider_holds_blocked_is_closed if _denied("known", testing.about(["person_id:3"])) == {"RG-B01"}

test_a_block_ends_on_its_day if {
	_denied("known", testing.about(["person_id:5"])) == set()
	_denied("known", testing.about(["person_id:6"])) == {"RG-B01"}
}

test_a_block_that_cannot_be_read_is_one if {
	_denied("known", testing.about(["person_id:7"])) == {"RG-B01"}
	_denied("known", testing.about(["person_id:8"])) == {"RG-B01"}
}

test_a_patient_without_blocks_is_open if {
	_denied("known", testing.about(["person_id:9"])) == set()
	_denied("always", testing.about(["person_id:9"])) == set()
}

test_a_search_may_meet_blocked_information if {
	_denied("known", testing.question("search", {"is_bound": false})) == set()
	_denied("always", testing.question("search", {"is_bound": false})) == {"RG-B01"}
}

test_one_can_connect if {
	every action in ["session", "catalog", "write"] {
		_denied("always", testing.question(action, {})) == set()
	}
}

test_nothing_but_its_existence_shows if {
	reasons := data.readonly_guard.block.deny with data.roster as testing.roster({})
		with data.units as testing.units({})
		with data.demands as testing.demands({})
		with data.blocks as _blocks
		with input as testing.about(["person_id:1"])
	every reason in reasons {
		not reason.what
	}
}
