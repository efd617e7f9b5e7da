"""`readonly-guard policy`: test, check, eval, explain, replay, new."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from readonly_guard import Guard
from readonly_guard.audit import read
from readonly_guard.policy import load_policies, run_cases
from readonly_guard.settings import SigningSettings


def _write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_shipped_policies_pass(program):
    ended = program("policy", "test")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.endswith(" passed, 0 failed, 100 % of lines covered\n")


def test_a_copy_of_them_passes_and_names_each_test(run, policies):
    ended = run("policy", "test", "--verbose", policies)
    assert ended.status == 0
    names = [line for line in ended.out.splitlines() if line.startswith("pass ")]
    assert len(names) > 50
    assert ended.out.splitlines()[-1].startswith(f"{len(names)} passed, 0 failed")
    assert any("readonly_guard.purpose_test.test_" in name and "purpose_test.rego:" in name for name in names)


def test_a_failing_test_is_named_with_file_and_line(run, policies):
    _write(
        policies, "readonly_guard/wrong/wrong_test.rego", "package readonly_guard.wrong\n\ntest_one_is_two if 1 == 2\n"
    )
    ended = run("policy", "test", policies)
    assert ended.status == 1
    assert "FAIL readonly_guard.wrong.test_one_is_two  readonly_guard/wrong/wrong_test.rego:3" in ended.out
    assert ", 1 failed" in ended.out


def test_a_rule_that_no_test_reaches_is_told(run, policies):
    path = policies / "readonly_guard" / "calendar" / "calendar.rego"
    lines = path.read_text(encoding="utf-8").count("\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\nnever if {\n\tinput.a == 1\n\tinput.b == 2\n}\n")
    ended = run("policy", "test", policies)
    assert f"not covered: readonly_guard/calendar/calendar.rego, lines {lines + 3}, {lines + 4}\n" in ended.out
    assert "100 %" not in ended.out


@pytest.mark.parametrize(
    "text",
    [
        "package readonly_guard.wrong\n\nallow if {\n",
        "package readonly_guard.wrong\n\nallow if nosuchfunction(1)\n",
        "package readonly_guard.wrong\n\nallow if x\n",
    ],
)
def test_a_policy_that_does_not_compile_is_named_with_file_and_line(run, policies, text):
    _write(policies, "readonly_guard/wrong/wrong.rego", text)
    _write(policies, "readonly_guard/wrong/wrong_test.rego", "package readonly_guard.wrong\n\ntest_it if allow\n")
    ended = run("policy", "test", policies)
    assert ended.status != 0
    said = ended.out + ended.err
    assert "readonly_guard/wrong/wrong.rego:" in said
    assert "Traceback" not in said


def test_policies_without_tests(run, tmp_path):
    _write(tmp_path, "a.rego", "package a\n\nb := 1\n")
    ended = run("policy", "test", tmp_path)
    assert ended.status == 1
    assert ended.out.endswith("no tests found\n")


@pytest.mark.parametrize("place", ["", "nowhere", "file"])
def test_where_there_are_no_policies(run, tmp_path, place):
    (tmp_path / "empty [with] brackets").mkdir()
    (tmp_path / "empty [with] brackets" / "file").touch()
    where = tmp_path / "empty [with] brackets" / place
    ended = run("policy", "test", where)
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith(f"error: {where}: ")
    assert ended.err.count("\n") == 1


NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
QUESTION = {
    "request_id": "1",
    "subject": {"id": "alind", "type": "user", "properties": {}},
    "action": {"name": "read", "properties": {}},
    "resources": [],
    "context": {
        "time": "2025-03-03T10:00:00Z",
        "purpose": "TREAT",
        "case_reference": None,
        "print_reason": None,
        "justification": None,
        "patients": ["person_id:1"],
        "information_sets": ["Diagnoser"],
        "is_bound": True,
    },
}


def test_check_finds_nothing_in_the_shipped_policies(program):
    ended = program("policy", "check")
    assert (ended.status, ended.err) == (0, "")
    assert re.fullmatch(r"\d+ modules, \d+ data documents, \d+ cases, revision \S+: nothing to correct\n", ended.out)


def test_check_names_file_line_and_fix(run, policies):
    path = policies / "readonly_guard/print/print.rego"
    path.write_text(path.read_text(encoding="utf-8").replace('"rule": "print"', '"rule": "prnt"', 1), encoding="utf-8")
    ended = run("policy", "check", policies)
    assert ended.status == 1
    assert re.search(rf'{policies}/readonly_guard/print/print\.rego:\d+: RG-X01: .* write "rule": "print"\n', ended.out)
    assert ended.out.splitlines()[-1].endswith(": 1 to correct")


def test_check_tries_the_cases(run, policies):
    path = policies / "purposes/data.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"is_allowed": false', '"is_allowed": true', 1), encoding="utf-8"
    )
    ended = run("policy", "check", policies)
    assert ended.status == 1
    assert f'{policies}/cases/cases.json: statistics: deny is ["RG-P04"], expected ["RG-P02"]\n' in ended.out


def test_check_says_when_the_fast_form_cannot_be_had(run, policies):
    path = policies / "readonly_guard/facts/facts.rego"
    path.write_text(path.read_text(encoding="utf-8").replace("\tis_string(person)\n", ""), encoding="utf-8")
    ended = run("policy", "check", policies)
    assert ended.status == 1
    assert "the interpreter decides, several times as slowly; check what `:=` assigned" in ended.out


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("records/records.rego", "[duty | some duty in", "{duty | some duty in", "note: decided in one stage, "),
        (
            "relation/relation.rego",
            "# of a patient who",
            "# Of a patient who",
            "note: rules about patients are others ",
        ),
    ],
)
def test_check_notes_what_makes_decisions_slower(run, policies, file, old, new, says):
    path = policies / "readonly_guard" / file
    text = path.read_text(encoding="utf-8").replace(old, new, 1)
    path.write_text(text.replace("obligations],", "obligations},") if "{duty" in new else text, encoding="utf-8")
    ended = run("policy", "check", policies)
    assert ended.status == 0  # there is nothing wrong with it
    first, last = ended.out.splitlines()
    assert f"{policies}: {says}" in first
    assert last.endswith(": nothing to correct")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("roster/data.json", '{\n"users": {,\n', "roster/data.json:2:11: is not JSON"),
        ("demands/data.json", "{}", "demands: "),
        ("readonly_guard/authz/authz.rego", "package readonly_guard.authz\n\ndecision := {\n", "authz.rego:"),
        ("cases/cases.json", "[]", "cases/cases.json: Expected `object`"),
    ],
)
def test_check_of_policies_that_do_not_load(run, policies, name, text, says):
    (policies / name).write_text(text, encoding="utf-8")
    ended = run("policy", "check", policies)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_eval_answers_a_question(run, tmp_path, roster, source):
    text = json.dumps(QUESTION)
    (tmp_path / "question.json").write_text(text, encoding="utf-8")
    where = (tmp_path / "question.json") if source == "file" else "-"
    ended = run("policy", "eval", "--input", where, "--data", roster, stdin=text)
    answer = json.loads(ended.out)
    assert ended.status == 0
    assert answer["allow"] is True
    assert [warning["code"] for warning in answer["warn"]] == ["RG-N90"]


def test_eval_of_a_denial(run, roster):
    denied = run(
        "policy",
        "eval",
        "--data",
        roster,
        stdin=json.dumps(QUESTION | {"subject": {"id": "x", "type": "user", "properties": {}}}),
    )
    assert denied.status == 1
    assert json.loads(denied.out)["deny"][0]["code"] == "RG-R01"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "standard input: is not JSON"),
        ("[]", "standard input: input: "),
        (json.dumps({key: value for key, value in QUESTION.items() if key != "context"}), "standard input: input: "),
        (json.dumps(QUESTION | {"action": {"name": "sign", "properties": {}}}), "standard input: input.action.name: "),
    ],
)
def test_eval_of_what_is_no_question(run, roster, text, says):
    ended = run("policy", "eval", "--data", roster, stdin=text)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err


def test_eval_of_a_file_that_is_not_there(run, tmp_path):
    ended = run("policy", "eval", "--input", tmp_path / "nothing")
    assert ended.status == 2
    assert "nothing: cannot be read" in ended.err


@pytest.fixture
def journal(tmp_path, roster):
    with Guard.open(journal=tmp_path / "journal", data=[roster], clock=lambda: NOW) as guard:
        decisions = [
            guard.check("SELECT * FROM diagnosis WHERE person_id = 7", subject=user, purpose="TREAT")
            for user in ("alind", "mfalk")
        ]
        decisions.append(guard.check("DELETE FROM diagnosis", subject="alind", purpose="TREAT"))
    return tmp_path / "journal", decisions


def test_explain_says_why(run, journal, roster):
    path, (_, denied, _) = journal
    ended = run("policy", "explain", denied.decision_id, "--journal", path, "--data", roster)
    assert ended.status == 0
    assert "denied because [RG-U01]" in ended.out
    assert re.search(r"The unit takes part  \(readonly_guard/units/units\.rego:\d+\)", ended.out)
    assert "routine S07" in ended.out
    assert "Följande förvaltningar i södra området" in ended.out
    assert "now, with the same policies and data: RG-U01\n" in ended.out
    assert "warned that [RG-N90]" in ended.out


def test_explain_says_what_is_not_a_policys(run, journal, roster):
    path, (_, _, written) = journal
    ended = run("policy", "explain", written.decision_id, "--journal", path, "--data", roster)
    assert "Removing is not allowed in read mode: the guard's own, no policy decides it" in ended.out


def test_explain_with_other_policies_says_so(run, journal):
    path, (allowed, _, _) = journal
    ended = run("policy", "explain", allowed.decision_id, "--journal", path)
    assert re.search(r"now, with policies \S+: RG-R01\n", ended.out)


def test_explain_of_a_decision_that_is_not_there(run, journal):
    ended = run("policy", "explain", "nothing", "--journal", journal[0])
    assert ended.status == 2
    assert "holds no decision 'nothing'" in ended.err


def test_replay_of_the_same_policies_changes_nothing(run, journal, roster):
    ended = run("policy", "replay", "--journal", journal[0], "--data", roster, "--processes", "1")
    assert ended.status == 0
    assert re.fullmatch(r"3 decisions of \d+ records, with policies \S+: 0 would be others\n", ended.out)


def test_replay_shows_what_would_change(run, journal, tmp_path):
    ended = run(
        "policy", "replay", "--journal", journal[0], "--processes", "1", "--top", "1", "--changes", tmp_path / "c"
    )
    assert ended.status == 1
    assert re.search(r"1 +closes +allowed, warned RG-N90 +RG-R01 +TREAT +alind ", ended.out)
    assert "and 2 groups more" in ended.out
    changes = [json.loads(line) for line in (tmp_path / "c").read_text(encoding="utf-8").splitlines()]
    assert [change["difference"]["after"] for change in changes] == [["RG-R01"], ["RG-R01"], ["RG-R01", "RG-W05"]]
    again = run("policy", "replay", "--journal", journal[0], "--processes", "1", "--changes", tmp_path / "c")
    assert again.status == 2
    assert "File exists; name a file that is not there" in again.err


def test_whoever_reads_the_log_for_the_policies_is_recorded_too(run, journal, roster, tmp_path):
    path, (denied, *_) = journal
    run("policy", "explain", denied.decision_id, "--journal", path, "--data", roster)
    run("policy", "replay", "--journal", path, "--data", roster, "--processes", "1", "--changes", tmp_path / "changes")
    assert [(entry.record.command, entry.record.selection) for entry in read(path / "custody")] == [
        ("policy explain", (f"decision={denied.decision_id}",)),
        ("policy replay", ("changes=changes",)),
    ]


def test_a_log_that_cannot_be_written_is_not_read_for_the_policies_unrecorded(run, journal, roster, tmp_path):
    path, (denied, *_) = journal
    (path / "custody").write_text("")
    command = ("policy", "explain", denied.decision_id, "--journal", path, "--data", roster)
    assert "reading the log is itself logged" in run(*command).err
    assert run(*command, "--reading-log", tmp_path / "readings").status == 0


def test_replay_without_a_journal(run, tmp_path):
    ended = run("policy", "replay", "--journal", tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert "holds no journal" in ended.err


def test_a_new_rule_is_in_order_from_the_start(run, policies, roster):
    ended = run("policy", "new", "weekend", "--directory", policies, "--code", "RG-K01", "--statement", "S09")
    assert ended.status == 0
    assert f"wrote {policies}/readonly_guard/weekend/weekend.rego\n" in ended.out
    assert run("policy", "test", policies).out.endswith(" passed, 0 failed, 100 % of lines covered\n")
    assert run("policy", "check", policies).status == 0
    denied = json.dumps(QUESTION | {"context": QUESTION["context"] | {"listener": "weekend"}})
    assert "RG-R01" in run("policy", "eval", policies, stdin=denied).out
    assert "RG-K01" in run("policy", "eval", policies, "--data", roster, stdin=denied).out


@pytest.mark.opa
def test_a_new_rule_is_formatted_and_strict(run, policies, opa_binary):
    run("policy", "new", "weekend", "--directory", policies, "--code", "RG-K01")
    for arguments in (["check", "--strict", "--schema", policies / "schema"], ["fmt", "--list", "--fail"]):
        done = subprocess.run([opa_binary, *arguments, policies], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "code", "statement", "says"),
    [
        ("Weekend", "RG-K01", "S09", "write small letters"),
        ("../x", "RG-K01", "S09", "write small letters"),
        ("weekend", "K01", "S09", "write RG-, a capital letter and two digits"),
        ("weekend", "RG-X01", "S09", "is decided in readonly_guard/print/print.rego already"),
        ("weekend", "RG-K01", "9", "write S and two digits"),
        ("print", "RG-K01", "S09", "readonly_guard/print/print.rego is there already"),
    ],
)
def test_a_rule_that_cannot_be_made(run, policies, name, code, statement, says):
    before = sorted(policies.rglob("*"))
    ended = run("policy", "new", name, "--directory", policies, "--code", code, "--statement", statement)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err
    assert sorted(policies.rglob("*")) == before


def test_the_shipped_policies_become_ones_own(run, policies, tmp_path):
    mine = tmp_path / "mine"
    ended = run("policy", "copy", mine)
    assert ended.status == 0
    files = {path.relative_to(mine): path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    shipped = {path.relative_to(policies): path.read_bytes() for path in policies.rglob("*") if path.is_file()}
    assert files == {name: content for name, content in shipped.items() if name.suffix != ".py"}
    assert ended.out.startswith(f"wrote {len(files)} files; ")
    again = run("policy", "copy", mine)
    assert (again.status, again.out) == (2, "")
    assert "holds something already" in again.err
    below_a_file = run("policy", "copy", mine / ".manifest" / "deeper")
    assert below_a_file.status == 2
    assert "cannot be written" in below_a_file.err


@pytest.mark.opa
def test_from_a_paragraph_to_production_as_the_handbook_has_it(run, tmp_path, opa_binary):
    """Its very words: what it shows is taken from it, and what it says of the outcome comes out."""
    told = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
    steps = told[told.index("## From a paragraph to production") : told.index("## How fast")]
    rule, test = (textwrap.dedent(block) for block in re.findall(r"```rego\n(.*?)```", steps, re.DOTALL))
    (case,) = re.findall(r"```json\n(.*?)```", steps, re.DOTALL)
    mine = tmp_path / "mine"
    assert run("policy", "copy", mine).status == 0
    assert run("policy", "new", "weekend", "--directory", mine, "--code", "RG-X03", "--statement", "S23").status == 0
    path = mine / "readonly_guard" / "weekend" / "weekend.rego"
    head, _, _ = path.read_text(encoding="utf-8").partition("deny contains {")
    path.write_text(head + rule, encoding="utf-8")
    _write(mine, "readonly_guard/weekend/weekend_test.rego", test)
    cases = mine / "cases" / "cases.json"
    written = cases.read_text(encoding="utf-8")
    cases.write_text(written.replace('"cases": [', f'"cases": [\n{case},', 1), encoding="utf-8")
    assert run("policy", "test", mine).out.endswith(" passed, 0 failed, 100 % of lines covered\n")
    checked = run("policy", "check", mine)
    assert checked.status == 1
    assert re.findall(r"cases\.json: ([^:]*):", checked.out) == ["everything wrong at once"]
    written = cases.read_text(encoding="utf-8")
    cases.write_text(written.replace('"RG-V01", "RG-X01"]', '"RG-V01", "RG-X01", "RG-X03"]', 1), encoding="utf-8")
    assert run("policy", "check", mine).status == 0
    for arguments in (["check", "--strict", "--schema", mine / "schema"], ["fmt", "--list", "--fail"]):
        done = subprocess.run([opa_binary, *arguments, mine], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "policies.key").write_bytes(private)
    (tmp_path / "policies.pub").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (_, signing) = re.findall(r"^   (?:cd mine && (opa sign .*) && )?(tar czf \S+ \.)$", steps, re.MULTILINE)[0][::-1]
    subprocess.run([opa_binary, *signing.split()[1:]], cwd=mine, check=True)
    subprocess.run(["tar", "czf", "../bundle.tar.gz", "."], cwd=mine, check=True)
    signed = SigningSettings(key_file=str(tmp_path / "policies.pub"), algorithm="ES256")
    loaded = load_policies(str(tmp_path / "bundle.tar.gz"), signing=signed)
    assert loaded.cases is not None  # which `opa build` would have left out
    assert run_cases(loaded, loaded.cases) == []
    assert loaded.schemas.keys() >= {"input", "demands"}
