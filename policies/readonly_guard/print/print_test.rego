package readonly_guard.print_test

import data.readonly_guard.testing

_denied(action, reason) := codes if {
	codes := testing.codes(data.readonly_guard.print.deny) with data.demands as testing.demands({})
		with input as testing.question(action, {"print_reason": reason})
}

test_there_are_two_reasons_to_print if {
	_denied("print", "MEDICAL_NEED") == set()
	_denied("print", "PATIENT_REQUEST") == set()
}

test_a_print_without_one_of_them_is_denied if {
	every reason in [null, "", "medical_need", "CURIOSITY", true, ["MEDICAL_NEED"]] {
		_denied("print", reason) == {"RG-X01"}
	}
}

test_a_print_without_a_context_is_denied if {
	reasons := data.readonly_guard.print.deny with data.demands as testing.demands({})
		with input as {"action": {"name": "print"}}
	testing.codes(reasons) == {"RG-X01"}
}

test_only_print_needs_a_reason if {
	every action in ["read", "search", "catalog", "session", "write"] {
		_denied(action, null) == set()
	}
}

test_a_print_is_marked_and_registered if {
	obligations := data.readonly_guard.print.obligations with input as testing.question("print", {})
	obligations == {"watermark", "print_register"}
}

test_a_read_is_neither if {
	obligations := data.readonly_guard.print.obligations with input as testing.question("read", {})
	obligations == set()
}

_copied(demand, purpose, context) := codes if {
	question := object.union(testing.question("print", {"purpose": purpose, "print_reason": "MEDICAL_NEED"}), {"context": context})
	codes := testing.codes(data.readonly_guard.print.deny) with data.demands as testing.demands({"print": demand})
		with data.purposes as testing.purposes
		with data.patients as {"encntr_id:70": {"person": "person_id:1"}}
		with input as question
}

test_one_patient_is_printed_at_a_time if {
	_copied("always", "TREAT", {"is_bound": true, "patients": ["person_id:1"]}) == set()
	_copied("always", "TREAT", {"is_bound": true, "patients": ["person_id:1", "encntr_id:70"]}) == set()
	_copied("known", "TREAT", {"is_bound": true, "patients": ["person_id:1", "person_id:2"]}) == {"RG-X02"}
	_copied("known", "TREAT", {"is_bound": true, "patients": ["person_id:1", "encntr_id:71"]}) == {"RG-X02"}
}

test_a_print_of_more_than_those_named_is_of_many if {
	_copied("known", "TREAT", {"is_bound": false, "patients": []}) == {"RG-X02"}
	_copied("known", "TREAT", {"is_bound": false, "patients": ["person_id:1"]}) == {"RG-X02"}
	_copied("never", "TREAT", {"is_bound": false, "patients": []}) == set()
}

test_where_it_is_not_known_it_is_up_to_the_owner if {
	_copied("known", "TREAT", {}) == set()
	_copied("always", "TREAT", {}) == {"RG-X02"}
}

test_the_archive_takes_out_many if {
	_copied("always", "RECORDMGT", {"is_bound": false, "patients": []}) == set()
}
