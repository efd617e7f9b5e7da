package readonly_guard.search_test

import data.readonly_guard.testing

_searching(relations) := object.union(
	testing.question("search", {}),
	{"resources": [{"id": relation, "type": "relation"} | some relation in relations]},
)

_demands(changes) := testing.demands({"search": object.union(
	{"max_relations": 2, "purposes": null},
	changes,
)})

_denied(changes, question) := codes if {
	codes := testing.codes(data.readonly_guard.search.deny) with data.demands as _demands(changes) with input as question
}

test_a_narrow_search_is_allowed if _denied({}, _searching(["person", "encounter"])) == set()

test_a_wide_one_is_not if _denied({}, _searching(["person", "encounter", "orders"])) == {"RG-Q01"}

test_without_a_bound_any_width_will_do if {
	_denied({"max_relations": null}, _searching(["person", "encounter", "orders"])) == set()
}

test_only_some_purposes_may_search if {
	_denied({"purposes": ["TREAT"]}, _searching(["person"])) == set()
	_denied({"purposes": ["HLEGAL"]}, _searching(["person"])) == {"RG-Q01"}
	_denied({"purposes": []}, _searching(["person"])) == {"RG-Q01"}
}

test_a_read_of_named_patients_is_no_search if {
	_denied({"purposes": [], "max_relations": 0}, testing.question("read", {})) == set()
}

test_a_demand_that_is_none_denies if {
	reasons := data.readonly_guard.search.deny with data.demands as {} with input as _searching(["person"])
	testing.codes(reasons) == {"RG-Q01"}
	_denied({"max_relations": null, "purposes": "all"}, _searching(["person"])) == {"RG-Q01"}
}
