"""`readonly-guard policy test`."""

from __future__ import annotations

import pytest


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
