package readonly_guard.break_glass_test

import data.readonly_guard.testing

_asked(action, purpose, justification) := testing.question(action, {"purpose": purpose, "justification": justification})

_denied(question) := codes if codes := testing.codes(data.readonly_guard.break_glass.deny) with input as question

test_a_justification_has_twenty_characters if {
	_denied(_asked("read", "ETREAT", "12345678901234567890")) == set()
	_denied(_asked("read", "ETREAT", "åäöåäöåäöåäöåäöåäöåä")) == set()
	_denied(_asked("read", "ETREAT", "1234567890123456789")) == {"RG-G01"}
	_denied(_asked("read", "ETREAT", "   1234567890123456789   ")) == {"RG-G01"}
	_denied(_asked("read", "ETREAT", null)) == {"RG-G01"}
	_denied(_asked("read", "ETREAT", 12345678901234567890)) == {"RG-G01"}
}

test_no_other_purpose_needs_one if _denied(_asked("read", "TREAT", null)) == set()

test_none_is_needed_to_connect if {
	every action in ["session", "catalog", "write"] {
		_denied(_asked(action, "ETREAT", null)) == set()
	}
}

_active(person, question) if {
	data.readonly_guard.break_glass.is_active with data.roster as testing.roster(person)
		with data.units as testing.units({})
		with data.purposes as testing.purposes
		with input as question
}

_justified := "Patienten kom medvetslös in"

test_it_is_in_good_order_with_a_justification_and_a_commission if {
	_active({}, _asked("read", "ETREAT", _justified))
	not _active({}, _asked("read", "ETREAT", "akut"))
	not _active({}, _asked("read", "TREAT", _justified))
	not _active({}, _asked("session", "ETREAT", _justified))
	not _active({"purposes": ["TREAT"]}, _asked("read", "ETREAT", _justified))
}

test_a_purpose_that_is_not_allowed_is_not_in_good_order if {
	purposes := object.union(testing.purposes, {"ETREAT": {"is_allowed": false}})
	not data.readonly_guard.break_glass.is_active with data.roster as testing.roster({})
		with data.units as testing.units({})
		with data.purposes as purposes
		with input as _asked("read", "ETREAT", _justified)
}

test_it_lifts_four_codes if {
	every code in ["RG-U02", "RG-L01", "RG-B01", "RG-V02"] {
		data.readonly_guard.break_glass.is_liftable(code)
	}
}

test_it_lifts_no_other_code if {
	every code in [
		"RG-A01", "RG-R01", "RG-R02", "RG-U01", "RG-P01", "RG-P02", "RG-P03", "RG-P04", "RG-L02", "RG-S01", "RG-S02",
		"RG-Q01", "RG-X01", "RG-X02", "RG-V01", "RG-V03", "RG-G01", "RG-W00", "RG-W01", "RG-W02", "RG-W03", "RG-W04",
		"RG-W05", "RG-F01", "RG-F02", "RG-F03", "RG-T01", "RG-T07", "RG-SYS-001", "",
	] {
		not data.readonly_guard.break_glass.is_liftable(code)
	}
}

test_it_is_followed_up if {
	told := data.readonly_guard.break_glass.obligations with input as _asked("read", "ETREAT", null)
	told == {"notify_manager", "review_100"}
	untold := data.readonly_guard.break_glass.obligations with input as _asked("read", "TREAT", null)
	untold == set()
	connecting := data.readonly_guard.break_glass.obligations with input as _asked("session", "ETREAT", null)
	connecting == set()
}
