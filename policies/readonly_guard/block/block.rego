# METADATA
# title: Blocks
# description: >-
#   A patient may have information blocked (spärr): within a provider, a unit's information from other units; between
#   providers, a provider's from others. Only that there is a block may show, never whose or what.
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
# custom:
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 4–5 §§; lag (2022:913) 3 kap.
package readonly_guard.block

# METADATA
# title: Blocked information stays closed
# custom:
#   code: RG-B01
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 4 §
deny contains {
	"code": "RG-B01",
	"rule": "block",
	"sv": "Det finns spärrade uppgifter",
	"en": "Blocked information exists",
	"hint_sv": "Be patienten häva spärren, eller använd nödöppning vid fara för patienten.",
	"hint_en": "Ask the patient to lift the block, or use emergency access where the patient is in danger.",
} if {
	data.readonly_guard.question.opens_records
	not data.demands.block == "never"
	_is_blocked
}

_is_blocked if {
	some key in data.readonly_guard.question.patients
	some block in data.readonly_guard.facts.blocks_of(key)
	not _has_ended(block)
	not _is_ours(block)
}

_is_blocked if {
	not data.demands.block in {"never", "known"}
	not data.readonly_guard.question.is_pinned
}

# a block whose dates cannot be read is in effect
_has_ended(block) if {
	is_string(block.to)
	time.parse_ns("2006-01-02", block.to) <= data.readonly_guard.standing.answer.day
}

_is_ours(block) if {
	is_string(block.unit)
	block.unit == data.readonly_guard.standing.answer.care_unit
}

_is_ours(block) if {
	not block.unit
	is_string(block.provider)
	block.provider == data.readonly_guard.standing.answer.provider
}
