"""Loading: what is read, what overlays replace, and that every mistake is named with its file and fix."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from readonly_guard.errors import PolicyError
from readonly_guard.policy import load_policies

RULE = "package readonly_guard.authz\n\ndefault decision := {}\n"


def test_modules_tests_data_and_revision(policy_dir: Callable[..., str]) -> None:
    source = policy_dir(**{
        "readonly_guard/authz/authz.rego": RULE,
        "readonly_guard/authz/authz_test.rego": "package x\n",
        "roster/data.json": '{"users": {}}',
        "units/south/data.json": "[1, 2]",
        "schema/input/schema.json": "{}",
        "notes.json": "not JSON, and not looked at",
        ".hidden/data.json": "{",
        "__pycache__/data.json": "{",
        ".manifest": '{"revision": "7"}',
    })  # fmt: skip
    policies = load_policies(source)
    assert [path for path, _ in policies.modules] == ["readonly_guard/authz/authz.rego"]
    assert [path for path, _ in policies.tests] == ["readonly_guard/authz/authz_test.rego"]
    assert policies.data == {"roster": {"users": {}}, "units": {"south": [1, 2]}}
    assert policies.revision.startswith("7+")


def test_the_revision_follows_rules_and_data_and_nothing_else(
    policies_dir: Path, overlay: Callable[..., str], people: Any
) -> None:
    bare, again = load_policies(str(policies_dir)), load_policies(str(policies_dir))
    with_people = load_policies(str(policies_dir), (overlay(**people),))
    assert bare.revision == again.revision
    assert bare.revision != with_people.revision
    assert bare.revision.startswith("0.1.0+")


def test_a_changed_rule_is_another_revision(policy_dir: Callable[..., str]) -> None:
    first = load_policies(policy_dir(**{"a.rego": RULE})).revision
    assert load_policies(policy_dir(**{"a.rego": RULE + "\n"})).revision != first


def test_an_overlay_replaces_the_whole_key_and_the_last_wins(
    policies_dir: Path, overlay: Callable[..., str], people: Any
) -> None:
    last = {"roster": {"users": {"zoe": people["roster"]["users"]["anna"]}}}
    data = load_policies(str(policies_dir), (overlay(**people), overlay(**last))).data
    assert set(data["roster"]["users"]) == {"zoe"}
    assert "TREAT" in data["purposes"]


def test_an_overlay_may_be_a_directory(policies_dir: Path, tmp_path: Path, people: Any) -> None:
    (tmp_path / "site" / "roster").mkdir(parents=True)
    (tmp_path / "site" / "roster" / "data.json").write_text(json.dumps(people["roster"]))
    assert "anna" in load_policies(str(policies_dir), (str(tmp_path / "site"),)).data["roster"]["users"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"README": "nothing"}, "no .rego file"),
        ({"a_test.rego": RULE}, "no .rego file"),
        ({"a.rego": RULE, "roster/data.json": '{\n  "users": {,\n}'}, "roster/data.json:2:13: is not JSON"),
        ({"a.rego": RULE, "roster/data.json": ""}, "roster/data.json:1:1: is not JSON"),
        ({"a.rego": RULE, "roster/data.json": '{"a": NaN}'}, "NaN is not JSON"),
        ({"a.rego": RULE, "roster/data.json": '{"a": -Infinity}'}, "-Infinity is not JSON"),
        ({"a.rego": RULE, "roster/data.json": '{"a": 1e999}'}, "1e999 is not JSON"),
        ({"a.rego": RULE, "roster/data.json": '{"a": ' + "9" * 5000 + "}"}, "is not usable JSON"),
        ({"a.rego": RULE, "roster/data.json": "[" * 100_000}, "is not usable JSON"),
        ({"a.rego": RULE, "roster/data.json": '{"a": 1, "a": 2}'}, "'a' is given twice"),
        ({"a.rego": RULE, "roster/data.json": '{"a": "\\ud800"}'}, "surrogate"),
        ({"a.rego": RULE, "roster/data.yaml": "a: 1"}, "YAML is not read; write it as data.json"),
        ({"a.rego": RULE, "data.json": "[1]"}, "must be an object"),
        ({"a.rego": RULE, "data.json": '{"roster": 1}', "roster/data.json": '{"a": 1}'}, "'roster' has a value in another"),
        ({"a.rego": RULE, ".manifest": '{"roots": "all"}'}, ".manifest: Expected `array`"),
        ({"a.rego": RULE, ".manifest": "{"}, ".manifest:1:2: is not JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_a_mistake_in_the_source_is_named(policy_dir: Callable[..., str], files: dict[str, str], says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policies(policy_dir(**files))
    assert says in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_text_that_is_not_utf8_is_named(policy_dir: Callable[..., str]) -> None:
    source = policy_dir(**{"a.rego": RULE})
    (Path(source) / "b.rego").write_bytes(b"package b\n# \xe5\n")
    with pytest.raises(PolicyError, match=r"b\.rego: is not UTF-8 text \(byte 12\)"):
        load_policies(source)


@pytest.mark.parametrize("source", ["/nowhere/at/all", __file__, "\0"])
def test_a_source_that_is_no_directory(source: str) -> None:
    with pytest.raises(PolicyError, match="is not a directory; name a directory of policies"):
        load_policies(source)


def test_an_overlay_that_does_not_exist(policies_dir: Path) -> None:
    with pytest.raises(PolicyError, match="^/nowhere/roster.json: does not exist"):
        load_policies(str(policies_dir), ("/nowhere/roster.json",))


def test_an_overlay_that_is_a_pipe_is_not_waited_for(policies_dir: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PolicyError, match="is not a file"):
        load_policies(str(policies_dir), (str(tmp_path / "pipe"),))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that cannot be read even by root")
def test_an_overlay_that_cannot_be_read(policies_dir: Path) -> None:
    with pytest.raises(PolicyError, match="^/proc/self/mem: cannot be read: "):
        load_policies(str(policies_dir), ("/proc/self/mem",))


def test_an_overlay_directory_without_data(policies_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "roster.json").write_text("{}")
    with pytest.raises(PolicyError, match=r"no data\.json in it"):
        load_policies(str(policies_dir), (str(tmp_path),))


@pytest.mark.parametrize("text", ["[]", '"roster"', "null"])
def test_an_overlay_that_is_no_object(policies_dir: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(PolicyError, match="must be an object with a key for each data document"):
        load_policies(str(policies_dir), (str(tmp_path / "x.json"),))


def test_an_overlay_with_a_misspelt_key_is_refused(policies_dir: Path, overlay: Callable[..., str]) -> None:
    with pytest.raises(PolicyError, match=r"no policy reads the key 'rooster'; did you mean 'roster'\?"):
        load_policies(str(policies_dir), (overlay(rooster={}),))


def test_an_overlay_cannot_take_the_place_of_a_rule(policies_dir: Path, overlay: Callable[..., str]) -> None:
    with pytest.raises(PolicyError, match="is a package of rules; data cannot take its place"):
        load_policies(
            str(policies_dir), (overlay(readonly_guard={"authz": {"decision": {"allow": True, "deny": []}}}),)
        )


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("revoked_at", "yesterday", r"roster\.users\.anna\.revoked_at: .*does not match"),
        ("granted_at", None, r"roster\.users\.anna\.granted_at: null is not of type"),
        ("purposes", "TREAT", r"roster\.users\.anna\.purposes: .*is not of type"),
        ("purposes", ["TREAT", 1], r"roster\.users\.anna\.purposes\.1: 1 is not of type"),
        ("revokedAt", "2025-01-01", r"roster\.users\.anna: Additional properties are not allowed"),
    ],
)
def test_data_that_is_not_of_its_schema_is_named_to_the_field(
    policies_dir: Path, overlay: Callable[..., str], people: Any, field: str, value: Any, says: str
) -> None:
    anna = people["roster"]["users"]["anna"] | {field: value}
    path = overlay(roster={"users": people["roster"]["users"] | {"anna": anna}})
    with pytest.raises(PolicyError, match=f"^{path}: {says}"):
        load_policies(str(policies_dir), (path,))


def test_a_required_field_that_is_missing_is_named(
    policies_dir: Path, overlay: Callable[..., str], people: Any
) -> None:
    anna = {key: value for key, value in people["roster"]["users"]["anna"].items() if key != "revoked_at"}
    with pytest.raises(PolicyError, match=r'roster\.users\.anna: "revoked_at" is a required property'):
        load_policies(str(policies_dir), (overlay(roster={"users": {"anna": anna}}),))


def test_links_in_a_circle_end(policy_dir: Callable[..., str]) -> None:
    source = Path(policy_dir(**{"a/a.rego": RULE}))
    (source / "a" / "again").symlink_to(source)
    with pytest.raises(PolicyError, match="is a link leading in a circle"):
        load_policies(str(source))
