# METADATA
# title: Purpose
# description: >-
#   Why records are opened: a purpose that is known, allowed in read mode and covered by the person's commission, with a
#   case reference or a justification where one is wanted. Asked of read, search and print only.
# schemas:
#   - input: schema.input.schema
#   - data.purposes: schema.purposes.schema
#   - data.roster: schema.roster.schema
# custom:
#   statement: S22, S30
#   verbatim: Uppgifterna får endast användas i enlighet med gällande lagstiftning
#   law: Patientdatalagen (2008:355) 4 kap. 1–2 §§; lag (2018:218)
#   note: >-
#     The routine cites the second law as "SFS 2028-218" (verbatim); the number of that law is SFS 2018:218 (corrected).
package readonly_guard.purpose

# METADATA
# title: A known purpose is declared
# custom:
#   code: RG-P01
#   statement: S22
deny contains {
	"code": "RG-P01",
	"rule": "purpose",
	"sv": "Ändamål måste anges",
	"en": "Purpose required",
	"hint_sv": "Ange ett känt ändamål: SET readonly_guard.purpose = 'TREAT'.",
	"hint_en": "Declare a known purpose: SET readonly_guard.purpose = 'TREAT'.",
} if {
	data.readonly_guard.question.opens_records
	not _is_known
}

# METADATA
# title: The purpose is allowed in read mode
# custom:
#   code: RG-P02
#   statement: S22
deny contains {
	"code": "RG-P02",
	"rule": "purpose",
	"sv": "Ändamålet är inte tillåtet i läsläge",
	"en": "Purpose not allowed in read mode",
	"what": _what,
	"hint_sv": "Statistik och registeruttag görs ur andra källor.",
	"hint_en": "Statistics and registers are drawn from other sources.",
} if {
	data.readonly_guard.question.opens_records
	_is_known
	not _is_allowed
}

# METADATA
# title: The purpose is covered by the commission
# custom:
#   code: RG-P03
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 2 §
deny contains {
	"code": "RG-P03",
	"rule": "purpose",
	"sv": "Ändamålet stöds inte av ditt uppdrag",
	"en": "Not covered by your commission",
	"what": _what,
	"hint_sv": "Ange ett ändamål som ditt uppdrag omfattar.",
	"hint_en": "Declare a purpose that your commission covers.",
} if {
	data.readonly_guard.question.opens_records
	_is_allowed
	not _is_commissioned
}

# METADATA
# title: The case is named where the purpose wants one
# custom:
#   code: RG-P04
#   statement: S22
deny contains {
	"code": "RG-P04",
	"rule": "purpose",
	"sv": "Ärendenummer krävs",
	"en": "Case reference required",
	"what": _what,
	"hint_sv": "Ange ärendet: SET readonly_guard.case_reference = '…'.",
	"hint_en": "Name the case: SET readonly_guard.case_reference = '…'.",
} if {
	data.readonly_guard.question.opens_records
	_is_allowed
	not _is_case_settled
}

# METADATA
# title: Emergency access is justified
# description: At least 20 characters, blanks at the ends not counted.
# custom:
#   code: RG-G01
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 5 §
deny contains {
	"code": "RG-G01",
	"rule": "purpose",
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
# description: What lifts the denials that break-glass may lift. Never those of writes, roster, print or archive.
is_break_glass if {
	data.readonly_guard.question.opens_records
	is_emergency
	count(deny) == 0
}

_what := concat(" ", ["purpose", input.context.purpose]) if _is_known

_is_known if is_object(data.purposes[input.context.purpose])

_is_allowed if data.purposes[input.context.purpose].is_allowed == true

_is_commissioned if input.context.purpose in data.readonly_guard.roster.user.purposes

_is_case_settled if data.purposes[input.context.purpose].is_case_reference_required == false

_is_case_settled if {
	is_string(input.context.case_reference)
	trim_space(input.context.case_reference) != ""
}

_is_justified if {
	is_string(input.context.justification)
	count(trim_space(input.context.justification)) >= 20
}
