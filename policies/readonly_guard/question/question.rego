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
# title: The patient keys that the statement names, as column:value
# description: >-
#   Without those that only say that there are more: column:? (the value cannot be told), column:$1 (it comes with Bind),
#   *:? (an earlier statement names them) and *:23 (so many more).
patients := {patient |
	some patient in input.context.patients
	not endswith(patient, ":?")
	not startswith(patient, "*:")
	not _is_awaited(patient)
}

# METADATA
# title: Whether all that is read belongs to patients that are named
# description: >-
#   Not where the guard does not say so. A statement that is only parsed may name them with Bind: every Execute is asked
#   again, and then they are here.
is_pinned if {
	input.context.is_bound == true
	count(patients) > 0
	count(patients) == count({patient | some patient in input.context.patients})
}

is_pinned if {
	input.context.is_bound == true
	_is_parsed
}

# METADATA
# title: Whether it is known that more patients may be read than those named
is_unpinned if input.context.is_bound == false

is_unpinned if {
	some patient in input.context.patients
	startswith(patient, "*:")
}

# METADATA
# title: The Swedish date of the question
# description: The only time that rules see, so that nothing changes within a day.
today := data.readonly_guard.calendar.date_at(time.parse_rfc3339_ns(input.context.time)) if {
	is_string(input.context.time)
}

# METADATA
# title: The Swedish date of the day after
tomorrow := data.readonly_guard.calendar.date_after(today, 1)

_is_parsed if input.action.properties.phase == "parse"

_is_awaited(patient) if {
	contains(patient, ":$")
	_is_parsed
}
