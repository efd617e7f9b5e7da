package readonly_guard.facts_test

import data.readonly_guard.testing

_asked := testing.question("read", {})

_told(facts) := testing.question("read", {"facts": facts})

test_the_roster_knows_the_asker if {
	data.readonly_guard.facts.user.name == "Anna Ek" with data.roster as testing.roster({}) with input as _asked
}

test_an_information_point_has_the_last_word_on_the_asker if {
	data.readonly_guard.facts.user.name == "Eva" with data.roster as testing.roster({})
		with input as _told({"user": {"name": "Eva"}})
	not data.readonly_guard.facts.user with data.roster as testing.roster({}) with input as _told({"user": null})
}

test_a_fact_about_something_else_leaves_the_roster_alone if {
	data.readonly_guard.facts.user.name == "Anna Ek" with data.roster as testing.roster({})
		with input as _told({"blocks": {}})
}

test_the_unit_is_that_of_the_commission if {
	data.readonly_guard.facts.unit.name == "Medicin" with data.roster as testing.roster({})
		with data.units as testing.units({})
		with input as _asked
	data.readonly_guard.facts.provider == "SE2321000131-0001" with data.roster as testing.roster({})
		with data.units as testing.units({})
		with input as _asked
}

test_an_information_point_has_the_last_word_on_the_unit if {
	data.readonly_guard.facts.unit.name == "Kirurgi" with data.roster as testing.roster({})
		with data.units as testing.units({})
		with input as _told({"unit": {"name": "Kirurgi"}})
	not data.readonly_guard.facts.unit with data.roster as testing.roster({})
		with data.units as testing.units({})
		with input as _told({"unit": null})
}

test_patients_relations_and_blocks_come_from_data if {
	data.readonly_guard.facts.patient("a") == {"person": "b"} with data.patients as {"a": {"person": "b"}} with input as _asked
	data.readonly_guard.facts.relations_of("a") == {"anna": {}} with data.relations as {"a": {"anna": {}}}
		with input as _asked
	data.readonly_guard.facts.blocks_of("a") == [] with data.blocks as {"a": []} with input as _asked
}

test_an_information_point_has_the_last_word_on_patients_relations_and_blocks if {
	facts := {"patients": {"a": {"person": "c"}}, "relations": {"a": {}}, "blocks": {"a": [1]}}
	data.readonly_guard.facts.patient("a") == {"person": "c"} with data.patients as {"a": {"person": "b"}}
		with input as _told(facts)
	data.readonly_guard.facts.relations_of("a") == {} with data.relations as {"a": {"anna": {}}} with input as _told(facts)
	not data.readonly_guard.facts.relations_of("b") with data.relations as {"b": {"anna": {}}} with input as _told(facts)
	data.readonly_guard.facts.blocks_of("a") == [1] with data.blocks as {"a": []} with input as _told(facts)
}

test_a_key_stands_for_a_person_or_for_itself if {
	persons := data.readonly_guard.facts.persons with data.patients as {"encntr_id:7": {"person": "person_id:1"}}
		with input as testing.about(["encntr_id:7", "encntr_id:8", "person_id:1"])
	persons == {"person_id:1", "encntr_id:8"}
}
