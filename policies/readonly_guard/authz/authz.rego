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
#   Of the asker's standing and of what the rules find about what is read. deny, warn and the duties are arrays.
#   max_rows, row_filters and column_masks are reserved: this guard does not carry them out and denies where there are any.
# entrypoint: true
decision := {
	"allow": _allow,
	"deny": [reason | some reason in _deny],
	"warn": [reason | some reason in _warn],
	"obligations": {
		"duties": [duty | some duty in _duties],
		"max_rows": null,
		"row_filters": [],
		"column_masks": [],
	},
	"activity_type": data.readonly_guard.standing.answer.activity_type,
	"routine": data.readonly_guard.standing.answer.routine,
	"expires_at": data.readonly_guard.standing.answer.expires_at,
	"subject": data.readonly_guard.standing.answer.subject,
} if {
	is_object(data.readonly_guard.standing.answer)
	is_object(data.readonly_guard.records.answer)
}

default _allow := false

# A write is the core's to refuse and has a code there; this only never allows one.
_allow if {
	count(_deny) == 0
	data.readonly_guard.readmode.is_action
}

_is_admitted if data.readonly_guard.standing.answer.is_admitted == true

# Who is not admitted is told that and nothing more.
_found := {reason | some reason in data.readonly_guard.standing.answer.deny} | _found_in_records

default _found_in_records := set()

_found_in_records := {reason | some reason in data.readonly_guard.records.answer.deny} if _is_admitted

_deny := _found - _lifted

# What emergency access lifts stays as a warning.
_lifted := {reason |
	data.readonly_guard.standing.answer.is_emergency == true
	_is_admitted
	some reason in _found
	data.readonly_guard.break_glass.is_liftable(reason.code)
}

_warn := {reason | some reason in data.readonly_guard.standing.answer.warn} | _lifted

default _duties := set()

_duties := {duty |
	some duties in [data.readonly_guard.standing.answer.duties, data.readonly_guard.records.answer.duties]
	some duty in duties
} if _allow
