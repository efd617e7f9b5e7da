"""`readonly-guard policy eval`: what do the policies answer to this question?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import ConfigurationError
from readonly_guard.policy import EmbeddedEngine, PolicySet, find_violation
from readonly_guard_cli.output import ALLOWED, DENIED, console, speaking_plainly
from readonly_guard_cli.policy.options import DATA, DIRECTORY, load

__all__ = ["evaluate"]


def evaluate(
    directory: DIRECTORY = None,
    question: Annotated[
        str, typer.Option("--input", "-i", help="The question: a JSON file, or - for standard input.")
    ] = "-",
    data: DATA = None,
) -> None:
    """Ask the policies one question and show their answer as JSON. Nothing is logged.

    The question is the input document of docs/policies.md. Exit status: 0 allowed, 1 denied, 2 the question or the
    policies cannot be read.
    """
    with speaking_plainly():
        policies = load(directory, data)
        answer = EmbeddedEngine(policies).decide_now(_question(question, policies))
    console.print(msgspec.json.format(msgspec.json.encode(answer)).decode(), soft_wrap=True)
    raise typer.Exit(ALLOWED if _is_allowed(answer) else DENIED)


def _is_allowed(answer: Answer) -> bool:
    return answer.allow and not answer.deny


def _question(place: str, policies: PolicySet) -> AccessRequest:
    name = "standard input" if place == "-" else place
    try:
        text = sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
        document: Any = msgspec.json.decode(text)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name}: is not JSON: {error}") from None
    schema = policies.schemas.get("input")
    violation = None if schema is None else find_violation(document, schema)
    if violation is not None:
        raise ConfigurationError(f"{name}: {'.'.join(('input', *violation.path))}: {violation.message}")
    try:
        return msgspec.convert(document, AccessRequest)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{name}: {error}") from None
