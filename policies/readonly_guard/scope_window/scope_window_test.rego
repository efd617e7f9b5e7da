package readonly_guard.scope_window_test

import data.readonly_guard.testing

_scope := {
	"created_from": "2024-11-11T23:00:00Z",
	"created_before": "2024-11-20T23:00:00Z",
	"is_copy_limited": false,
}

_denied(demand, from, before) := codes if {
	codes := testing.codes(data.readonly_guard.scope_window.deny) with data.demands as testing.demands({"scope_window": demand})
		with data.scope as _scope
		with input as testing.question("read", {"created_from": from, "created_before": before})
}

test_the_whole_window_is_inside if {
	_denied("always", "2024-11-11T23:00:00Z", "2024-11-20T23:00:00Z") == set()
	_denied("always", "2024-11-12T00:00:00+01:00", "2024-11-21T00:00:00+01:00") == set()
}

test_one_second_more_is_outside if {
	_denied("known", "2024-11-11T22:59:59Z", "2024-11-20T23:00:00Z") == {"RG-S01"}
	_denied("known", "2024-11-11T23:00:00Z", "2024-11-20T23:00:01Z") == {"RG-S01"}
	_denied("never", "2024-11-11T22:59:59Z", "2024-11-20T23:00:00Z") == set()
}

test_a_time_that_is_not_known if {
	_denied("known", null, null) == set()
	_denied("always", null, null) == {"RG-S02"}
	_denied("always", "2024-11-12T00:00:00Z", null) == {"RG-S02"}
	_denied("always", null, "2024-11-12T00:00:00Z") == {"RG-S02"}
}

test_a_time_that_comes_with_bind_is_asked_of_execute if {
	every phase, codes in {"parse": set(), "execute": {"RG-S02"}, "query": {"RG-S02"}} {
		question := testing.question("read", {"is_creation_awaited": true})
		reasons := data.readonly_guard.scope_window.deny with data.demands as testing.demands({"scope_window": "always"})
			with data.scope as _scope
			with input as object.union(question, {"action": {"properties": {"phase": phase}}})
		testing.codes(reasons) == codes
	}
}

test_a_copy_that_holds_nothing_else_needs_no_predicate if {
	reasons := data.readonly_guard.scope_window.deny with data.demands as testing.demands({"scope_window": "always"})
		with data.scope as object.union(_scope, {"is_copy_limited": true})
		with input as testing.question("read", {})
	reasons == set()
}

test_without_a_window_nothing_is_inside if {
	reasons := data.readonly_guard.scope_window.deny with data.demands as testing.demands({})
		with data.scope as {}
		with input as testing.question("read", {
			"created_from": "2024-11-12T00:00:00Z",
			"created_before": "2024-11-13T00:00:00Z",
		})
	testing.codes(reasons) == {"RG-S01"}
}

test_one_can_connect if {
	every action in ["session", "catalog", "write"] {
		reasons := data.readonly_guard.scope_window.deny with data.demands as testing.demands({"scope_window": "always"})
			with data.scope as _scope
			with input as testing.question(action, {})
		reasons == set()
	}
}
