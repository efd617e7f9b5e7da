"""Annotations and lint: each mistake of an author is named with file, line and what to write."""

from collections.abc import Callable
from pathlib import Path

import pytest

from readonly_guard.errors import PolicyError
from readonly_guard.policy import annotations_of, lint, load_policies

AUTHZ = """# METADATA
# title: Authorisation
package readonly_guard.authz

default decision := {"allow": false, "deny": []}

all := data.readonly_guard.door.deny
"""
DOOR = """# METADATA
# title: The door
package readonly_guard.door

# METADATA
# title: The door is shut
# description: >-
#   Nobody passes,
#   ever.
# custom:
#   code: RG-D01
#   statement: S09, S22
#   source:
#     verbatim: The dor is shut.
#     corrected: The door is shut.
#     note: The source has "dor".
#   law: Some act 1 §
deny contains {
	"code": "RG-D01",
	"rule": "door",
	"sv": "Stängt",
	"en": "Shut",
	"hint_sv": "Vänta.",
	"hint_en": "Wait.",
}
"""
TEST = "package readonly_guard.x_test\n\ntest_nothing if true\n"


@pytest.fixture
def findings_of(policy_dir: Callable[..., str]) -> Callable[..., list[str]]:
    def find(door: str = DOOR, **others: str) -> list[str]:
        files = {
            "readonly_guard/authz/authz.rego": AUTHZ,
            "readonly_guard/authz/authz_test.rego": TEST,
            "readonly_guard/door/door.rego": door,
            "readonly_guard/door/door_test.rego": TEST,
        }
        return [str(finding) for finding in lint(load_policies(policy_dir(**files | others)))]

    return find


def test_the_shipped_policies_are_in_order(policies_dir: Path) -> None:
    assert lint(load_policies(str(policies_dir))) == []


def test_an_annotation_says_what_a_rule_rests_on() -> None:
    package, rule = annotations_of("door.rego", DOOR)
    assert (package.is_package, package.title, package.line) == (True, "The door", 1)
    assert (rule.is_package, rule.code, rule.line) == (False, "RG-D01", 5)
    assert rule.description == "Nobody passes, ever."
    assert rule.statements == ("S09", "S22")
    assert rule.law == "Some act 1 §"
    assert rule.source is not None
    assert (rule.source.verbatim, rule.source.corrected) == ("The dor is shut.", "The door is shut.")


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ("# title: [", r"^door\.rego:3: METADATA is not YAML: "),
        ("# titel: The door", r"^door\.rego:2: METADATA: Object contains unknown field `titel`"),
        ("# custom:\n#   kod: RG-D01", r"^door\.rego:2: METADATA: Object contains unknown field `kod`"),
        ("# custom:\n#   statement: section 9", r"^door\.rego:2: METADATA: custom.statement is 'section 9'; write S01"),
        ("# custom:\n#   code: 7", r"^door\.rego:2: METADATA: Expected `str`"),
    ],
)
def test_metadata_that_cannot_be_read_is_named(metadata: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        annotations_of("door.rego", f"\n# METADATA\n{metadata}\ndeny contains 1\n")


def test_policies_in_order_have_no_findings(findings_of: Callable[..., list[str]]) -> None:
    assert findings_of() == []


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ("package readonly_guard.door", "package readonly_guard.gate", ":1: the package is readonly_guard.gate, the folder says"),
        ("# METADATA\n# title: The door\n", "", ":1: the package has no METADATA with a title"),
        ("# title: The door is shut\n", "", ":5: the METADATA of RG-D01 has no title"),
        ("#   statement: S09, S22\n", "", ":5: RG-D01 names no statement of the routine; add custom.statement"),
        ('#     note: The source has "dor".\n', "", ":5: a corrected quotation wants a note"),
        ("#   code: RG-D01\n", "", ":17: RG-D01 has no METADATA with custom.code above its rule"),
        ('"code": "RG-D01"', '"code": "door"', ":18: the code 'door' is none; write RG-"),
        ("RG-D01", "RG-W01", ":18: RG-W01 is the write lock's; take a code of your own"),
        ('\t"sv": "Stängt",\n', "", ":18: RG-D01 lacks sv"),
        ('\t"hint_sv": "Vänta.",\n', "", ":18: RG-D01 lacks hint_sv"),
        ('"rule": "door"', '"rule": "dor"', ':18: RG-D01: its rule is the package\'s last name; write "rule": "door"'),
        ("deny contains", "warn contains", ":18: nothing asks for it; add data.readonly_guard.door.warn in standing or records or authz"),
        ("# title: The door is", "# title: [The door is", ":7: METADATA is not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(
    findings_of: Callable[..., list[str]], written: str, instead: str, says: str
) -> None:
    assert written in DOOR
    findings = findings_of(DOOR.replace(written, instead))
    assert any(f"readonly_guard/door/door.rego{says}" in finding for finding in findings), findings


def test_a_rule_without_a_test_is_named(findings_of: Callable[..., list[str]]) -> None:
    findings = findings_of(
        **{"readonly_guard/lone/lone.rego": "# METADATA\n# title: Alone\npackage readonly_guard.lone\n\nx := 1\n"}
    )
    assert findings == ["readonly_guard/lone/lone.rego:1: no test beside it; write lone_test.rego"]


def test_a_code_belongs_to_one_package(findings_of: Callable[..., list[str]]) -> None:
    findings = findings_of(
        **{
            "readonly_guard/gate/gate.rego": DOOR.replace("readonly_guard.door", "readonly_guard.gate").replace(
                '"door"', '"gate"'
            ),
            "readonly_guard/gate/gate_test.rego": TEST,
        }
    )
    assert (
        "readonly_guard/gate/gate.rego:18: RG-D01 is decided in readonly_guard/door/door.rego already; take another code"
        in findings
    )


SCHEMA = """{"type": "object", "properties": {
  "subject": {"type": "object", "properties": {"id": {}, "properties": {"type": "object", "additionalProperties": true}},
              "additionalProperties": false},
  "resources": {"type": "array", "items": {"type": "object"}}
}, "additionalProperties": false}"""
DOORS = '{"type": "object", "additionalProperties": {"type": "object", "properties": {"is_open": {}}}}'
NAMES = """# METADATA
# title: Names
package readonly_guard.names

import data.readonly_guard.door
import input.subject as who

REFERENCE

_helper(who) := who.nothing

_known if {
	some found in input.resources
	found.whatever
	input.resources[0].id
	input.subject.properties.anything
	data.doors[input.subject.id].is_open
	data.free.of.any.schema
	count(door.deny) == 0
	time.now_ns() > 0
}
"""


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("_x if input.subjct.id", "input.subjct is no field of the question, and so undefined; did you mean input.subject?"),
        ('_x if input["subject"].idd', "input.subject.idd is no field of the question, and so undefined; did you mean input.subject.id?"),
        ("_x if who.idd", "input.subject.idd is no field of the question, and so undefined; did you mean input.subject.id?"),
        ("_x := [y | y := input.wholly]", "input.wholly is no field of the question, and so undefined; known there: resources, subject"),
        ("_x if data.doors.front.is_opn", "data.doors.front.is_opn is no field of the data, and so undefined; did you mean data.doors.front.is_open?"),
        ("_x if data.dors", "data.dors is no rule and no data, and so undefined; did you mean data.doors?"),
        ("_x if door.dney", "data.readonly_guard.door.dney is no rule and no data, and so undefined; did you mean data.readonly_guard.door.deny?"),
        ("_x if data.readonly_guard.dor.deny", "data.readonly_guard.dor is no rule and no data, and so undefined; did you mean data.readonly_guard.door?"),
        ("_x if _known", None),
        ("_x if data.readonly_guard.door", None),
    ],
)  # fmt: skip
def test_a_name_that_there_is_not(findings_of: Callable[..., list[str]], reference: str, expected: str | None) -> None:
    files = {
        "readonly_guard/names/names.rego": NAMES.replace("REFERENCE", reference),
        "readonly_guard/names/names_test.rego": TEST,
        "schema/input/schema.json": SCHEMA,
        "schema/doors/schema.json": DOORS,
        "free/data.json": "{}",
    }
    found = findings_of(**files)
    assert found == ([] if expected is None else [f"readonly_guard/names/names.rego:8: {expected}"])
