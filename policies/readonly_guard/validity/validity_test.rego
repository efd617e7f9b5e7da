package readonly_guard.validity_test

import data.readonly_guard.testing

_denied(routine, question) := codes if {
	codes := testing.codes(data.readonly_guard.validity.deny) with data.routine as testing.routine(routine)
		with input as question
}

_warned(routine, question) := codes if {
	codes := testing.codes(data.readonly_guard.validity.warn) with data.routine as testing.routine(routine)
		with input as question
}

_lenient := {"expiry": {"mode": "warn", "grace_days": 30, "warn_days": [90, 30, 7]}}

test_nothing_is_wrong_in_between if {
	_denied({}, testing.at("2025-03-03T10:00:00Z")) == set()
	_warned({}, testing.at("2025-03-03T10:00:00Z")) == set()
}

test_the_first_day_begins_at_swedish_midnight if {
	_denied({}, testing.at("2024-12-17T22:59:59.999999Z")) == {"RG-V01"}
	_denied({}, testing.at("2024-12-17T23:00:00Z")) == set()
}

test_the_last_day_is_included if {
	_denied({}, testing.at("2026-12-18T22:59:59.999999Z")) == set()
	_denied({}, testing.at("2026-12-18T23:00:00Z")) == {"RG-V02"}
}

test_one_can_connect_before_and_after if {
	every action in ["session", "catalog", "write"] {
		_denied({}, testing.question(action, {"time": "2024-01-01T00:00:00Z"})) == set()
		_denied({}, testing.question(action, {"time": "2027-01-01T00:00:00Z"})) == set()
	}
}

test_archived_is_closed_for_everything if {
	every action in ["read", "search", "print", "session", "catalog", "write"] {
		_denied({"lifecycle": "archived"}, testing.question(action, {})) == {"RG-V03"}
	}
}

test_an_unknown_lifecycle_counts_as_archived if {
	_denied({"lifecycle": "resting"}, testing.at("2025-03-03T10:00:00Z")) == {"RG-V03"}
}

test_without_a_routine_everything_is_closed if {
	reasons := data.readonly_guard.validity.deny with data.routine as {} with input as testing.at("2025-03-03T10:00:00Z")
	testing.codes(reasons) == {"RG-V01", "RG-V02", "RG-V03"}
}

test_dates_that_are_none_close if {
	_denied({"valid_from": null}, testing.at("2025-03-03T10:00:00Z")) == {"RG-V01"}
	_denied({"valid_to": null}, testing.at("2025-03-03T10:00:00Z")) == {"RG-V02"}
}

test_grace_is_given_in_mode_warn_and_ends if {
	_denied(_lenient, testing.at("2026-12-19T10:00:00Z")) == set()
	_warned(_lenient, testing.at("2026-12-19T10:00:00Z")) == {"RG-V02"}
	_denied(_lenient, testing.at("2027-01-17T22:59:59Z")) == set()
	_denied(_lenient, testing.at("2027-01-17T23:00:00Z")) == {"RG-V02"}
	_warned(_lenient, testing.at("2027-01-17T23:00:00Z")) == set()
}

test_grace_is_not_spoken_of_before_expiry_or_while_connecting if {
	_warned(_lenient, testing.at("2025-03-03T10:00:00Z")) == set()
	_warned(_lenient, testing.question("session", {"time": "2026-12-19T10:00:00Z"})) == set()
}

test_no_grace_is_given_in_another_mode if {
	_denied({"expiry": {"mode": "allow"}}, testing.at("2026-12-19T10:00:00Z")) == {"RG-V02"}
}

_days_left(time) := {reason.hint_en | some reason in reasons} if {
	reasons := data.readonly_guard.validity.warn with data.routine as testing.routine({}) with input as testing.at(time)
}

test_expiry_is_announced_at_three_distances if {
	_days_left("2026-09-18T21:59:59Z") == set()
	_days_left("2026-09-18T22:00:00Z") == {"At most 90 days remain; the routine's owner decides what applies then."}
	_days_left("2026-11-17T23:00:00Z") == {"At most 30 days remain; the routine's owner decides what applies then."}
	_days_left("2026-12-18T12:00:00Z") == {"At most 7 days remain; the routine's owner decides what applies then."}
}

test_the_announcement_names_the_date if {
	reasons := data.readonly_guard.validity.warn with data.routine as testing.routine({})
		with input as testing.at("2026-12-18T12:00:00Z")
	{[reason.code, reason.sv, reason.en] | some reason in reasons} == {[
		"RG-V90",
		"Rutinen löper ut 2026-12-18",
		"The routine expires 2026-12-18",
	]}
}

test_the_announcement_comes_when_records_are_opened if {
	_warned({}, testing.question("session", {"time": "2026-12-18T12:00:00Z"})) == set()
}

test_the_routine_is_named_with_its_version if {
	data.readonly_guard.validity.routine == "SSN1 v1.0" with data.routine as testing.routine({})
}

test_a_missing_routine_has_no_name if {
	data.readonly_guard.validity.routine == "" with data.routine as {}
}
