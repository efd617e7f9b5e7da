"""Rego tests without OPA: every `test_` rule beside the policies, evaluated by the engine that decides in production.

The coverage is regorus's own: which lines of the modules the tests evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

import msgspec
import regorus

from readonly_guard.errors import PolicyError
from readonly_guard.policy.answer import UNDEFINED
from readonly_guard.policy.bundle import load_policies
from readonly_guard.policy.references import References, refuse_recursion
from readonly_guard.policy.rego_error import explain

__all__ = ["FileCoverage", "RegoTest", "TestReport", "run_tests"]

_PREFIX: Final = "test_"


class RegoTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test rule. ``package`` is without ``data.``; ``message`` says why it did not pass, else it is empty."""

    package: str
    name: str
    file: str
    line: int
    passed: bool
    message: str = ""


class FileCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a module the tests evaluated; lines are counted from 1, those without an expression not at all."""

    file: str
    covered: int
    uncovered_lines: tuple[int, ...]


class TestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What every test did, and what they covered."""

    __test__: ClassVar[bool] = False  # not a class of tests, whatever pytest makes of its name

    tests: tuple[RegoTest, ...]
    coverage: tuple[FileCoverage, ...]

    @property
    def passed(self) -> bool:
        """Whether there are tests and all of them passed."""
        return bool(self.tests) and all(test.passed for test in self.tests)

    @property
    def coverage_percent(self) -> float:
        """How much of the modules' lines the tests evaluated."""
        covered = sum(file.covered for file in self.coverage)
        total = covered + sum(len(file.uncovered_lines) for file in self.coverage)
        return 100.0 * covered / total if total else 100.0


def run_tests(source: str | None = None, data: Iterable[str] = ()) -> TestReport:
    """Run the Rego tests of a policy directory.

    Args:
        source: a directory; None for the shipped policies.
        data: as for :func:`readonly_guard.policy.load_policies`. Tests should bring their own data.

    Raises:
        PolicyError: the policies or tests do not load or compile.
    """
    policies = load_policies(source, data)
    engine = regorus.Engine()
    engine.set_enable_coverage(True)
    try:
        for path, text in (*policies.modules, *policies.tests):
            engine.add_policy(path, text)
        engine.add_data_json(msgspec.json.encode(policies.data).decode())
    except RuntimeError as error:
        raise PolicyError(f"{policies.origin}: {explain(error)}") from None
    trees = msgspec.json.decode(engine.get_ast_as_json())
    refuse_recursion(policies.origin, References(trees))
    found = list(_tests_in(trees))
    tests = tuple(_run(engine, *test) for test in found)
    report = msgspec.json.decode(engine.get_coverage_report_as_json())
    modules = {path for path, _ in policies.modules}
    return TestReport(
        tests=tests,
        coverage=tuple(
            FileCoverage(
                file=file["path"], covered=len(file["covered"]), uncovered_lines=tuple(sorted(file["not_covered"]))
            )
            for file in report["files"]
            if file["path"] in modules
        ),
    )


def _tests_in(tree: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, int]]:
    """Package, name, file and line of every test rule in regorus's syntax tree, each name once."""
    for module in tree:
        file = module["source"]["file"]
        if not file.endswith("_test.rego"):
            continue
        package = ".".join(_path(module["ast"]["package"]["refr"]))
        seen: set[str] = set()
        for rule in module["ast"]["rules"]:
            head = rule.get("Spec", {}).get("head", {}).get("Compr")
            name = ".".join(_path(head["refr"])) if head else ""
            if name.startswith(_PREFIX) and name not in seen:
                seen.add(name)
                yield package, name, file, head["span"]["line"]


def _path(node: dict[str, Any]) -> list[str]:
    if "RefDot" in node:
        return [*_path(node["RefDot"]["refr"]), node["RefDot"]["field"][1]]
    return [node["Var"]["value"]] if "Var" in node else []


def _run(engine: regorus.Engine, package: str, name: str, file: str, line: int) -> RegoTest:
    engine.set_input_json("{}")
    try:
        value = msgspec.json.decode(engine.eval_rule_as_json(f"data.{package}.{name}"))
    except RuntimeError as error:
        message = explain(error)
    else:
        what = "did not hold" if value == UNDEFINED else f"is {value!r}, not true"
        message = "" if value is True else f"{file}:{line}: {what}"
    return RegoTest(package=package, name=name, file=file, line=line, passed=not message, message=message)
