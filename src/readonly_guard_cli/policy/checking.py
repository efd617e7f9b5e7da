"""`readonly-guard policy check`: would these policies be taken, and what should be better?"""

from __future__ import annotations

from typing import Final

import typer

from readonly_guard.policy import EmbeddedEngine, lint, run_cases
from readonly_guard_cli.output import DENIED, console, speaking_plainly, visible
from readonly_guard_cli.policy.options import DATA, DIRECTORY, load

__all__ = ["check"]

_MISSING_CASES: Final = (
    "write cases/cases.json; `opa build` leaves it out of a bundle, `opa sign --bundle .` and tar keep it"
)

_ONE_STAGE: Final = (
    "decided in one stage, some three times as slowly: a rule reads past standing.answer or records.answer, one of "
    "these is missing, or its value holds a set"
)
_EACH_PATIENT: Final = (
    "rules about patients are others than those shipped, and are asked about every patient anew, some 40 µs a statement"
)


def check(
    directory: DIRECTORY = None,
    data: DATA = None,
) -> None:
    """Check policies as the guard does before it takes them, and read them over as a reviewer would.

    Rego, JSON, schemas and manifest; that every action gets an answer; METADATA, codes, texts in both languages, tests;
    and the table of cases (`cases/cases.json`). `policy test` runs the Rego tests. A note says what makes decisions
    slower than they could be (docs/policies.md, How fast); there may be good reason for it.

    Exit status: 0 nothing to say, 1 something to correct (file, line and what to write), 2 they do not load.
    """
    with speaking_plainly():
        policies = load(directory, data)
        engine = EmbeddedEngine(policies)
        findings = [f"{policies.origin}/{finding}" for finding in lint(policies)]
        if not engine.is_compiled:
            findings.append(
                f"{policies.origin}: regorus's compiled form answers otherwise than its interpreter, so that "
                "the interpreter decides, several times as slowly; check what `:=` assigned (is_string)"
            )
        cases = () if policies.cases is None else policies.cases.cases
        if policies.cases is not None:
            findings += [
                f"{policies.origin}/cases/cases.json: {failure}" for failure in run_cases(policies, policies.cases)
            ]
    for finding in findings:
        console.print(visible(finding), soft_wrap=True)
    for note in _pace(engine):
        console.print(visible(f"{policies.origin}: note: {note}"), soft_wrap=True)
    tried = f"{len(cases)} cases" if cases else f"no cases ({_MISSING_CASES})"
    said = f"{len(findings)} to correct" if findings else "nothing to correct"
    size = f"{len(policies.modules)} modules, {len(policies.data)} data documents, {tried}"
    console.print(
        f"{size}, revision {policies.revision}: {said}",
        style="bold red" if findings else "bold green",
    )
    if findings:
        raise typer.Exit(DENIED)


def _pace(engine: EmbeddedEngine) -> list[str]:
    """What makes decisions slower than they could be, apart from what is to be corrected."""
    if not engine.is_compiled:
        return []
    if len(engine.stages) == 1:
        return [_ONE_STAGE]
    return [] if engine.knows_alike else [_EACH_PATIENT]
