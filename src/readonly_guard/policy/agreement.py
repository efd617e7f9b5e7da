"""Whether regorus's compiled form answers as its interpreter does, on the questions that bring differences to light.

As of 0.13 the compiled form takes an assignment of an undefined value for one that succeeded, so that a rule can hold
where the interpreter and OPA have it undefined. What is asked: the table of cases, and each of its questions with every
field left out, null and empty in turn. Where the interpreter stops with an error (a built-in function fails, nothing
can be iterated) OPA goes on, and so may the compiled form; everywhere else both must answer alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import regorus

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.policy.answer import UNDEFINED, decode_answer
from readonly_guard.policy.case_table import CaseTable

__all__ = [
    "MOST_STEPS",
    "Ask",
    "Exhausted",
    "NotJsonError",
    "agree",
    "ask_engine",
    "ask_machine",
    "fused",
    "handed",
    "questions",
]

Ask = Callable[[str], Any]
"""A form of regorus: a question as JSON in, the entrypoint's value out; RuntimeError where a rule fails."""

MOST_STEPS: Final = 25_000
"""After how many instructions the compiled form stops; the limit is regorus's own. A decision takes some 1,000."""

_EXHAUSTED: Final = "maximum instruction limit"

_MOST: Final = 600  # questions, of some milliseconds each
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], 0, True)


class Exhausted(RuntimeError):  # noqa: N818  a fuse that has blown, no mistake of the caller's
    """The compiled form has stopped a rule that took more than `MOST_STEPS`. The interpreter would go on.

    ``question`` is what was asked, as JSON.
    """

    def __init__(self, question: str) -> None:
        super().__init__(f"more than {MOST_STEPS:,} steps")
        self.question = question


class NotJsonError(Exception):
    """What a stage found holds a set, or an object whose keys are no strings: it cannot be handed on as it is."""

    def __init__(self, rule: str) -> None:
        super().__init__(
            f"the value of {rule} holds a set or keys that are no strings; make arrays and strings of them"
        )


def questions(table: CaseTable | None, base: AccessRequest) -> Iterator[str]:
    """At most some hundred questions, each once: the cases' own first, then what is left of them without a field."""
    asked = [msgspec.to_builtins(base)]
    if table is not None:
        asked += [table.document(case) for case in table.cases]
    seen: set[str] = set()
    for document in (*asked, *(spoilt for whole in asked for spoilt in _spoilt(whole))):
        text = json.dumps(document)
        if text not in seen:
            seen.add(text)
            yield text
        if len(seen) == _MOST:
            return


def _spoilt(document: Any) -> Iterator[Any]:
    """Copies of a document, each with one field left out or emptied."""
    if not isinstance(document, dict):
        return
    for key, value in document.items():
        rest = {name: other for name, other in document.items() if name != key}
        yield rest
        yield from ({**rest, key: empty} for empty in _EMPTY if empty != value)
        yield from ({**rest, key: spoilt} for spoilt in _spoilt(value))


def agree(interpreted: Ask, compiled: Callable[[dict[str, Any]], Answer], asked: Iterator[str]) -> bool:
    """Whether the compiled form may decide; it takes a question as an object and gives its answer.

    Raises:
        Exhausted: a rule takes too long for either.
        NotJsonError: a stage's value cannot be handed on.
    """
    for question in asked:
        try:
            answer = msgspec.structs.replace(compiled(msgspec.json.decode(question)), revision="")
        except Exhausted:
            raise Exhausted(question) from None
        except (PolicyUnavailable, RuntimeError):
            answer = None
        try:
            value = interpreted(question)
        except RuntimeError:
            continue
        if _answer(value) != answer:
            return False
    return True


def _answer(value: Any) -> Answer | None:
    try:
        return decode_answer(value, revision="")
    except PolicyUnavailable:
        return None


def ask_engine(engine: regorus.Engine, entrypoint: str) -> Ask:
    """The interpreter as something to ask."""

    def ask(question: str) -> Any:
        engine.set_input_json(question)
        return msgspec.json.decode(engine.eval_rule_as_json(entrypoint))

    return ask


def ask_machine(machine: regorus.Rvm) -> Ask:
    """The compiled form as something to ask."""

    def ask(question: str) -> Any:
        machine.set_input_json(question)
        try:
            return msgspec.json.decode(machine.execute())
        except RuntimeError as error:
            if _EXHAUSTED in str(error):
                raise Exhausted(question) from None
            raise

    return ask


def handed(machine: Ask, rule: str) -> Ask:
    """A stage's rule as something to ask, by what its program is asked for in its place (`plan.HANDED`).

    Raises:
        NotJsonError: its value is no JSON.
    """

    def ask(question: str) -> Any:
        found = machine(question)
        if found == UNDEFINED:
            return found
        if not found["is_json"]:
            raise NotJsonError(rule)
        return found["value"]

    return ask


def fused(machine: Ask, engine: Ask) -> Ask:
    """The interpreter, asked only what the compiled form gets to the end of: it has no limit of its own.

    As far as the two go the same way: a rule that only the interpreter comes to has none.
    """

    def ask(question: str) -> Any:
        try:
            machine(question)
        except Exhausted:
            raise
        except RuntimeError:
            pass  # the interpreter has the word
        return engine(question)

    return ask
