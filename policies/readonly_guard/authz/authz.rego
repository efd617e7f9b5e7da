# METADATA
# title: Authorisation
# description: >-
#   Composes the rules into the one answer that the guard asks for. A denial from any rule denies; the guard lets
#   through only what this allows and what its own write lock has called a read. References are written in full: the
#   embedded engine evaluates every rule of a package that is reached through an import.
# schemas:
#   - input: schema.input.schema
package readonly_guard.authz

# METADATA
# title: The answer when there is none
# description: >-
#   To a question that is not well formed, or when a rule is missing. The code and its texts are the core's: no usable
#   answer, enforced in every mode.
# custom:
#   code: RG-SYS-001
default decision := {
	"allow": false,
	"deny": [{
		"code": "RG-SYS-001",
		"rule": "authz",
		"sv": "Policymotorn svarade inte",
		"en": "The policy engine gave no answer",
		"what": "the question is not well formed",
		"hint_sv": "Försök igen; kvarstår felet, ring driften.",
		"hint_en": "Try again; if it persists, call operations.",
	}],
	"warn": [],
	"obligations": {"duties": [], "max_rows": null, "row_filters": [], "column_masks": []},
	"activity_type": "",
	"routine": "",
	"expires_at": null,
	"subject": {},
}

# METADATA
# title: The answer
# description: >-
#   deny, warn and the duties are arrays. row_filters and column_masks are reserved: this guard cannot carry them out and
#   denies where there are any. expires_at is the next instant at which an answer may change (RFC 3339, UTC): rules see
#   dates only, so it is the coming midnight in Sweden.
# entrypoint: true
decision := {
	"allow": _allow,
	"deny": [reason | some reason in _deny],
	"warn": [reason | some reason in _warn],
	"obligations": {
		"duties": [duty | some duty in _duties],
		"max_rows": data.readonly_guard.search.max_rows,
		"row_filters": [],
		"column_masks": [],
	},
	"activity_type": _activity_type,
	"routine": data.readonly_guard.validity.routine,
	"expires_at": data.readonly_guard.calendar.start_of(data.readonly_guard.question.tomorrow),
	"subject": data.readonly_guard.roster.subject,
} if {
	data.readonly_guard.question.is_well_formed
}

default _allow := false

# A write is the core's to refuse and has a code there; this only never allows one.
_allow if {
	count(_deny) == 0
	data.readonly_guard.readmode.is_action
}

# Who is not admitted is told that and nothing more.
_deny := data.readonly_guard.roster.deny if {
	count(data.readonly_guard.roster.deny) > 0
} else := _found - _lifted

_found := union({
	data.readonly_guard.auth.deny,
	data.readonly_guard.units.deny,
	data.readonly_guard.validity.deny,
	data.readonly_guard.purpose.deny,
	data.readonly_guard.commission.deny,
	data.readonly_guard.relation.deny,
	data.readonly_guard.block.deny,
	data.readonly_guard.scope_window.deny,
	data.readonly_guard.search.deny,
	data.readonly_guard.print.deny,
	data.readonly_guard.break_glass.deny,
})

# What emergency access lifts stays as a warning.
_lifted := {reason |
	data.readonly_guard.break_glass.is_active
	some reason in _found
	data.readonly_guard.break_glass.is_liftable(reason.code)
}

_warn := data.readonly_guard.roster.warn if {
	count(data.readonly_guard.roster.deny) > 0
} else := union({
	data.readonly_guard.roster.warn,
	data.readonly_guard.validity.warn,
	data.readonly_guard.npo_first.warn,
	_lifted,
})

_duties := union({
	data.readonly_guard.units.obligations,
	data.readonly_guard.print.obligations,
	data.readonly_guard.break_glass.obligations,
}) if {
	_allow
} else := set()

default _activity_type := ""

# A print is logged as a print even in an emergency; the purpose and the obligations tell of the emergency.
_activity_type := "Utskrift" if {
	input.action.name == "print"
} else := "Nödöppning" if {
	data.readonly_guard.question.opens_records
	data.readonly_guard.break_glass.is_emergency
} else := {"read": "Läsa", "search": "Sök"}[input.action.name]
