# METADATA
# title: Units
# description: >-
#   Which units take part, and whose records they may read. The list of units (data.units) says of each whether it is in
#   the southern area and which care provider it belongs to; private providers are other care providers than the region,
#   so that inner secrecy does not cover them.
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
#   - data.units: schema.units.schema
package readonly_guard.units

# METADATA
# title: The unit takes part
# custom:
#   code: RG-U01
#   statement: S07
#   source:
#     verbatim: >-
#       Följande förvaltningar i södra området använde systemet: Södra Älvsborgs Sjukhus, Regionhälsan, Fastighet, stöd
#       och service, Närhälsan, Regional laboratoriemedicin, Privata vårdgivare
#   law: Patientdatalagen (2008:355) 4 kap. 1 §
deny contains {
	"code": "RG-U01",
	"rule": "units",
	"sv": "Enheten ingår inte i södra området",
	"en": "Unit not in the southern area",
	"hint_sv": "Be din chef kontrollera vilken enhet ditt uppdrag gäller.",
	"hint_en": "Ask your manager to check which unit your commission is for.",
} if {
	data.readonly_guard.question.opens_records
	not data.demands.unit == "never"
	_is_outside
}

# METADATA
# title: Another provider's records only with consent and a care relation
# custom:
#   code: RG-U02
#   statement: S07, S22
#   law: Lag (2022:913) om sammanhållen vård- och omsorgsdokumentation 3 kap.; OSL (2009:400) 25 kap. 1 §
deny contains {
	"code": "RG-U02",
	"rule": "units",
	"sv": "Uppgifterna tillhör annan vårdgivare",
	"en": "Data belong to another care provider",
	"hint_sv": "Inhämta patientens samtycke, eller läs i NPÖ.",
	"hint_en": "Obtain the patient's consent, or read in NPÖ.",
} if {
	data.readonly_guard.question.opens_records
	not data.demands.provider == "never"
	_is_foreign
}

# METADATA
# title: Reading another provider's records is noted
# custom:
#   statement: S07
#   law: OSL (2009:400) 25 kap. 1 §
obligations contains "disclosure_note" if {
	data.readonly_guard.question.opens_records
	some key in data.readonly_guard.question.patients
	some provider in data.readonly_guard.facts.patient(key).providers
	provider != data.readonly_guard.facts.provider
}

_is_outside if data.readonly_guard.facts.unit.is_southern == false

_is_outside if {
	not data.demands.unit in {"never", "known"}
	not _is_southern
}

_is_southern if data.readonly_guard.facts.unit.is_southern == true

_is_foreign if {
	some key in data.readonly_guard.question.patients
	some provider in data.readonly_guard.facts.patient(key).providers
	not _is_open(key, provider)
}

_is_foreign if {
	not data.demands.provider in {"never", "known"}
	some key in data.readonly_guard.question.patients
	not _has_providers(key)
}

_is_foreign if {
	not data.demands.provider in {"never", "known"}
	not data.readonly_guard.question.is_pinned
}

_has_providers(key) if data.readonly_guard.facts.patient(key).providers

_is_open(_, provider) if provider == data.readonly_guard.facts.provider

_is_open(key, provider) if {
	provider in data.readonly_guard.facts.patient(key).consents
	data.readonly_guard.relation.has_relation(key)
}
