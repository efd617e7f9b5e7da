# METADATA
# title: Roster
# description: Who is admitted to read mode. The list is frozen, it can only shrink.
# schemas:
#   - input: schema.input.schema
#   - data.routine: schema.routine.schema
# custom:
#   law: Patientdatalagen (2008:355) 4 kap. 1–2 §§
package readonly_guard.roster

# METADATA
# title: The asker's entry in the list
user := data.readonly_guard.facts.user

# METADATA
# title: Admitted persons only
# description: Denied for every action, unless the person is listed, the grant has begun and it is not revoked.
# custom:
#   code: RG-R01
#   statement: S09, S19
#   source:
#     verbatim: Endast behörig personal får tillgång till Millennium i läsläge.
deny contains {
	"code": "RG-R01",
	"rule": "roster",
	"sv": "Du saknar behörighet till Millennium i läsläge",
	"en": "No authorisation for read mode",
	"hint_sv": "Be din chef kontrollera om du har behörighet.",
	"hint_en": "Ask your manager to check whether you are authorised.",
} if {
	not _is_listed
}

# METADATA
# title: Nobody new
# description: Denied for every action when access was granted after the freeze, or when that is not known.
# custom:
#   code: RG-R02
#   statement: S20
#   source:
#     verbatim: Nya medarbetare kommer inte ges behörighet till Millennium
deny contains {
	"code": "RG-R02",
	"rule": "roster",
	"sv": "Nya medarbetare ges inte behörighet",
	"en": "New staff are not admitted",
	"hint_sv": "Be en kollega med behörighet, eller läs i NPÖ.",
	"hint_en": "Ask a colleague who is authorised, or read in NPÖ.",
} if {
	_is_listed
	not _is_granted_before_freeze
}

# METADATA
# title: The routine is to be acknowledged
# description: A warning when records are opened by someone who has not confirmed having read the routine.
# custom:
#   code: RG-R90
#   statement: S11
#   source:
#     verbatim: >-
#       Chef ansvarar för att denna rutin är känd av medarbetare för att kunna utföra sina ordinarie arbetsuppgifter.
warn contains {
	"code": "RG-R90",
	"rule": "roster",
	"sv": "Bekräfta att du läst rutinen",
	"en": "Confirm that you have read the routine",
	"hint_sv": "Läs rutinen och meddela din chef.",
	"hint_en": "Read the routine and tell your manager.",
} if {
	data.readonly_guard.question.opens_records
	_is_listed
	not data.readonly_guard.calendar.is_date(user.acknowledged_at)
}

# METADATA
# title: What the log wants to know about the asker
subject := {key: value |
	some key in ["hsa_id", "name", "care_unit"]
	value := user[key]
	is_string(value)
}

_granted_at := user.granted_at if data.readonly_guard.calendar.is_date(user.granted_at)

_is_listed if {
	_granted_at <= data.readonly_guard.question.today
	_is_unrevoked
}

_is_unrevoked if user.revoked_at == null

_is_unrevoked if {
	data.readonly_guard.calendar.is_date(user.revoked_at)
	data.readonly_guard.question.today < user.revoked_at
}

_is_granted_before_freeze if {
	data.readonly_guard.calendar.is_date(data.routine.frozen_at)
	_granted_at <= data.routine.frozen_at
}
