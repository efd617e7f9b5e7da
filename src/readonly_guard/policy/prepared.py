"""Policies made ready to be asked: compiled once, as plain values, and made into machines by each thread that asks.

A process can prepare policies for another (`readonly_guard.policy.maker`); what regorus makes of them stays in the
thread that made it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec
import regorus

from readonly_guard.errors import PolicyError
from readonly_guard.policy.agreement import Ask, ask_engine, ask_machine, fused, handed
from readonly_guard.policy.answer import decode_answer
from readonly_guard.policy.bundle import Module, PolicySet
from readonly_guard.policy.likeness import Likenesses
from readonly_guard.policy.plan import Step
from readonly_guard.policy.port import ENTRYPOINT, RECORDS
from readonly_guard.policy.rego_error import explain
from readonly_guard.policy.stages import Asks, Stage, Stages, parts_of

__all__ = ["Prepared", "compile_rule", "interpreter_of", "machine_of"]

_NO_RULE: Final = "not a valid rule path"  # regorus, of a rule that no module has


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Policies that were compiled and tried.

    ``steps`` are the stages of a decision in order, ``programs`` what each is compiled to, by its rule. ``is_compiled``
    says whether these decide; else the interpreter does. ``knows_alike``: the rules about patients are the shipped
    ones, whose answers hold for all who are alike (`readonly_guard.policy.likeness`).
    """

    policies: PolicySet
    steps: tuple[Step, ...]
    programs: dict[str, bytes]
    is_compiled: bool
    knows_alike: bool

    def stages(self, data: dict[str, Any]) -> Stages:
        """The stages of decisions that rest on these documents, with nothing remembered."""
        *earlier, last = self.steps
        alike = Likenesses(data) if self.knows_alike else None
        return Stages(
            tuple(
                Stage(
                    step.rule,
                    step.reads,
                    step.earlier,
                    partial(parts_of, readers=step.readers),
                    alike if step.rule == RECORDS else None,
                )
                for step in earlier
            ),
            Stage(last.rule, last.reads, last.earlier, partial(decode_answer, revision=self.policies.revision)),
        )

    def asks(self, data: dict[str, Any]) -> Asks:
        """How to evaluate the rule of each stage on these documents, in this thread only."""
        if not self.is_compiled:
            (step,) = self.steps
            machine = machine_of(step, self.programs[ENTRYPOINT], data)
            return {ENTRYPOINT: fused(machine, ask_engine(interpreter_of(self.policies, data), ENTRYPOINT))}
        return {step.rule: machine_of(step, self.programs[step.rule], data) for step in self.steps}


def machine_of(step: Step, program_bytes: bytes, data: dict[str, Any]) -> Ask:
    """A step's program with the documents that it reads."""
    machine = regorus.Rvm()
    program, _ = regorus.Program.deserialize_binary(program_bytes)
    machine.load_program(program)
    roots = step.reads.data
    documents = data if roots is None else {key: value for key, value in data.items() if key in roots}
    machine.set_data_json(msgspec.json.encode(documents).decode())
    ask = ask_machine(machine)
    return ask if step.asked == step.rule else handed(ask, step.rule)


def interpreter_of(policies: PolicySet, data: dict[str, Any]) -> regorus.Engine:
    """The rules as they are written.

    Raises:
        PolicyError: one of them cannot be read.
    """
    engine = regorus.Engine()
    try:
        for path, text in policies.modules:
            engine.add_policy(path, text)
        engine.add_data_json(msgspec.json.encode(data).decode())
    except RuntimeError as error:
        raise PolicyError(
            f"{policies.origin}: {explain(error)}; correct it (`opa check --strict` shows the place)"
        ) from None
    return engine


def compile_rule(policies: PolicySet, rule: str, modules: tuple[Module, ...]) -> bytes:
    """A rule compiled; finds functions and variables that do not exist, which the interpreter meets late."""
    try:
        program = regorus.Program.compile_from_modules("{}", list(modules), [rule])
        return bytes(program.serialize_binary())
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        what = explain(error)
        if what == _NO_RULE:
            raise PolicyError(
                f"{policies.origin}: nothing defines {rule}, which is what the guard asks for; "
                "name a directory of policies that does"
            ) from None
        raise PolicyError(f"{policies.origin}: {what}; correct it (`opa check --strict` shows the place)") from None
