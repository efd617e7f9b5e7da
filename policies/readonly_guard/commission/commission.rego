# METADATA
# title: Commission
# description: >-
#   What the asker's commission (vårdmedarbetaruppdrag) is for. A unit that gives no care, such as Fastighet, stöd och
#   service, has no commission for care, whatever its staff's entries say.
# schemas:
#   - input: schema.input.schema
#   - data.purposes: schema.purposes.schema
# custom:
#   statement: S22
#   law: Patientdatalagen (2008:355) 4 kap. 2 §
package readonly_guard.commission

# METADATA
# title: The purpose is covered by the commission
# custom:
#   code: RG-P03
#   statement: S07, S22
#   law: Patientdatalagen (2008:355) 4 kap. 2 §
deny contains {
	"code": "RG-P03",
	"rule": "commission",
	"sv": "Ändamålet stöds inte av ditt uppdrag",
	"en": "Not covered by your commission",
	"what": concat(" ", ["purpose", input.context.purpose]),
	"hint_sv": "Ange ett ändamål som ditt uppdrag omfattar.",
	"hint_en": "Declare a purpose that your commission covers.",
} if {
	data.readonly_guard.question.opens_records
	data.readonly_guard.purpose.is_allowed
	not _is_covered
}

_is_covered if {
	input.context.purpose in data.readonly_guard.roster.user.purposes
	not _is_care_elsewhere
}

_is_care_elsewhere if {
	data.readonly_guard.purpose.is_care
	data.readonly_guard.facts.unit.is_care == false
}
