# METADATA
# title: NPÖ first
# description: >-
#   What Nationell patientöversikt shows is to be read there. A reminder, never a denial: whether NPÖ had it is for the
#   reader to know and for the review to ask. Which sets NPÖ shows is in data.npo; one that it does not name is taken
#   not to be shown.
# schemas:
#   - input: schema.input.schema
#   - data.npo: schema.npo.schema
# custom:
#   statement: S13, S14, S15, S16, S17, S18
#   source:
#     verbatim: NPÖ bar vara förstahandsvalet att läsa information för användare
#     corrected: NPÖ bör vara förstahandsvalet att läsa information för användare
#     note: The source has "bar"; also "Serolog" for "Serologi" in the list of laboratory answers.
package readonly_guard.npo_first

# METADATA
# title: NPÖ would have shown it
# custom:
#   code: RG-N90
#   statement: S13, S14, S15, S16, S17, S18
warn contains {
	"code": "RG-N90",
	"rule": "npo_first",
	"sv": "NPÖ är förstahandsval för denna information",
	"en": "NPÖ is the first choice",
	"what": concat(", ", _shown),
	"hint_sv": "Läs i NPÖ när den visar uppgiften.",
	"hint_en": "Read in NPÖ where it shows the information.",
} if {
	data.readonly_guard.question.opens_records
	input.context.purpose in data.npo.purposes
	count(_shown) > 0
}

_shown := sort({set |
	some set in input.context.information_sets
	data.npo.sets[set] == true
})
