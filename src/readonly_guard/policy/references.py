"""Where modules refer to what: each reference with its line, names that are a rule's own variables left out.

For findings that name a place. What a rule reads at most, to which a name that could be either is a rule, is
`readonly_guard.policy.reads`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import regorus

from readonly_guard.errors import PolicyError

__all__ = ["Reference", "References", "chain", "deepest", "name_of", "references_in", "refuse_recursion"]

_Path = tuple[str, ...]


class Reference(NamedTuple):
    """A reference as far as it is made of names: ``data.units`` of ``data.units[unit].name``, imports written out.

    ``of`` is the rule in which it stands, package and name; ``is_whole`` where nothing follows these names.
    """

    file: str
    line: int
    of: _Path
    path: _Path
    is_whole: bool


class References:
    """All references of a set of modules.

    Args:
        modules: the value of `Engine.get_ast_as_json`, decoded.
    """

    def __init__(self, modules: Iterable[Mapping[str, Any]]) -> None:
        self.found: list[Reference] = []
        self.rules: dict[_Path, tuple[str, int]] = {}
        """By package and name: the file and line of each rule's first definition."""
        trees = [(module["ast"], module["source"]["file"], module["source"]["contents"].encode()) for module in modules]
        for tree, file, _ in trees:
            package = chain(tree["package"]["refr"])[0]
            for rule in tree["rules"]:
                line = next(iter(rule.values()))["span"]["line"]
                self.rules.setdefault((*package, name_of(rule)), (file, line))
        for tree, file, text in trees:
            self._take(tree, file, text)
        self._below: dict[_Path, list[_Path]] = {}
        for reference in self.found:
            if reference.path[0] == "data" and reference.of in self.rules:
                known = self._below.setdefault(reference.of, [])
                known += [rule for rule in self.rules_of(reference.path[1:]) if rule not in known]

    def _take(self, tree: Mapping[str, Any], file: str, text: bytes) -> None:
        package = chain(tree["package"]["refr"])[0]
        imported = imports_of(tree, text)
        for entry in tree["imports"]:
            self.found.append(Reference(file, entry["span"]["line"], package, chain(entry["refr"])[0], is_whole=False))
        for rule in tree["rules"]:
            own = set(_declared(rule, text))
            for path, line, is_whole in _references(_without_name(rule)):
                first = path[0]
                if first in own:
                    continue
                if first in imported:
                    path = (*imported[first], *path[1:])  # noqa: PLW2901  the same, written out
                elif (*package, first) in self.rules:
                    path = ("data", *package, *path)  # noqa: PLW2901
                self.found.append(Reference(file, line, (*package, name_of(rule)), path, is_whole))

    def looked_up(self, rule: _Path) -> list[_Path]:
        """The rules that a rule refers to."""
        return self._below.get(rule, [])

    def rules_of(self, path: _Path) -> list[_Path]:
        """The rules that a path below ``data`` leads to: one, or all of the packages below it."""
        for end in range(1, len(path)):
            if path[: end + 1] in self.rules:
                return [path[: end + 1]]
        return [rule for rule in self.rules if rule[: len(path)] == path]


def references_in(modules: Iterable[tuple[str, str]]) -> References:
    """The references in modules that load, given by path and text."""
    engine = regorus.Engine()
    for path, text in modules:
        engine.add_policy(path, text)
    return References(msgspec.json.decode(engine.get_ast_as_json()))


def refuse_recursion(origin: str, references: References) -> None:
    """Refuse rules that refer to themselves, which Rego has not: regorus would end the whole process, some day.

    Raises:
        PolicyError: there are; the text names file and line.
    """
    around = _circle(references)
    if around is None:
        return
    file, line = references.rules[around[0]]
    names = ", ".join(f"data.{'.'.join(one)}" for one in around[1:])
    raise PolicyError(
        f"{origin}/{file}:{line}: recursion: data.{'.'.join(around[0])} refers to itself"
        f"{names and f' by way of {names}'}; Rego has none"
    )


def _circle(references: References) -> list[_Path] | None:
    """Rules that refer each to the next, and the last to the first."""
    done: set[_Path] = set()
    for start in references.rules:
        way, below = [start], [iter(references.looked_up(start))]
        while way:
            rule = next(below[-1], None)
            if rule is None:
                done.add(way.pop())
                below.pop()
            elif rule in way:
                return way[way.index(rule) :]
            elif rule not in done:
                way.append(rule)
                below.append(iter(references.looked_up(rule)))
    return None


def deepest(rule: _Path, references: References, holds: Callable[[_Path], bool]) -> _Path:
    """The last rule on the way down from one, along those for which something holds."""
    seen = {rule}
    while True:
        below = next((one for one in references.looked_up(rule) if one not in seen and holds(one)), None)
        if below is None:
            return rule
        seen.add(below)
        rule = below


def imports_of(tree: Mapping[str, Any], text: bytes) -> dict[str, _Path]:
    """What a module imports, by the name that it has there.

    Args:
        tree: the module's syntax.
        text: what it was parsed from.
    """
    imported: dict[str, _Path] = {}
    for entry in tree["imports"]:
        path, _, _ = chain(entry["refr"])
        alias = entry.get("as")
        imported[path[-1] if alias is None else text[alias["start"] : alias["end"]].decode()] = path
    return imported


def name_of(rule: Mapping[str, Any]) -> str:
    """The first name in a rule's head."""
    (body,) = rule.values()
    return chain(_head(body)["refr"])[0][0]


def _head(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if "head" not in body:
        return body
    (head,) = body["head"].values()
    return head  # type: ignore[no-any-return]


def _without_name(rule: Mapping[str, Any]) -> list[Any]:
    """The syntax of a rule but for its name; what stands in brackets in the name is kept."""
    (body,) = rule.values()
    head = _head(body)
    _, inside, _ = chain(head["refr"])
    return [inside, {**head, "refr": None}, {**body, "head": None, "refr": None}]


def _declared(node: Any, text: bytes) -> Iterator[str]:
    """The names that are variables in a rule: of functions, ``:=``, ``some`` and ``every``."""
    if isinstance(node, list):
        for part in node:
            yield from _declared(part, text)
    if not isinstance(node, dict):
        return
    for kind, part in node.items():
        if kind == "AssignExpr" and part["op"] == "ColEq":
            yield from _variables(part["lhs"])
        elif kind == "SomeVars":
            yield from (text[span["start"] : span["end"]].decode() for span in part["vars"])
        elif kind == "SomeIn":
            yield from _variables([part["key"], part["value"]])
        elif kind == "Every":
            spans = [span for span in (part["key"], part["value"]) if span]
            yield from (text[span["start"] : span["end"]].decode() for span in spans)
        elif kind == "Func":
            yield from _variables(part["args"])
        yield from _declared(part, text)


def _variables(node: Any) -> Iterator[str]:
    """The variables of a pattern."""
    if isinstance(node, list):
        for part in node:
            yield from _variables(part)
    elif isinstance(node, dict):
        if "Var" in node:
            yield node["Var"]["value"]
        else:
            yield from _variables(list(node.values()))


def _references(node: Any) -> Iterator[tuple[_Path, int, bool]]:
    """Every reference in a piece of syntax, with its line, and whether names are all it is made of."""
    if isinstance(node, list):
        for part in node:
            yield from _references(part)
        return
    if not isinstance(node, dict):
        return
    if len(node) == 1 and next(iter(node)) in {"Var", "RefDot", "RefBrack"}:
        path, inside, is_whole = chain(node)
        if path:
            yield path, next(iter(node.values()))["span"]["line"], is_whole
        yield from _references(inside)
        return
    for part in node.values():
        yield from _references(part)


def chain(node: Mapping[str, Any]) -> tuple[_Path, list[Any], bool]:
    """The names of a reference from its beginning, the syntax within it, and whether it is all names."""
    steps: list[str | None] = []
    inside: list[Any] = []
    ((kind, body),) = node.items()
    while kind != "Var":
        if kind == "RefDot":
            steps.append(body["field"][1])
        elif kind == "RefBrack":
            literal = body["index"].get("String", {}).get("value")
            steps.append(literal)
            if literal is None:
                inside.append(body["index"])
        else:
            return (), [{kind: body}, *inside], False
        ((kind, body),) = body["refr"].items()
    steps.append(body["value"])
    steps.reverse()
    names = steps[: steps.index(None)] if None in steps else steps
    return tuple(name for name in names if name is not None), inside, len(names) == len(steps)
