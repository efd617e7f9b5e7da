# METADATA
# title: The question
# description: What is asked, in the words that the rules share. Decides nothing.
# schemas:
#   - input: schema.input.schema
package readonly_guard.question

_actions := {"read", "search", "print", "catalog", "session", "write"}

# METADATA
# title: Whether there is enough to decide on
# description: A question that is not well formed gets the default answer of authz, which is a denial.
is_well_formed if {
	is_string(input.subject.id)
	input.action.name in _actions
	is_string(today)
}

# METADATA
# title: Whether patients' records would be opened
# description: >-
#   Catalog, session and write open none: purpose and validity are not asked of them, so that a person can connect,
#   declare a purpose and be told what is missing.
opens_records if input.action.name in {"read", "search", "print"}

# METADATA
# title: The Swedish date of the question
# description: The only time that rules see, so that nothing changes within a day.
today := data.readonly_guard.calendar.date_at(time.parse_rfc3339_ns(input.context.time)) if {
	is_string(input.context.time)
}

# METADATA
# title: The Swedish date of the day after
tomorrow := data.readonly_guard.calendar.date_after(today, 1)
