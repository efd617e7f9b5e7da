package readonly_guard.readmode_test

import data.readonly_guard.testing

test_what_exists_in_read_mode if {
	every action in ["read", "search", "print", "catalog", "session"] {
		data.readonly_guard.readmode.is_action with input as testing.question(action, {})
	}
}

test_what_does_not if {
	every action in ["write", "sign", "", "READ"] {
		not data.readonly_guard.readmode.is_action with input as testing.question(action, {})
	}
}
