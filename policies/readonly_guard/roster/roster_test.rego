package readonly_guard.roster_test

import data.readonly_guard.testing

_denied(changes, question) := codes if {
	codes := testing.codes(data.readonly_guard.roster.deny) with data.roster as testing.roster(changes)
		with data.routine as testing.routine({})
		with input as question
}

_read := testing.question("read", {})

test_a_listed_person_is_admitted if _denied({}, _read) == set()

test_someone_unlisted_is_denied_for_every_action if {
	every action in ["read", "search", "print", "catalog", "session", "write"] {
		question := object.union(testing.question(action, {}), {"subject": {"id": "olle"}})
		_denied({}, question) == {"RG-R01"}
	}
}

test_names_are_compared_exactly if {
	_denied({}, object.union(_read, {"subject": {"id": "Anna"}})) == {"RG-R01"}
}

test_an_empty_roster_denies if {
	reasons := data.readonly_guard.roster.deny with data.roster as {"users": {}} with input as _read
	testing.codes(reasons) == {"RG-R01"}
}

test_a_missing_roster_denies if {
	reasons := data.readonly_guard.roster.deny with data.roster as {} with input as _read
	testing.codes(reasons) == {"RG-R01"}
}

test_access_ends_on_the_day_of_revocation if {
	_denied({"revoked_at": "2025-03-04"}, _read) == set()
	_denied({"revoked_at": "2025-03-03"}, _read) == {"RG-R01"}
	_denied({"revoked_at": "2024-11-13"}, _read) == {"RG-R01"}
}

test_a_revocation_that_is_no_date_denies if {
	_denied({"revoked_at": true}, _read) == {"RG-R01"}
	_denied({"revoked_at": 20990101}, _read) == {"RG-R01"}
}

test_a_revocation_that_is_almost_a_date_denies if _denied({"revoked_at": "2025-3-2"}, _read) == {"RG-R01"}

test_a_missing_revocation_field_denies if {
	roster := json.remove(testing.roster({}), ["users/anna/revoked_at"])
	reasons := data.readonly_guard.roster.deny with data.roster as roster
		with data.routine as testing.routine({})
		with input as _read
	testing.codes(reasons) == {"RG-R01"}
}

test_a_grant_begins_on_its_day if {
	later := testing.routine({"frozen_at": "2025-12-31"})
	today := data.readonly_guard.roster.deny with data.roster as testing.roster({"granted_at": "2025-03-03"})
		with data.routine as later
		with input as _read
	today == set()
	tomorrow := data.readonly_guard.roster.deny with data.roster as testing.roster({"granted_at": "2025-03-04"})
		with data.routine as later
		with input as _read
	testing.codes(tomorrow) == {"RG-R01"}
}

test_a_grant_on_the_day_of_the_freeze_is_valid if _denied({"granted_at": "2024-12-18"}, _read) == set()

test_a_grant_after_the_freeze_denies if _denied({"granted_at": "2024-12-19"}, _read) == {"RG-R02"}

test_a_freeze_that_is_almost_a_date_denies if {
	reasons := data.readonly_guard.roster.deny with data.roster as testing.roster({})
		with data.routine as testing.routine({"frozen_at": "2025-1-1"})
		with input as _read
	testing.codes(reasons) == {"RG-R02"}
}

test_a_missing_freeze_denies if {
	reasons := data.readonly_guard.roster.deny with data.roster as testing.roster({})
		with data.routine as {}
		with input as _read
	testing.codes(reasons) == {"RG-R02"}
}

_warned(changes, question) := codes if {
	codes := testing.codes(data.readonly_guard.roster.warn) with data.roster as testing.roster(changes)
		with input as question
}

test_whoever_has_not_acknowledged_the_routine_is_warned if {
	_warned({"acknowledged_at": null}, _read) == {"RG-R90"}
	_warned({"acknowledged_at": "2024-12-19"}, _read) == set()
}

test_the_warning_comes_when_records_are_opened if {
	_warned({"acknowledged_at": null}, testing.question("session", {})) == set()
}

test_who_is_not_admitted_is_not_warned if {
	_warned({"acknowledged_at": null, "revoked_at": "2025-01-01"}, _read) == set()
}

test_only_text_goes_to_the_log if {
	subject := data.readonly_guard.roster.subject with data.roster as testing.roster({"hsa_id": 1, "name": null})
		with input as _read
	subject == {"care_unit": "SE2321000131-F000000000001"}
}

test_the_log_is_told_who_asked if {
	subject := data.readonly_guard.roster.subject with data.roster as testing.roster({}) with input as _read
	subject == {
		"hsa_id": "SE2321000131-E000000000001",
		"name": "Anna Ek",
		"care_unit": "SE2321000131-F000000000001",
	}
}

test_the_log_is_told_who_a_revoked_person_is if {
	subject := data.readonly_guard.roster.subject with data.roster as testing.roster({"revoked_at": "2025-01-01"})
		with input as _read
	subject.name == "Anna Ek"
}

test_of_someone_unlisted_nothing_is_known if {
	subject := data.readonly_guard.roster.subject with data.roster as {"users": {}} with input as _read
	subject == {}
}
