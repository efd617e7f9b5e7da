package readonly_guard.relation_test

import data.readonly_guard.testing

_relations := {
	"person_id:1": {"anna": {"from": "2024-11-12", "to": null}},
	"person_id:2": {"bo": {"from": "2024-11-12", "to": null}},
	"person_id:3": {"anna": {"from": "2024-11-12", "to": "2025-03-03"}},
	"person_id:4": {},
}

_denied(demand, question) := codes if {
	codes := testing.codes(data.readonly_guard.relation.deny) with data.roster as testing.roster({"patients": ["person_id:7"]})
		with data.purposes as testing.purposes
		with data.demands as testing.demands({"relation": demand})
		with data.relations as _relations
		with data.patients as {"encntr_id:70": {"person": "person_id:7"}}
		with input as question
}

test_a_relation_opens if {
	every demand in ["never", "known", "always"] {
		_denied(demand, testing.about(["person_id:1"])) == set()
	}
}

test_no_relation_to_a_listed_patient_denies if {
	every patient in ["person_id:2", "person_id:3", "person_id:4"] {
		_denied("known", testing.about([patient])) == {"RG-L01"}
		_denied("always", testing.about([patient])) == {"RG-L01"}
		_denied("never", testing.about([patient])) == set()
	}
}

test_every_patient_counts if _denied("known", testing.about(["person_id:1", "person_id:2"])) == {"RG-L01"}

test_a_patient_of_whom_nothing_is_known if {
	_denied("known", testing.about(["person_id:9"])) == set()
	_denied("always", testing.about(["person_id:9"])) == {"RG-L01"}
}

test_a_search_meets_strangers if {
	_denied("known", testing.question("search", {"is_bound": false})) == set()
	_denied("always", testing.question("search", {"is_bound": false})) == {"RG-L01"}
	_denied("always", testing.question("read", {})) == {"RG-L01"}
}

test_only_care_wants_one if {
	_denied("always", object.union(testing.about(["person_id:2"]), {"context": {"purpose": "HLEGAL"}})) == set()
	_denied("always", object.union(testing.about(["person_id:2"]), {"context": {"purpose": "ETREAT"}})) == {"RG-L01"}
	_denied("always", object.union(testing.about(["person_id:2"]), {"context": {"purpose": "NONE"}})) == {"RG-L01"}
}

test_one_can_connect_without_one if {
	every action in ["session", "catalog", "write"] {
		_denied("always", testing.question(action, {})) == set()
	}
}

test_ones_own_record_stays_closed if {
	_denied("never", testing.about(["person_id:7"])) == {"RG-L02"}
	_denied("never", testing.about(["person_id:1", "person_id:7"])) == {"RG-L02"}
	_denied("never", testing.about(["encntr_id:70"])) == {"RG-L02"}
	_denied("never", object.union(testing.about(["person_id:7"]), {"context": {"purpose": "HLEGAL"}})) == {"RG-L02"}
}

_related(from, to) if {
	data.readonly_guard.relation.has_relation("person_id:1") with data.roster as testing.roster({})
		with data.relations as {"person_id:1": {"anna": {"from": from, "to": to}}}
		with input as testing.about(["person_id:1"])
}

test_a_relation_is_in_effect_between_its_days if {
	_related("2025-03-03", null)
	_related("2025-03-03", "2025-03-04")
	not _related("2025-03-04", null)
	not _related("2025-02-01", "2025-03-03")
}

test_days_that_are_none_are_no_relation if {
	every from in [null, 0, true] {
		not _related(from, null)
	}
	every to in [20260101, true] {
		not _related("2025-02-01", to)
	}
}
