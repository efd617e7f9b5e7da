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
