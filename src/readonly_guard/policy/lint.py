"""What is wrong with policies that load: habits on which a reader, a reviewer and the guard rely.

Each finding names file and line and says what to write. The rules are those that Rego itself does not have; `opa check
--strict` and `opa fmt` find the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from readonly_guard.codes import CORE_CODES
from readonly_guard.errors import PolicyError
from readonly_guard.policy.annotations import Annotation, annotations_of
from readonly_guard.policy.bundle import PolicySet
from readonly_guard.policy.port import ENTRYPOINT, STAGES
from readonly_guard.policy.references import references_in
from readonly_guard.policy.unknown_names import unknown_names

__all__ = ["Finding", "lint"]

_PACKAGE: Final = re.compile(r"^package (?P<name>[\w.]+)", re.MULTILINE)
_ENTRY: Final = re.compile(r'\{[^{}]*"code": "(?P<code>[^"]*)"[^{}]*\}', re.DOTALL)
_CODE: Final = re.compile(r"RG-[A-Z]{1,3}-?[0-9]{2,3}")
_NEEDED: Final = ("rule", "sv", "en")
_GATHERED: Final = ("deny", "warn", "obligations")
_AUTHZ: Final = ENTRYPOINT.removeprefix("data.").rpartition(".")[0]
_GATHERING: Final = (*(rule.removeprefix("data.").rpartition(".")[0] for rule in STAGES), _AUTHZ)
"""The packages that ask the others."""


class Finding(NamedTuple):
    """Something to correct; ``line`` is counted from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class _Module(NamedTuple):
    file: str
    text: str
    package: str
    annotations: tuple[Annotation, ...]

    def line_of(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1


def lint(policies: PolicySet) -> list[Finding]:
    """All findings, by file and line."""
    findings: list[Finding] = []
    modules: list[_Module] = []
    for file, text in policies.modules:
        package = _PACKAGE.search(text)
        try:
            annotations = annotations_of(file, text)
        except PolicyError as error:
            findings.append(_of_error(error))
            continue
        modules.append(_Module(file, text, package["name"] if package else "", annotations))
    tested = {file for file, _ in policies.tests}
    gathered = "".join(module.text for module in modules if module.package in _GATHERING)
    for module in modules:
        findings += _place(module, tested)
        findings += _titles(module)
        findings += _entries(module)
        findings += _gathering(module, gathered)
    findings += _codes(modules)
    findings += [Finding(*found) for found in unknown_names(policies, references_in(policies.modules))]
    return sorted(findings)


def _of_error(error: PolicyError) -> Finding:
    file, line, message = str(error).split(":", 2)
    return Finding(file, int(line), message.strip())


def _place(module: _Module, tested: set[str]) -> Iterator[Finding]:
    path = PurePosixPath(module.file)
    folder = ".".join(path.parent.parts)
    if module.package != folder:
        yield Finding(module.file, 1, f"the package is {module.package}, the folder says {folder}; make them the same")
    if str(path.with_name(f"{path.stem}_test.rego")) not in tested:
        yield Finding(module.file, 1, f"no test beside it; write {path.stem}_test.rego")


def _titles(module: _Module) -> Iterator[Finding]:
    if not any(note.is_package and note.title for note in module.annotations):
        yield Finding(module.file, 1, "the package has no METADATA with a title; write it above the package")
    for note in module.annotations:
        if note.code and not note.title:
            yield Finding(module.file, note.line, f"the METADATA of {note.code} has no title")
        if note.code and not note.statements and note.code not in CORE_CODES:
            yield Finding(
                module.file, note.line, f"{note.code} names no statement of the routine; add custom.statement"
            )
        if note.source is not None and bool(note.source.corrected) != bool(note.source.note):
            yield Finding(
                module.file, note.line, "a corrected quotation wants a note on what was wrong, and a note one"
            )


def _entries(module: _Module) -> Iterator[Finding]:
    """Every denial and warning as it is written: its code, its rule's name and its texts in both languages."""
    annotated = {note.code for note in module.annotations}
    name = module.package.rpartition(".")[2]
    for entry in _ENTRY.finditer(module.text):
        line, code = module.line_of(entry.start()), entry["code"]
        keys = set(re.findall(r'"(\w+)":', entry[0]))
        if not _CODE.fullmatch(code):
            yield Finding(module.file, line, f"the code {code!r} is none; write RG-, a letter and two digits")
        elif code not in annotated:
            yield Finding(module.file, line, f"{code} has no METADATA with custom.code above its rule")
        if code in CORE_CODES and module.package != _AUTHZ:
            yield Finding(module.file, line, f"{code} is the write lock's; take a code of your own")
        missing = [key for key in _NEEDED if key not in keys]
        missing += [other for key, other in (("hint_sv", "hint_en"), ("hint_en", "hint_sv")) if key in keys - {other}
                    and other not in keys]  # fmt: skip
        if missing:
            yield Finding(module.file, line, f"{code} lacks {', '.join(missing)}")
        if f'"rule": "{name}"' not in entry[0] and "rule" in keys:
            yield Finding(module.file, line, f'{code}: its rule is the package\'s last name; write "rule": "{name}"')


def _gathering(module: _Module, gathered: str) -> Iterator[Finding]:
    for name in _GATHERED:
        found = re.search(rf"^{name} contains ", module.text, re.MULTILINE)
        if found and f"data.{module.package}.{name}" not in gathered:
            line = module.line_of(found.start())
            asking = " or ".join(package.rpartition(".")[2] for package in _GATHERING)
            yield Finding(module.file, line, f"nothing asks for it; add data.{module.package}.{name} in {asking}")


def _codes(modules: list[_Module]) -> Iterator[Finding]:
    """A code belongs to one package."""
    first: dict[str, _Module] = {}
    for module in modules:
        for entry in _ENTRY.finditer(module.text):
            owner = first.setdefault(entry["code"], module)
            if owner.package != module.package:
                line = module.line_of(entry.start())
                yield Finding(
                    module.file, line, f"{entry['code']} is decided in {owner.file} already; take another code"
                )
