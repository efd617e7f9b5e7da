package readonly_guard.purpose_test

import data.readonly_guard.testing

_denied(action, context) := codes if {
	codes := testing.codes(data.readonly_guard.purpose.deny) with data.roster as testing.roster({})
		with data.purposes as testing.purposes
		with input as testing.question(action, context)
}

_twenty := "Patienten kom medvet"

test_care_is_a_purpose if {
	every action in ["read", "search", "print"] {
		_denied(action, {"purpose": "TREAT"}) == set()
	}
}

test_a_purpose_is_asked_of_whoever_opens_records if {
	every action in ["read", "search", "print"] {
		_denied(action, {"purpose": null}) == {"RG-P01"}
	}
}

test_a_purpose_is_not_asked_before_one_can_be_declared if {
	every action in ["session", "catalog", "write"] {
		every purpose in [null, "HSTAT", "HREG", "HLEGAL", "ETREAT"] {
			_denied(action, {"purpose": purpose}) == set()
		}
	}
}

test_a_purpose_that_is_unknown_misspelt_or_no_text_is_none if {
	every purpose in ["PATRQT", "treat", "TREAT ", "", 1, ["TREAT"], {"TREAT": true}] {
		_denied("read", {"purpose": purpose}) == {"RG-P01"}
	}
}

test_without_the_list_of_purposes_none_is_known if {
	reasons := data.readonly_guard.purpose.deny with data.purposes as {} with input as testing.question("read", {})
	testing.codes(reasons) == {"RG-P01"}
}

test_a_purpose_may_be_closed_in_read_mode if {
	_denied("read", {"purpose": "HSTAT", "case_reference": "Ä 1"}) == {"RG-P02"}
}

test_a_purpose_that_is_not_said_to_be_open_is_closed if {
	reasons := data.readonly_guard.purpose.deny with data.purposes as {"TREAT": {}}
		with input as testing.question("read", {})
	testing.codes(reasons) == {"RG-P02"}
}

test_a_purpose_must_be_covered_by_the_commission if _denied("read", {"purpose": "HREG"}) == {"RG-P03"}

test_a_commission_that_is_unknown_covers_nothing if {
	reasons := data.readonly_guard.purpose.deny with data.roster as {"users": {}}
		with data.purposes as testing.purposes
		with input as testing.question("read", {})
	testing.codes(reasons) == {"RG-P03"}
}

test_a_case_is_named_where_the_purpose_wants_one if {
	_denied("read", {"purpose": "HLEGAL"}) == {"RG-P04"}
	_denied("read", {"purpose": "HLEGAL", "case_reference": "  "}) == {"RG-P04"}
	_denied("read", {"purpose": "HLEGAL", "case_reference": 7}) == {"RG-P04"}
	_denied("read", {"purpose": "HLEGAL", "case_reference": "Ä 2025/17"}) == set()
}

test_the_purpose_is_named_by_its_code if {
	reasons := data.readonly_guard.purpose.deny with data.roster as testing.roster({})
		with data.purposes as testing.purposes
		with input as testing.question("read", {"purpose": "HLEGAL"})
	{reason.what | some reason in reasons} == {"purpose HLEGAL"}
}

test_an_emergency_wants_twenty_characters if {
	count(_twenty) == 20
	_denied("read", {"purpose": "ETREAT", "justification": _twenty}) == set()
	_denied("read", {"purpose": "ETREAT", "justification": substring(_twenty, 0, 19)}) == {"RG-G01"}
}

test_blanks_around_a_justification_do_not_count if {
	_denied("read", {"purpose": "ETREAT", "justification": "         medvetslös         "}) == {"RG-G01"}
}

test_characters_count_not_bytes if {
	_denied("read", {"purpose": "ETREAT", "justification": "åäöåäöåäöå"}) == {"RG-G01"}
}

test_a_missing_justification_is_none if {
	_denied("search", {"purpose": "ETREAT"}) == {"RG-G01"}
	_denied("search", {"purpose": "ETREAT", "justification": 12345678901234567890}) == {"RG-G01"}
}

_obligations(action, context) := obligations if {
	obligations := data.readonly_guard.purpose.obligations with input as testing.question(action, context)
}

test_an_emergency_is_followed_up if {
	_obligations("read", {"purpose": "ETREAT"}) == {"notify_manager", "review_100"}
	_obligations("read", {"purpose": "TREAT"}) == set()
	_obligations("session", {"purpose": "ETREAT"}) == set()
}

_breaks_glass(context) if {
	data.readonly_guard.purpose.is_break_glass with data.roster as testing.roster({})
		with data.purposes as testing.purposes
		with input as testing.question("read", context)
}

test_glass_is_broken_with_a_justification if _breaks_glass({"purpose": "ETREAT", "justification": _twenty})

test_glass_is_broken_to_open_records_only if {
	not data.readonly_guard.purpose.is_break_glass with data.roster as testing.roster({})
		with data.purposes as testing.purposes
		with input as testing.question("session", {"purpose": "ETREAT", "justification": _twenty})
}

test_glass_is_not_broken_without_one if not _breaks_glass({"purpose": "ETREAT"})

test_glass_is_not_broken_by_another_purpose if not _breaks_glass({"purpose": "TREAT", "justification": _twenty})

test_glass_is_not_broken_beyond_the_commission if {
	not data.readonly_guard.purpose.is_break_glass with data.roster as testing.roster({"purposes": ["TREAT"]})
		with data.purposes as testing.purposes
		with input as testing.question("read", {"purpose": "ETREAT", "justification": _twenty})
}
