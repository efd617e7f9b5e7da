# METADATA
# title: Standing
# description: >-
#   What is the same whoever the patient is: who asks, why, for what, on which day, and what the rules say of that. Rules
#   about patients look it up here. The embedded engine works it out once and remembers it until expires_at, by the
#   fields of the question that it rests on, so that the next patient costs no more than the rules about patients.
# schemas:
#   - input: schema.input.schema
package readonly_guard.standing

# METADATA
# title: The asker's standing
# description: >-
#   Undefined for a question that is not well formed, and where a rule is missing: that is not one that found nothing. What is not known of the asker is null or empty. expires_at is the
#   next instant at which it may change (RFC 3339, UTC): rules see dates only, so it is the coming midnight in Sweden.
answer := {
	"is_admitted": _is_admitted,
	"deny": [reason | some reason in _deny],
	"warn": [reason | some reason in _warn],
	"duties": [duty | some duty in _duties],
	"activity_type": _activity_type,
	"routine": data.readonly_guard.validity.routine,
	"expires_at": data.readonly_guard.calendar.start_of(data.readonly_guard.question.tomorrow),
	"subject": data.readonly_guard.roster.subject,
	"day": time.parse_ns("2006-01-02", data.readonly_guard.question.today),
	"care_unit": _care_unit,
	"provider": _provider,
	"own_patients": _own_patients,
	"is_care": _is_care,
	"is_bulk": _is_bulk,
	"is_emergency": _is_emergency,
} if {
	data.readonly_guard.question.is_well_formed
	is_set(_deny)
	is_set(_warn)
	is_set(_duties)
}

_is_admitted := count(data.readonly_guard.roster.deny) == 0

# Who is not admitted is told that and nothing more.
_deny := data.readonly_guard.roster.deny if {
	_is_admitted == false
} else := union({
	data.readonly_guard.auth.deny,
	data.readonly_guard.units.deny,
	data.readonly_guard.validity.deny,
	data.readonly_guard.purpose.deny,
	data.readonly_guard.commission.deny,
	data.readonly_guard.scope_window.deny,
	data.readonly_guard.search.deny,
	data.readonly_guard.break_glass.deny,
})

_warn := data.readonly_guard.roster.warn if {
	_is_admitted == false
} else := union({
	data.readonly_guard.roster.warn,
	data.readonly_guard.validity.warn,
	data.readonly_guard.npo_first.warn,
})

_duties := data.readonly_guard.break_glass.obligations | data.readonly_guard.print.obligations

default _activity_type := ""

# A print is logged as a print even in an emergency; the purpose and the obligations tell of the emergency.
_activity_type := "Utskrift" if {
	input.action.name == "print"
} else := "Nödöppning" if {
	data.readonly_guard.question.opens_records
	data.readonly_guard.break_glass.is_emergency
} else := {"read": "Läsa", "search": "Sök"}[input.action.name]

default _care_unit := null

_care_unit := data.readonly_guard.roster.user.care_unit

default _provider := null

_provider := data.readonly_guard.facts.provider

default _own_patients := []

_own_patients := data.readonly_guard.roster.user.patients

default _is_care := true

_is_care := false if not data.readonly_guard.purpose.is_care

default _is_bulk := false

_is_bulk if data.readonly_guard.purpose.is_bulk

default _is_emergency := false

_is_emergency if data.readonly_guard.break_glass.is_active
