# METADATA
# title: Care relation
# description: >-
#   Care is given to patients that one meets: whoever reads for care has a care relation (vårdrelation) to the patient,
#   and nobody opens their own record here. Relations are listed by patient (data.relations, or an information point), so
#   that it is known of a listed patient who has none.
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
# custom:
#   statement: S09, S22
#   source:
#     verbatim: Uppgifterna får endast användas i enlighet med gällande lagstiftning
#   law: Patientdatalagen (2008:355) 4 kap. 1 §
package readonly_guard.relation

# METADATA
# title: Care wants a care relation
# custom:
#   code: RG-L01
#   statement: S09, S22
#   law: Patientdatalagen (2008:355) 4 kap. 1 §
deny contains {
	"code": "RG-L01",
	"rule": "relation",
	"sv": "Vårdrelation saknas",
	"en": "No care relationship",
	"hint_sv": "Registrera vårdrelationen, eller använd nödöppning vid fara för patienten.",
	"hint_en": "Register the care relation, or use emergency access where the patient is in danger.",
} if {
	data.readonly_guard.question.opens_records
	data.readonly_guard.standing.answer.is_care == true
	not data.demands.relation == "never"
	_is_stranger
}

# METADATA
# title: Nobody opens their own record
# description: >-
#   The asker's own keys are in the roster (patients). Emergency access does not lift this: one's own record is ordered
#   from the unit or read in 1177.
# custom:
#   code: RG-L02
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 1 §
deny contains {
	"code": "RG-L02",
	"rule": "relation",
	"sv": "Egen journal får inte öppnas",
	"en": "Own record may not be opened",
	"hint_sv": "Läs din journal i 1177, eller beställ en kopia.",
	"hint_en": "Read your record in 1177, or order a copy.",
} if {
	data.readonly_guard.question.opens_records
	some own in data.readonly_guard.standing.answer.own_patients
	own in data.readonly_guard.facts.persons
}

# METADATA
# title: Whether the asker has a care relation to a patient today
# description: From its first day, included, to its last, excluded; without an end while to is null.
has_relation(key) if {
	relation := data.readonly_guard.facts.relations_of(key)[input.subject.id]
	is_string(relation.from)
	time.parse_ns("2006-01-02", relation.from) <= data.readonly_guard.standing.answer.day
	_is_unended(relation.to)
}

_is_unended(to) if {
	to == null
} else if {
	is_string(to)
	data.readonly_guard.standing.answer.day < time.parse_ns("2006-01-02", to)
}

_is_stranger if {
	some key in data.readonly_guard.question.patients
	not has_relation(key)
	_is_wanted(key)
}

_is_stranger if {
	not data.demands.relation in {"never", "known"}
	not data.readonly_guard.question.is_pinned
}

# of a patient who is not listed it is not known
_is_wanted(key) if data.readonly_guard.facts.relations_of(key)

_is_wanted(_) if not data.demands.relation in {"never", "known"}
