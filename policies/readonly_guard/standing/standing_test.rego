package readonly_guard.standing_test

import data.readonly_guard.testing

_standing(roster, question) := answer if {
	answer := data.readonly_guard.standing.answer with data.roster as testing.roster(roster)
		with data.routine as testing.routine({})
		with data.purposes as testing.purposes
		with data.units as testing.units({})
		with data.demands as testing.demands({})
		with data.npo as {"purposes": ["TREAT"], "sets": {"Diagnoser": true}}
		with input as question
}

_asked(action, context) := _standing({}, testing.question(action, context))

test_what_the_rules_about_patients_look_up if {
	answer := _standing({"patients": ["person_id:8"]}, testing.question("read", {}))
	answer.day == time.parse_ns("2006-01-02", "2025-03-03")
	answer.care_unit == "SE2321000131-F000000000001"
	answer.provider == "SE2321000131-0001"
	answer.own_patients == ["person_id:8"]
	answer.is_care == true
	answer.is_bulk == false
	answer.is_emergency == false
}

test_whose_unit_is_not_known_has_none if {
	answer := data.readonly_guard.standing.answer with data.roster as {"users": {}} with input as testing.question("read", {})
	answer.care_unit == null
	answer.provider == null
	answer.own_patients == []
	answer.is_admitted == false
	testing.codes(answer.deny) == {"RG-R01"}
	answer.warn == []
}

test_it_is_the_same_whoever_the_patient_is if {
	_standing({}, testing.about(["person_id:1"])) == _standing({}, testing.about(["person_id:2", "person_id:3"]))
}

test_purposes_have_their_kind if {
	_asked("read", {"purpose": "HLEGAL"}).is_care == false
	_asked("print", {"purpose": "RECORDMGT"}).is_bulk == true
	_asked("read", {"purpose": "ETREAT", "justification": "Patienten kom medvetslös in"}).is_emergency == true
}

test_a_question_that_is_not_well_formed_has_none if {
	not data.readonly_guard.standing.answer with input as {}
}

test_it_is_plain_json if {
	answer := _asked("read", {"information_sets": ["Diagnoser"], "purpose": "TREAT"})
	json.unmarshal(json.marshal(answer)) == answer
}
