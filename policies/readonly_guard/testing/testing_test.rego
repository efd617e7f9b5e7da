# METADATA
# title: What the tests beside the rules share
# description: A person, a routine and a question with which nothing is wrong; each test changes what it is about.
package readonly_guard.testing

person := {
	"hsa_id": "SE2321000131-E000000000001",
	"name": "Anna Ek",
	"care_unit": "SE2321000131-F000000000001",
	"title": "Sjuksköterska",
	"granted_at": "2024-11-12",
	"revoked_at": null,
	"acknowledged_at": "2024-12-19",
	"purposes": ["TREAT", "ETREAT", "HLEGAL", "HSTAT"],
}

roster(changes) := {"users": {"anna": object.union(person, changes)}}

routine(changes) := object.union(
	{
		"id": "SSN1",
		"version": "1.0",
		"lifecycle": "active",
		"valid_from": "2024-12-18",
		"valid_to": "2026-12-18",
		"frozen_at": "2024-12-18",
		"expiry": {"mode": "deny", "grace_days": 30, "warn_days": [90, 30, 7]},
	},
	changes,
)

purposes := {
	"TREAT": {"sv": "Vård", "en": "Care", "is_allowed": true, "is_case_reference_required": false},
	"ETREAT": {"sv": "Nöd", "en": "Emergency", "is_allowed": true, "is_case_reference_required": false},
	"HLEGAL": {"sv": "Lag", "en": "Law", "is_allowed": true, "is_case_reference_required": true},
	"HSTAT": {"sv": "Statistik", "en": "Statistics", "is_allowed": false, "is_case_reference_required": true},
	"HREG": {"sv": "Register", "en": "Registers", "is_allowed": true, "is_case_reference_required": false},
}

question(action, changes) := {
	"request_id": "1",
	"subject": {"id": "anna", "type": "user", "properties": {}},
	"action": {"name": action, "properties": {}},
	"resources": [],
	"context": object.union(
		{
			"time": "2025-03-01T10:00:00.000000Z",
			"purpose": "TREAT",
			"case_reference": null,
			"print_reason": null,
			"justification": null,
			"patients": ["person_id:7"],
			"information_sets": [],
			"is_bound": true,
		},
		changes,
	),
}

at(time) := question("read", {"time": time})

codes(reasons) := {reason.code | some reason in reasons}
