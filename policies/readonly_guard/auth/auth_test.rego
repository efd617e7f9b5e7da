package readonly_guard.auth_test

import data.readonly_guard.testing

_asked(action, properties) := object.union(testing.question(action, {}), {"subject": {"properties": properties}})

_denied(level, action, properties) := codes if {
	demands := testing.demands({"assurance": {"level": level, "methods": {"certificate": 3, "scram-sha-256": 1}}})
	codes := testing.codes(data.readonly_guard.auth.deny) with data.demands as demands
		with input as _asked(action, properties)
}

test_where_nothing_is_demanded_a_password_is_enough if _denied(0, "read", {}) == set()

test_what_an_identity_plugin_says_counts if {
	_denied(3, "read", {"assurance_level": 3}) == set()
	_denied(3, "read", {"assurance_level": 2}) == {"RG-A01"}
	_denied(3, "read", {"assurance_level": 2, "authentication": "certificate"}) == {"RG-A01"}
}

test_otherwise_the_way_of_logging_in_counts if {
	_denied(3, "read", {"authentication": "certificate"}) == set()
	_denied(3, "read", {"authentication": "scram-sha-256"}) == {"RG-A01"}
}

test_what_nobody_knows_is_level_0 if {
	_denied(1, "read", {}) == {"RG-A01"}
	_denied(1, "read", {"authentication": "trust"}) == {"RG-A01"}
	_denied(1, "read", {"assurance_level": "3"}) == {"RG-A01"}
}

test_one_can_connect_and_be_told if {
	every action in ["session", "catalog", "write"] {
		_denied(3, action, {}) == set()
	}
}

test_a_demand_that_is_none_denies if {
	_denied(null, "read", {"assurance_level": 4}) == {"RG-A01"}
	_denied("0", "read", {"assurance_level": 4}) == {"RG-A01"}
	reasons := data.readonly_guard.auth.deny with data.demands as {} with input as _asked("read", {"assurance_level": 4})
	testing.codes(reasons) == {"RG-A01"}
}
