# METADATA
# title: Validity
# description: >-
#   Whether the routine is in force. Before and after its dates no record is opened, but a person can connect and be
#   told; once the information is archived nothing is allowed. Expiry never opens writes: they are the core's to refuse.
# schemas:
#   - input: schema.input.schema
#   - data.routine: schema.routine.schema
package readonly_guard.validity

# METADATA
# title: The routine has begun
# custom:
#   code: RG-V01
#   statement: S01
#   source:
#     verbatim: "Giltig från: 2024-12-18"
deny contains {
	"code": "RG-V01",
	"rule": "validity",
	"sv": "Rutinen gäller ännu inte",
	"en": "The routine is not yet in force",
	"what": routine,
	"hint_sv": "Läs i det system som är i drift.",
	"hint_en": "Read in the system in operation.",
} if {
	data.readonly_guard.question.opens_records
	not _has_begun
}

# METADATA
# title: The routine has not expired
# description: >-
#   Whether reading goes on after the last day is the owner's decision: mode deny closes the day after, mode warn keeps
#   open with a warning for the days of grace.
# custom:
#   code: RG-V02
#   statement: S01
#   source:
#     verbatim: "Giltig till: 2026-12-18"
deny contains _expired if {
	data.readonly_guard.question.opens_records
	not _is_unexpired
	not _is_tolerated
}

# METADATA
# title: The information is not archived
# description: Denied for every action. A lifecycle that is unknown counts as archived.
# custom:
#   code: RG-V03
#   statement: S06
#   source:
#     verbatim: Läsläge gäller tills informationen har arkiverats
deny contains {
	"code": "RG-V03",
	"rule": "validity",
	"sv": "Informationen är arkiverad – kontakta regionarkivet",
	"en": "The information is archived – contact regionarkivet",
	"what": routine,
	"hint_sv": "Begär handlingen hos regionarkivet.",
	"hint_en": "Request the document from regionarkivet.",
} if {
	not _is_active
}

# METADATA
# title: Reading after the routine's last day
# custom:
#   code: RG-V02
#   statement: S01
warn contains _expired if {
	data.readonly_guard.question.opens_records
	not _is_unexpired
	_is_tolerated
}

# METADATA
# title: The routine expires soon
# description: From 90, 30 and 7 days before the last day (warn_days).
# custom:
#   code: RG-V90
#   statement: S01
warn contains {
	"code": "RG-V90",
	"rule": "validity",
	"sv": concat(" ", ["Rutinen löper ut", _last_day]),
	"en": concat(" ", ["The routine expires", _last_day]),
	"what": routine,
	"hint_sv": sprintf("Högst %d dagar återstår; rutinens ägare beslutar vad som gäller sedan.", [days_left]),
	"hint_en": sprintf("At most %d days remain; the routine's owner decides what applies then.", [days_left]),
} if {
	data.readonly_guard.question.opens_records
	_is_unexpired
	days_left := min([days |
		some days in data.routine.expiry.warn_days
		_days_left <= days
	])
}

# METADATA
# title: The routine's id and version, stamped on every decision
default routine := ""

routine := concat(" v", [data.routine.id, data.routine.version])

_expired := {
	"code": "RG-V02",
	"rule": "validity",
	"sv": "Rutinen har löpt ut",
	"en": "The routine has expired",
	"what": routine,
	"hint_sv": "Fråga din chef om rutinen förlängs; vid fara för patienten finns nödöppning.",
	"hint_en": "Ask your manager whether the routine is extended; emergency access exists where a patient is in danger.",
}

_has_begun if {
	data.readonly_guard.calendar.is_date(data.routine.valid_from)
	data.routine.valid_from <= data.readonly_guard.question.today
}

_last_day := data.routine.valid_to if data.readonly_guard.calendar.is_date(data.routine.valid_to)

_days_left := data.readonly_guard.calendar.days_between(data.readonly_guard.question.today, _last_day)

_is_unexpired if data.readonly_guard.question.today <= _last_day

_is_tolerated if {
	data.routine.expiry.mode == "warn"
	last_day_of_grace := data.readonly_guard.calendar.date_after(_last_day, data.routine.expiry.grace_days)
	data.readonly_guard.question.today <= last_day_of_grace
}

_is_active if data.routine.lifecycle == "active"
