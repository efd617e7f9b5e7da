package readonly_guard.authz_test

import data.readonly_guard.testing

_decided(roster, routine, question) := decision if {
	decision := data.readonly_guard.authz.decision with data.roster as testing.roster(roster)
		with data.routine as testing.routine(routine)
		with data.purposes as testing.purposes
		with data.units as testing.units({})
		with data.demands as testing.demands({})
		with data.npo as {"purposes": ["TREAT"], "sets": {"Diagnoser": true}}
		with data.patients as {"person_id:2": {"person": "person_id:2", "providers": ["SE5560000000-0001"], "consents": []}}
		with data.relations as {"person_id:2": {}}
		with data.blocks as {"person_id:2": [{"unit": "SE2321000131-F000000000002", "to": null}]}
		with input as question
}

_nothing := {"duties": [], "max_rows": null, "row_filters": [], "column_masks": []}

_asked(action, context) := _decided({}, {}, testing.question(action, context))

test_the_whole_answer if {
	_asked("read", {}) == {
		"allow": true,
		"deny": [],
		"warn": [],
		"obligations": _nothing,
		"activity_type": "Läsa",
		"routine": "SSN1 v1.0",
		"expires_at": "2025-03-03T23:00:00Z",
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
	question := testing.question("print", {"purpose": "TREAT", "information_sets": ["Diagnoser"]})
	answer := _decided({"revoked_at": "2025-01-01"}, {"lifecycle": "archived"}, question)
	answer.allow == false
	testing.codes(answer.deny) == {"RG-R01"}
	answer.obligations == _nothing
	answer.warn == []
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
	{obligation | some obligation in answer.obligations.duties} == {"notify_manager", "review_100", "watermark", "print_register"}
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

_strangers := {"patients": ["person_id:2"], "is_bound": true}

_emergency := {"purpose": "ETREAT", "justification": "Patienten kom medvetslös in"}

test_every_rule_is_asked if {
	testing.codes(_asked("read", _strangers).deny) == {"RG-U02", "RG-L01", "RG-B01"}
	testing.codes(_asked("read", {"information_sets": ["Diagnoser"]}).warn) == {"RG-N90"}
	testing.codes(_asked("print", {"print_reason": "MEDICAL_NEED", "is_bound": false}).deny) == {"RG-X02"}
}

test_an_emergency_lifts_what_it_may_and_leaves_a_warning if {
	answer := _asked("read", object.union(_strangers, _emergency))
	answer.allow
	testing.codes(answer.warn) == {"RG-U02", "RG-L01", "RG-B01"}
	{duty | some duty in answer.obligations.duties} == {"disclosure_note", "notify_manager", "review_100"}
}

test_an_emergency_lifts_expiry if {
	expired := _decided({}, {}, testing.question("read", object.union({"time": "2027-06-01T10:00:00Z"}, _emergency)))
	expired.allow
	testing.codes(expired.warn) == {"RG-V02"}
}

test_an_emergency_lifts_neither_archive_nor_beginning if {
	archived := _decided({}, {"lifecycle": "archived"}, testing.question("read", _emergency))
	testing.codes(archived.deny) == {"RG-V03"}
	early := _decided({}, {}, testing.question("read", object.union({"time": "2024-12-01T10:00:00Z"}, _emergency)))
	testing.codes(early.deny) == {"RG-V01"}
}

test_an_emergency_lifts_the_roster_for_nobody if {
	answer := _decided({"revoked_at": "2025-01-01"}, {}, testing.question("read", object.union(_strangers, _emergency)))
	testing.codes(answer.deny) == {"RG-R01"}
}

test_without_a_justification_nothing_is_lifted if {
	answer := _asked("read", object.union(_strangers, {"purpose": "ETREAT"}))
	testing.codes(answer.deny) == {"RG-U02", "RG-L01", "RG-B01", "RG-G01"}
	answer.warn == []
}
