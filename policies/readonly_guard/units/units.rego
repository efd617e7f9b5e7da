# METADATA
# title: Units
# description: >-
#   Which units take part. The list of units (data.units) says of each whether it is in the southern area and which care
#   provider it belongs to.
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

_is_outside if data.readonly_guard.facts.unit.is_southern == false

_is_outside if {
	not data.demands.unit in {"never", "known"}
	not _is_southern
}

_is_southern if data.readonly_guard.facts.unit.is_southern == true
