# METADATA
# title: Emergency access
# description: >-
#   Nödöppning: the purpose ETREAT, with a justification. It lifts four denials and nothing else; what it lifts becomes
#   a warning, the reading is logged as what it is, the manager is told and all of it is reviewed.
# schemas:
#   - input: schema.input.schema
# custom:
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 5 §
package readonly_guard.break_glass

# METADATA
# title: Emergency access is justified
# description: At least 20 characters, blanks at the ends not counted.
# custom:
#   code: RG-G01
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 5 §
deny contains {
	"code": "RG-G01",
	"rule": "break_glass",
	"sv": "Nödöppning kräver motivering",
	"en": "Justification required",
	"hint_sv": "Skriv minst 20 tecken: SET readonly_guard.justification = '…'.",
	"hint_en": "Write at least 20 characters: SET readonly_guard.justification = '…'.",
} if {
	data.readonly_guard.question.opens_records
	is_emergency
	not _is_justified
}

# METADATA
# title: Emergency access is always followed up
# custom:
#   statement: S28
#   law: Patientdatalagen (2008:355) 4 kap. 3 och 5 §§
obligations contains obligation if {
	data.readonly_guard.question.opens_records
	is_emergency
	some obligation in ["notify_manager", "review_100"]
}

# METADATA
# title: Whether emergency access is asked for
is_emergency if input.context.purpose == "ETREAT"

# METADATA
# title: Whether emergency access is asked for in good order
# description: For an allowed purpose that the commission covers, with a justification.
is_active if {
	data.readonly_guard.question.opens_records
	is_emergency
	count(deny) == 0
	count(data.readonly_guard.purpose.deny) == 0
	count(data.readonly_guard.commission.deny) == 0
}

# METADATA
# title: Whether a denial is one that emergency access lifts
# description: Another provider's data, no care relation, blocked information, the expired routine.
is_liftable(code) if code in {"RG-U02", "RG-L01", "RG-B01", "RG-V02"}

_is_justified if {
	is_string(input.context.justification)
	count(trim_space(input.context.justification)) >= 20
}
