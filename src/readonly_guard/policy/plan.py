"""Which stages policies decide in: the rules `readonly_guard.policy.port.STAGES`, where they can be parted.

A stage is compiled with the rule of every earlier one replaced by a field of the question, which holds what that one
found. Policies without these rules, or in which others look past them into their packages, are one stage.

What a stage finds goes from one program to the next as JSON. A set would arrive as an array, of which the next rule
may say another thing (`not found["x"]`), so that each value is looked at where it is found: whether it is JSON already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from readonly_guard.policy.bundle import Module
from readonly_guard.policy.port import ENTRYPOINT, STAGES
from readonly_guard.policy.reads import Path, Reads, Syntax

__all__ = ["HANDED", "Step", "plan_of", "whole"]

HANDED: Final = "data.handed_by_readonly_guard.value"
"""What an earlier stage's program is asked for in its rule's place: the rule's value and whether that is JSON."""

_HANDED: Final = """package handed_by_readonly_guard

value := {"value": %(rule)s, "is_json": _is_json}

default _is_json := false

_is_json if json.unmarshal(json.marshal(%(rule)s)) == %(rule)s
"""


class Step(NamedTuple):
    """A stage as it is to be compiled and asked.

    ``rule`` is its rule and its name, ``asked`` what its program is asked for, ``reads`` what that reads of question
    and data, ``earlier`` the stages that it looks up, ``readers`` the later ones that look it up, with the fields that
    they read of it.
    """

    rule: str
    asked: str
    modules: tuple[Module, ...]
    reads: Reads
    earlier: tuple[str, ...]
    readers: Mapping[str, frozenset[Path]]


def whole(modules: tuple[Module, ...], syntax: Syntax) -> tuple[Step, ...]:
    """The decision in one stage."""
    return (Step(ENTRYPOINT, ENTRYPOINT, modules, syntax.reads(_path(ENTRYPOINT), {}), (), {}),)


def plan_of(modules: tuple[Module, ...], syntax: Syntax) -> tuple[Step, ...]:
    """The stages in order; the last answers the entrypoint.

    Args:
        modules: all rules.
        syntax: theirs.
    """
    parted = [rule for rule in STAGES if syntax.names(_path(rule)) and syntax.is_only_door(_path(rule))]
    rules = (*parted, ENTRYPOINT)
    reads = {
        rule: syntax.reads(_path(rule), {_path(other): other for other in rules[:position]})
        for position, rule in enumerate(rules)
    }
    if not parted or any(() in each.fields for each in reads.values()):  # it would see the others' values
        return whole(modules, syntax)
    looked_up = {
        rule: tuple(other for other in parted if any(field[0] == other for field in reads[rule].fields))
        for rule in rules
    }
    return tuple(
        Step(
            rule,
            ENTRYPOINT if rule == ENTRYPOINT else HANDED,
            (*_replaced(modules, syntax, parted[:position]), *_handing(rule)),
            reads[rule]._replace(fields=frozenset(field for field in reads[rule].fields if field[0] not in rules)),
            looked_up[rule],
            {
                later: frozenset(field[1:] for field in reads[later].fields if field[0] == rule)
                for later in rules
                if rule in looked_up[later]
            },
        )
        for position, rule in enumerate(rules)
    )


def _handing(rule: str) -> tuple[Module, ...]:
    return () if rule == ENTRYPOINT else (("handed_by_readonly_guard.rego", _HANDED % {"rule": rule}),)


def _replaced(modules: tuple[Module, ...], syntax: Syntax, rules: list[str]) -> tuple[Module, ...]:
    """The modules, with the packages of these rules replaced by the fields that hold their values."""
    paths = [_path(rule) for rule in rules]
    gone = {file for path in paths for file in syntax.files_of(path[:-1])}
    handed = tuple(
        (f"{'/'.join(path)}.rego", f'package {".".join(path[:-1])}\n\n{path[-1]} := input["{rule}"]\n')
        for path, rule in zip(paths, rules, strict=True)
    )
    return (*(module for module in modules if module[0] not in gone), *handed)


def _path(rule: str) -> Path:
    return tuple(rule.split(".")[1:])
