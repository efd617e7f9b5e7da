# METADATA
# title: Records
# description: >-
#   What the rules find about those whose records are read: all that is asked anew for the next patient. What is the same
#   for every patient is in the asker's standing.
# schemas:
#   - input: schema.input.schema
package readonly_guard.records

# METADATA
# title: What the rules find about the patients
# description: >-
#   Nothing, where no records are opened; undefined, where a rule is missing. What emergency access lifts is for authz to
#   say.
answer := {
	"deny": [reason | some reason in _deny],
	"duties": [duty | some duty in data.readonly_guard.provider.obligations],
} if {
	data.readonly_guard.question.opens_records
	is_set(_deny)
	is_set(data.readonly_guard.provider.obligations)
}

answer := {"deny": [], "duties": []} if not data.readonly_guard.question.opens_records

_deny := union({
	data.readonly_guard.provider.deny,
	data.readonly_guard.relation.deny,
	data.readonly_guard.block.deny,
	data.readonly_guard.print.deny,
})
