# METADATA
# title: Authentication
# description: >-
#   How surely the asker is who they say. Levels are the Swedish ones (DIGG's Tillitsramverk för Svensk e-legitimation,
#   1 to 4); from level 3 on two factors are part of the level. Which level is demanded is the owner's decision
#   (data.demands.assurance.level): the routine names none, patientdatalagen's regulations ask for strong authentication
#   over open networks. As shipped it is 0, so that a database's own passwords are enough inside a trusted network.
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
# custom:
#   statement: S09, S19
#   law: HSLF-FS 2016:40 3 kap. 15 §; patientdatalagen (2008:355) 4 kap. 2 §
package readonly_guard.auth

# METADATA
# title: Strong authentication where it is demanded
# custom:
#   code: RG-A01
#   statement: S09, S19
deny contains {
	"code": "RG-A01",
	"rule": "auth",
	"sv": "Stark autentisering krävs",
	"en": "Strong authentication required",
	"hint_sv": "Logga in med SITHS-kort eller annan e-legitimation på den nivå som krävs.",
	"hint_en": "Log in with a SITHS card or another e-identification of the level demanded.",
} if {
	data.readonly_guard.question.opens_records
	not _is_assured
}

_is_assured if {
	is_number(data.demands.assurance.level)
	level >= data.demands.assurance.level
}

# METADATA
# title: The level of assurance of the asker's login
# description: >-
#   What an identity plugin says, or else what the owner says of the way of logging in
#   (data.demands.assurance.methods); 0 where nobody says anything.
default level := 0

level := input.subject.properties.assurance_level if {
	is_number(input.subject.properties.assurance_level)
} else := data.demands.assurance.methods[input.subject.properties.authentication] if {
	is_number(data.demands.assurance.methods[input.subject.properties.authentication])
}
