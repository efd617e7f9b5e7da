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

_purpose(is_allowed, is_case_reference_required, is_care) := {
	"sv": "Ändamål",
	"en": "Purpose",
	"is_allowed": is_allowed,
	"is_case_reference_required": is_case_reference_required,
	"is_care": is_care,
	"is_bulk": false,
}

purposes := {
	"TREAT": _purpose(true, false, true),
	"ETREAT": _purpose(true, false, true),
	"HLEGAL": _purpose(true, true, false),
	"HSTAT": _purpose(false, true, false),
	"HREG": _purpose(true, false, false),
	"RECORDMGT": object.union(_purpose(true, false, false), {"is_bulk": true}),
}

units(changes) := {"SE2321000131-F000000000001": object.union(
	{
		"name": "Medicin",
		"administration": "Södra Älvsborgs Sjukhus",
		"provider": "SE2321000131-0001",
		"is_southern": true,
		"is_care": true,
	},
	changes,
)}

# merged whole, key by key: a test that changes the search changes nothing else
demands(changes) := object.union(
	{
		"assurance": {"level": 0, "methods": {}},
		"unit": "known",
		"provider": "known",
		"relation": "known",
		"block": "known",
		"scope_window": "known",
		"print": "known",
		"search": {"max_relations": null, "purposes": null},
	},
	changes,
)

question(action, changes) := {
	"request_id": "1",
	"subject": {"id": "anna", "type": "user", "properties": {}},
	"action": {"name": action, "properties": {}},
	"resources": [],
	"context": object.union(
		{
			"time": "2025-03-03T10:00:00.000000Z",
			"purpose": "TREAT",
			"case_reference": null,
			"print_reason": null,
			"justification": null,
		},
		changes,
	),
}

about(patients) := question("read", {"patients": patients, "is_bound": true})

at(time) := question("read", {"time": time})

codes(reasons) := {reason.code | some reason in reasons}
