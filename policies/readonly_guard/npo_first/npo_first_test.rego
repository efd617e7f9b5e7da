package readonly_guard.npo_first_test

import data.readonly_guard.testing

_npo := {"purposes": ["TREAT"], "sets": {"Anteckningar": true, "Diagnoser": true, "Mikrobiologiska odlingar": false}}

_warned(action, purpose, sets) := {reason.what | some reason in reasons} if {
	reasons := data.readonly_guard.npo_first.warn with data.npo as _npo
		with input as testing.question(action, {"purpose": purpose, "information_sets": sets})
}

test_what_npo_shows_is_said if {
	_warned("read", "TREAT", ["Diagnoser", "Mikrobiologiska odlingar", "Anteckningar"]) == {"Anteckningar, Diagnoser"}
	_warned("print", "TREAT", ["Diagnoser"]) == {"Diagnoser"}
}

test_what_it_does_not_show_is_not if {
	_warned("read", "TREAT", ["Mikrobiologiska odlingar", "Bokningar"]) == set()
	_warned("read", "TREAT", []) == set()
}

test_only_care_is_reminded if {
	_warned("read", "HLEGAL", ["Diagnoser"]) == set()
	_warned("read", null, ["Diagnoser"]) == set()
}

test_nothing_is_said_while_connecting if _warned("session", "TREAT", ["Diagnoser"]) == set()

test_where_the_sets_are_not_known_nothing_is_said if {
	reasons := data.readonly_guard.npo_first.warn with data.npo as _npo with input as testing.question("read", {})
	reasons == set()
}
