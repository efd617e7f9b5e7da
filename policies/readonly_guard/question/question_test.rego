package readonly_guard.question_test

import data.readonly_guard.testing

test_every_action_is_well_formed if {
	every action in ["read", "search", "print", "catalog", "session", "write"] {
		data.readonly_guard.question.is_well_formed with input as testing.question(action, {})
	}
}

test_an_unknown_action_is_not if {
	not data.readonly_guard.question.is_well_formed with input as testing.question("sign", {})
}

test_an_empty_question_is_not if not data.readonly_guard.question.is_well_formed with input as {}

test_a_question_without_a_subject_is_not if {
	question := json.remove(testing.question("read", {}), ["subject/id"])
	not data.readonly_guard.question.is_well_formed with input as question
}

test_a_question_without_a_time_is_not if {
	question := json.remove(testing.question("read", {}), ["context/time"])
	not data.readonly_guard.question.is_well_formed with input as question
}

test_a_time_that_is_a_number_is_not if {
	not data.readonly_guard.question.is_well_formed with input as testing.at(1735689600)
}

test_records_are_opened_by_three_actions if {
	every action in ["read", "search", "print"] {
		data.readonly_guard.question.opens_records with input as testing.question(action, {})
	}
}

test_records_are_not_opened_by_the_others if {
	every action in ["catalog", "session", "write"] {
		not data.readonly_guard.question.opens_records with input as testing.question(action, {})
	}
}

test_tomorrow_follows_today if {
	data.readonly_guard.question.today == "2025-01-01" with input as testing.at("2024-12-31T23:30:00Z")
	data.readonly_guard.question.tomorrow == "2025-01-02" with input as testing.at("2024-12-31T23:30:00Z")
}

test_the_patients_are_those_named if {
	data.readonly_guard.question.patients == {"person_id:1"} with input as testing.about(["person_id:1", "person_id:1"])
	data.readonly_guard.question.patients == set() with input as testing.question("read", {})
}

test_a_read_is_pinned_when_the_guard_says_so_and_names_them if {
	data.readonly_guard.question.is_pinned with input as testing.about(["person_id:1"])
	not data.readonly_guard.question.is_pinned with input as testing.about([])
	not data.readonly_guard.question.is_pinned with input as testing.question("read", {"patients": ["person_id:1"]})
}

test_what_is_only_parsed_may_name_them_later if {
	parsed := object.union(testing.about([]), {"action": {"name": "read", "properties": {"phase": "parse"}}})
	data.readonly_guard.question.is_pinned with input as parsed
}

test_what_stands_for_patients_without_naming_them_names_none if {
	every name in ["person_id:?", "*:?", "*:23"] {
		data.readonly_guard.question.patients == {"person_id:1"} with input as testing.about(["person_id:1", name])
		not data.readonly_guard.question.is_pinned with input as testing.about(["person_id:1", name])
	}
}

test_a_parameter_is_a_name_to_come_only_while_parsing if {
	parsed := object.union(testing.about(["alias:$1"]), {"action": {"name": "read", "properties": {"phase": "parse"}}})
	data.readonly_guard.question.patients == set() with input as parsed
	data.readonly_guard.question.patients == {"alias:$1"} with input as testing.about(["alias:$1"])
}

test_more_than_are_listed_may_be_anyone if {
	data.readonly_guard.question.is_unpinned with input as testing.about(["person_id:1", "*:23"])
	not data.readonly_guard.question.is_unpinned with input as testing.about(["person_id:1", "person_id:?"])
}

test_unpinned_is_what_the_guard_says_is_not_bound if {
	data.readonly_guard.question.is_unpinned with input as testing.question("read", {"is_bound": false})
	not data.readonly_guard.question.is_unpinned with input as testing.question("read", {})
	not data.readonly_guard.question.is_unpinned with input as testing.about(["person_id:1"])
}
