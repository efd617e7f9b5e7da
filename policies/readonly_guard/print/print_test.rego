package readonly_guard.print_test

import data.readonly_guard.testing

_denied(action, reason) := codes if {
	codes := testing.codes(data.readonly_guard.print.deny) with input as testing.question(action, {"print_reason": reason})
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
	reasons := data.readonly_guard.print.deny with input as {"action": {"name": "print"}}
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
