# METADATA
# title: The window of creation
# description: >-
#   The routine covers what was created in Millennium from 12 to 20 November 2024, both included, Swedish time: from
#   2024-11-11T23:00Z until 2024-11-20T23:00Z. Creation time is meant, not clinical time: diagnoses carry old dates and
#   bookings future ones. A question knows it where context.created_from (included) and context.created_before
#   (excluded) say so, from the statement's predicates on columns of creation. A statement that is only parsed may bound it
#   with Bind: every Execute is asked again. A read copy that holds nothing else by construction is said to
#   (data.scope.is_copy_limited), and the rule rests.
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
#   - data.scope: schema.scope.schema
# custom:
#   statement: S02
#   source:
#     verbatim: >-
#       information som skapades i Millennium under perioden 12 november 2024 till och med 20 november 2024
package readonly_guard.scope_window

# METADATA
# title: Nothing from outside the window
# custom:
#   code: RG-S01
#   statement: S02
deny contains {
	"code": "RG-S01",
	"rule": "scope_window",
	"sv": "Uppgiften ligger utanför 12–20 november 2024",
	"en": "Outside the window",
	"hint_sv": "Begränsa frågan till tiden för skapandet, eller läs i det system där uppgiften skapades.",
	"hint_en": "Limit the query to the time of creation, or read in the system where the information was created.",
} if {
	_is_known
	_is_asked
	not _is_inside
}

# METADATA
# title: Nothing of which it is not known when it was created
# custom:
#   code: RG-S02
#   statement: S02
deny contains {
	"code": "RG-S02",
	"rule": "scope_window",
	"sv": "Tidpunkt för uppgiften saknas",
	"en": "Creation time unknown",
	"hint_sv": "Ange i frågan, för varje tabell, från och till när uppgifterna skapades, med tidszon (+01).",
	"hint_en": "State in the query, of each table, from and until when the information was created, with an offset (+01).",
} if {
	not data.demands.scope_window in {"never", "known"}
	_is_asked
	not _is_known
	not _is_awaited
}

_is_asked if {
	data.readonly_guard.question.opens_records
	not data.demands.scope_window == "never"
	not _is_copy_limited
}

_is_copy_limited if data.scope.is_copy_limited == true

_is_known if {
	is_string(input.context.created_from)
	is_string(input.context.created_before)
}

_is_awaited if {
	input.action.properties.phase == "parse"
	input.context.is_creation_awaited == true
}

_is_inside if {
	time.parse_rfc3339_ns(input.context.created_from) >= time.parse_rfc3339_ns(data.scope.created_from)
	time.parse_rfc3339_ns(input.context.created_before) <= time.parse_rfc3339_ns(data.scope.created_before)
}
