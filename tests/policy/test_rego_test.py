"""Running Rego tests without OPA: what passes, what fails and where, and what was covered."""

from collections.abc import Callable

import pytest

from readonly_guard.errors import PolicyError
from readonly_guard.policy import run_tests

RULES = "package door\n\nopen if input.key == 1\n\nbell if input.ring\n"


def test_every_outcome_is_told_with_its_place(policy_dir: Callable[..., str]) -> None:
    tests = """package door_test

test_opens if data.door.open with input as {"key": 1}

test_does_not_hold if data.door.open with input as {"key": 2}

test_is_false := false

test_is_a_number := 7

test_stops if concat("", 1)

helper := 1
"""
    report = run_tests(policy_dir(**{"door/door.rego": RULES, "door/door_test.rego": tests}))
    assert not report.passed
    assert [(test.name, test.passed) for test in report.tests] == [
        ("test_opens", True),
        ("test_does_not_hold", False),
        ("test_is_false", False),
        ("test_is_a_number", False),
        ("test_stops", False),
    ]
    assert {test.package for test in report.tests} == {"door_test"}
    assert report.tests[1].message == "door/door_test.rego:5: did not hold"
    assert report.tests[2].message == "door/door_test.rego:7: is False, not true"
    assert report.tests[4].message.startswith("door/door_test.rego:11:")
    assert "backtrace" not in report.tests[4].message
    assert report.tests[0].line == 3


def test_what_no_test_evaluated_is_told(policy_dir: Callable[..., str]) -> None:
    tests = 'package door_test\n\ntest_opens if data.door.open with input as {"key": 1}\n'
    report = run_tests(policy_dir(**{"door/door.rego": RULES, "door/door_test.rego": tests}))
    assert report.passed
    (file,) = report.coverage
    assert (file.file, file.uncovered_lines) == ("door/door.rego", (5,))
    assert report.coverage_percent < 100


def test_no_tests_are_not_a_pass(policy_dir: Callable[..., str]) -> None:
    report = run_tests(policy_dir(**{"door/door.rego": RULES}))
    assert report.tests == ()
    assert not report.passed


def test_a_test_that_does_not_compile_is_named(policy_dir: Callable[..., str]) -> None:
    with pytest.raises(PolicyError, match=r"door_test\.rego:\d+:\d+: expecting"):
        run_tests(policy_dir(**{"door/door.rego": RULES, "door/door_test.rego": "package t\n\ntest_x if {\n"}))
