# METADATA
# title: Search
# description: >-
#   Reading without naming every patient. Allowed, because the routine says so, but bounded: for the purposes and as wide
#   as the owner says (data.demands.search).
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
# custom:
#   statement: S21
#   source:
#     verbatim: Personal kan söka och läsa information
package readonly_guard.search

# METADATA
# title: A search is bounded
# custom:
#   code: RG-Q01
#   statement: S21
#   law: Patientdatalagen (2008:355) 4 kap. 1–2 §§
deny contains {
	"code": "RG-Q01",
	"rule": "search",
	"sv": "Sökningen är för bred",
	"en": "Search too broad",
	"hint_sv": "Namnge patienten, eller läs färre tabeller åt gången.",
	"hint_en": "Name the patient, or read fewer tables at a time.",
} if {
	_is_search
	not _is_bounded
}

_is_search if input.action.name == "search"

_is_bounded if {
	_is_purpose_allowed
	_is_narrow
}

_is_purpose_allowed if is_null(data.demands.search.purposes)

_is_purpose_allowed if input.context.purpose in data.demands.search.purposes

_is_narrow if is_null(data.demands.search.max_relations)

_is_narrow if count(input.resources) <= data.demands.search.max_relations
