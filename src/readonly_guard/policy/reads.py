"""What a rule reads: fields of the question and documents of the data, found in its syntax and whatever it refers to.

With it the engine hands a rule no more than it reads, and knows when two questions are the same to it. What cannot be
told from the syntax counts as read: a reference that goes on with a variable reads all below it, `with` and a bare
`input` or `data` read everything. A name that is a variable in one place and a rule in another counts as the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from readonly_guard.policy.references import chain, imports_of, name_of

__all__ = ["Path", "Reads", "Syntax"]

Path = tuple[str, ...]

_REFERENCES: Final = frozenset({"Var", "RefDot", "RefBrack"})
_UNREPEATABLE: Final = frozenset({("time", "now_ns"), ("rand",), ("uuid",), ("http",), ("net",), ("opa", "runtime")})
"""Built-in functions whose value is another each time."""


class Reads(NamedTuple):
    """What a rule reads.

    ``fields`` are paths into the question, ``()`` for all of it; ``data`` the first keys of paths into the data, None
    for any. ``is_repeatable`` says that the same fields give the same value. ``packages`` are those of the rule and of
    all that it refers to, None for any.
    """

    fields: frozenset[Path]
    data: frozenset[str] | None
    is_repeatable: bool
    packages: frozenset[Path] | None


EVERYTHING: Final = Reads(frozenset({()}), None, is_repeatable=False, packages=None)


class _Rule(NamedTuple):
    package: Path
    name: str


class Syntax:
    """The rules of a set of modules, as regorus parses them.

    Args:
        modules: the value of `Engine.get_ast_as_json`, decoded.
    """

    def __init__(self, modules: Iterable[Mapping[str, Any]]) -> None:
        self._references: dict[_Rule, set[Path]] = {}
        self._files: dict[Path, set[str]] = {}
        packages = [(next(_references(module["ast"]["package"]["refr"])), module) for module in modules]
        for package, module in packages:  # first all names: a package may stand in several files
            self._files.setdefault(package, set()).add(module["source"]["file"])
            for rule in module["ast"]["rules"]:
                self._references.setdefault(_Rule(package, name_of(rule)), set())
        for package, module in packages:
            self._take(package, module["ast"], module["source"]["contents"].encode())

    def _take(self, package: Path, module: Mapping[str, Any], text: bytes) -> None:
        imported = imports_of(module, text)
        for rule in module["rules"]:
            found = self._references[_Rule(package, name_of(rule))]
            for path in _references(rule):
                whole = (*imported.get(path[0], path[:1]), *path[1:])
                found.add(whole)
                if _Rule(package, path[0]) in self._references:
                    found.add(("data", *package, *path))

    def names(self, rule: Path) -> bool:
        """Whether there is such a rule, named without ``data``."""
        return _Rule(rule[:-1], rule[-1]) in self._references

    def files_of(self, package: Path) -> frozenset[str]:
        """The modules that a package is made of."""
        return frozenset(self._files.get(package, ()))

    def is_only_door(self, rule: Path) -> bool:
        """Whether other packages refer to this rule only, of all in its package."""
        package = rule[:-1]
        return not any(
            path[0] == "data" and path[1 : len(rule) + 1] != rule and _touch(path[1:], package)
            for source, paths in self._references.items()
            for path in paths
            if source.package != package
        )

    def reads(self, rule: Path, given: Mapping[Path, str]) -> Reads:
        """What a rule reads, with all that it refers to.

        Args:
            rule: its path, without ``data``.
            given: rules whose values come as fields of the question, by path; the fields' names.
        """
        fields: set[Path] = set()
        data: set[str] | None = set()
        is_repeatable = True
        seen = {_Rule(rule[:-1], rule[-1])}
        waiting = list(seen)
        while waiting:
            for path in self._references.get(waiting.pop(), ()):
                if path[0] == "input":
                    fields.add(path[1:])
                elif path[0] == "data":
                    handed = next((known for known in given if path[1 : len(known) + 1] == known), None)
                    if handed is not None:
                        fields.add((given[handed], *path[len(handed) + 1 :]))
                        continue
                    found = self._rules_at(path[1:])
                    waiting += found - seen
                    seen |= found
                    if data is not None and not self._rules_on(path[1:]):
                        data = None if len(path) == 1 else data | {path[1]}
                elif path[0] == _ANYTHING:
                    return EVERYTHING
                is_repeatable = is_repeatable and not any(path[: len(name)] == name for name in _UNREPEATABLE)
        packages = frozenset(found.package for found in seen)
        return Reads(frozenset(fields), None if data is None else frozenset(data), is_repeatable, packages)

    def _rules_at(self, path: Path) -> set[_Rule]:
        """The rule that a path leads to, or all that there may be below it."""
        return self._rules_on(path) or {rule for rule in self._references if _touch(path, rule.package)}

    def _rules_on(self, path: Path) -> set[_Rule]:
        on = {_Rule(path[:end], path[end]) for end in range(len(path))}
        return {rule for rule in on if rule in self._references}


_ANYTHING: Final = "with"
"""Stands for a reference that may be any: the word is none's name."""


def _touch(first: Path, second: Path) -> bool:
    length = min(len(first), len(second))
    return first[:length] == second[:length]


def _references(node: Any) -> Iterator[Path]:
    """Every reference in a piece of syntax, as far as it can be told; a reference comes before those inside it."""
    if isinstance(node, list):
        for part in node:
            yield from _references(part)
        return
    if not isinstance(node, dict):
        return
    if node.get("with_mods"):
        yield (_ANYTHING,)
    if len(node) == 1 and next(iter(node)) in _REFERENCES:
        path, inside, _ = chain(node)
        if path:
            yield path
        yield from _references(inside)
        return
    for part in node.values():
        yield from _references(part)
