package readonly_guard.authz_test

import data.readonly_guard.testing

_decided(roster, routine, question) := decision if {
	decision := data.readonly_guard.authz.decision with data.roster as testing.roster(roster)
		with data.routine as testing.routine(routine)
		with data.purposes as testing.purposes
		with input as question
}

_asked(action, context) := _decided({}, {}, testing.question(action, context))

test_the_whole_answer if {
	_asked("read", {}) == {
		"allow": true,
		"deny": [],
		"warn": [],
		"obligations": [],
		"activity_type": "Läsa",
		"routine": "SSN1 v1.0",
		"expires_at": "2025-03-01T23:00:00Z",
		"subject": {
			"hsa_id": "SE2321000131-E000000000001",
			"name": "Anna Ek",
			"care_unit": "SE2321000131-F000000000001",
		},
	}
}

test_every_read_action_is_allowed_to_the_right_person if {
	every action in ["read", "search", "catalog", "session"] {
		_asked(action, {}).allow
	}
	_asked("print", {"print_reason": "MEDICAL_NEED"}).allow
}

test_a_write_is_never_allowed_and_its_code_is_the_cores if {
	answer := _asked("write", {})
	answer.allow == false
	answer.deny == []
	answer.subject.name == "Anna Ek"
}

test_who_is_not_admitted_is_told_that_and_nothing_more if {
	question := testing.question("print", {"purpose": null})
	answer := _decided({"revoked_at": "2025-01-01"}, {"lifecycle": "archived"}, question)
	answer.allow == false
	testing.codes(answer.deny) == {"RG-R01"}
	answer.obligations == []
}

test_who_is_admitted_is_told_everything_at_once if {
	answer := _decided({}, {"valid_from": "2026-01-01"}, testing.question("print", {"purpose": null}))
	answer.allow == false
	testing.codes(answer.deny) == {"RG-V01", "RG-P01", "RG-X01"}
}

test_warnings_come_with_the_answer if {
	answer := _decided({"acknowledged_at": null}, {}, testing.at("2026-12-18T12:00:00Z"))
	answer.allow
	testing.codes(answer.warn) == {"RG-R90", "RG-V90"}
}

test_what_is_done_has_its_name_in_the_log if {
	_asked("read", {}).activity_type == "Läsa"
	_asked("search", {}).activity_type == "Sök"
	_asked("print", {}).activity_type == "Utskrift"
	_asked("read", {"purpose": "ETREAT"}).activity_type == "Nödöppning"
	_asked("print", {"purpose": "ETREAT"}).activity_type == "Utskrift"
	_asked("session", {"purpose": "ETREAT"}).activity_type == ""
	_asked("write", {}).activity_type == ""
}

test_an_emergency_print_carries_every_duty if {
	answer := _asked("print", {
		"purpose": "ETREAT",
		"justification": "Patienten kom medvetslös in",
		"print_reason": "MEDICAL_NEED",
	})
	answer.allow
	{obligation | some obligation in answer.obligations} == {"notify_manager", "review_100", "watermark", "print_register"}
}

test_a_malformed_question_is_denied_with_a_code if {
	every question in [{}, {"action": {"name": "read"}}, testing.question("sign", {})] {
		answer := data.readonly_guard.authz.decision with input as question
		answer.allow == false
		testing.codes(answer.deny) == {"RG-SYS-001"}
		answer.expires_at == null
	}
}

test_the_answer_holds_until_the_coming_midnight_in_sweden if {
	_decided({}, {}, testing.at("2025-07-01T21:59:59Z")).expires_at == "2025-07-01T22:00:00Z"
	_decided({}, {}, testing.at("2025-07-01T22:00:00Z")).expires_at == "2025-07-02T22:00:00Z"
}

test_an_empty_roster_admits_nobody if {
	answer := data.readonly_guard.authz.decision with data.roster as {"users": {}}
		with data.routine as testing.routine({})
		with data.purposes as testing.purposes
		with input as testing.question("read", {})
	answer.allow == false
	testing.codes(answer.deny) == {"RG-R01"}
}
