package readonly_guard.records_test

import data.readonly_guard.testing

_found(question) := answer if {
	answer := data.readonly_guard.records.answer with data.roster as testing.roster({})
		with data.purposes as testing.purposes
		with data.units as testing.units({})
		with data.demands as testing.demands({})
		with data.patients as {"person_id:2": {"person": "person_id:2", "providers": ["SE5560000000-0001"], "consents": []}}
		with data.relations as {"person_id:2": {}}
		with data.blocks as {"person_id:2": [{"unit": "SE2321000131-F000000000002", "to": null}]}
		with input as question
}

test_every_rule_is_asked if {
	testing.codes(_found(testing.about(["person_id:2"])).deny) == {"RG-U02", "RG-L01", "RG-B01"}
	testing.codes(_found(testing.question("print", {"is_bound": false})).deny) == {"RG-X01", "RG-X02"}
}

test_duties_are_found_whether_it_is_denied_or_not if {
	{duty | some duty in _found(testing.about(["person_id:2"])).duties} == {"disclosure_note"}
}

test_nothing_is_found_where_no_records_are_opened if {
	every action in ["session", "catalog", "write", "sign"] {
		_found(testing.question(action, {"patients": ["person_id:2"]})) == {"deny": [], "duties": []}
	}
}
