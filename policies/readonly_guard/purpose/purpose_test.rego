package readonly_guard.purpose_test

import data.readonly_guard.testing

_denied(action, context) := codes if {
	codes := testing.codes(data.readonly_guard.purpose.deny) with data.purposes as testing.purposes
		with input as testing.question(action, context)
}

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

test_a_case_is_named_where_the_purpose_wants_one if {
	_denied("read", {"purpose": "HLEGAL"}) == {"RG-P04"}
	_denied("read", {"purpose": "HLEGAL", "case_reference": "  "}) == {"RG-P04"}
	_denied("read", {"purpose": "HLEGAL", "case_reference": 7}) == {"RG-P04"}
	_denied("read", {"purpose": "HLEGAL", "case_reference": "Ä 2025/17"}) == set()
}

test_the_purpose_is_named_by_its_code if {
	reasons := data.readonly_guard.purpose.deny with data.purposes as testing.purposes
		with input as testing.question("read", {"purpose": "HLEGAL"})
	{reason.what | some reason in reasons} == {"purpose HLEGAL"}
}

_is(property, purpose) := value if {
	value := data.readonly_guard.purpose[property] with data.purposes as testing.purposes
		with input as testing.question("read", {"purpose": purpose})
}

test_care_is_what_is_not_said_to_be_something_else if {
	_is("is_care", "TREAT")
	_is("is_care", "ETREAT")
	_is("is_care", "NONE")
	not _is("is_care", "HLEGAL")
}

test_bulk_is_what_is_said_to_be if {
	_is("is_bulk", "RECORDMGT")
	not _is("is_bulk", "TREAT")
	not _is("is_bulk", "NONE")
}
