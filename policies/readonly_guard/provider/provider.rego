# METADATA
# title: Care providers
# description: >-
#   Whose records may be read. Private providers are other care providers than the region, so that inner secrecy does not
#   cover them; what is known of a patient (data.patients) says whose records are there and to whom consent is given.
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
package readonly_guard.provider

# METADATA
# title: Another provider's records only with consent and a care relation
# custom:
#   code: RG-U02
#   statement: S07, S22
#   law: Lag (2022:913) om sammanhållen vård- och omsorgsdokumentation 3 kap.; OSL (2009:400) 25 kap. 1 §
deny contains {
	"code": "RG-U02",
	"rule": "provider",
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
	count(_others) > 0
}

# patients and the other providers whose records of them are there
_others contains [key, provider] if {
	some key in data.readonly_guard.question.patients
	some provider in data.readonly_guard.facts.patient(key).providers
	not _is_own(provider)
}

_is_own(provider) if {
	is_string(provider)
	provider == data.readonly_guard.standing.answer.provider
}

_is_foreign if {
	some [key, provider] in _others
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

_is_open(key, provider) if {
	provider in data.readonly_guard.facts.patient(key).consents
	data.readonly_guard.relation.has_relation(key)
}
