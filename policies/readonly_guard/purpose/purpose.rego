# METADATA
# title: Purpose
# description: >-
#   Why records are opened: a purpose that is known and allowed in read mode, with a case reference where one is wanted.
#   Whether the asker's commission covers it is the commission's to say. Asked of read, search and print only.
# schemas:
#   - input: schema.input.schema
#   - data.purposes: schema.purposes.schema
# custom:
#   statement: S22, S30
#   source:
#     verbatim: >-
#       Uppgifterna får endast användas i enlighet med gällande lagstiftning. Lag med kompletterande bestämmelser till
#       EU:s dataskyddsförordning SFS 2028-218
#     corrected: >-
#       Uppgifterna får endast användas i enlighet med gällande lagstiftning. Lag med kompletterande bestämmelser till
#       EU:s dataskyddsförordning SFS 2018:218
#     note: The source has the number of a law of the year 2028; that law is SFS 2018:218.
#   law: Patientdatalagen (2008:355) 4 kap. 1–2 §§; lag (2018:218)
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
	not is_allowed
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
	is_allowed
	not _is_case_settled
}

# METADATA
# title: Whether the purpose is one that read mode allows
is_allowed if data.purposes[input.context.purpose].is_allowed == true

# METADATA
# title: Whether the purpose is care, and so wants a care relation
# description: Anything that is not said to be something else.
is_care if not _is_other

# METADATA
# title: Whether the purpose covers many patients at once
# description: Archive export does. Only what is said to do.
is_bulk if data.purposes[input.context.purpose].is_bulk == true

_what := concat(" ", ["purpose", input.context.purpose]) if _is_known

_is_known if is_object(data.purposes[input.context.purpose])

_is_other if data.purposes[input.context.purpose].is_care == false

_is_case_settled if data.purposes[input.context.purpose].is_case_reference_required == false

_is_case_settled if {
	is_string(input.context.case_reference)
	trim_space(input.context.case_reference) != ""
}
