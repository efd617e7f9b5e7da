"""`readonly-guard check`: a verdict on one text, for people or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from readonly_guard import Guard
from readonly_guard.domain import Analysis, Language, Reason
from readonly_guard.settings import load_settings
from readonly_guard.sql import Analyzer
from readonly_guard_cli.output import ALLOWED, DENIED, console, fail, speaking_plainly

__all__ = ["check"]


def check(
    sql: Annotated[str, typer.Argument(help="The text to judge, one or several statements; '-' reads standard input.")],
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="Who asks. Without it only the write lock is asked, no policy.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="Why: TREAT, ETREAT, HLEGAL, HQUALIMP, HOPERAT …")] = None,
    case_reference: Annotated[str | None, typer.Option(help="Case number, for purposes that need one.")] = None,
    print_reason: Annotated[
        str | None, typer.Option(help="MEDICAL_NEED or PATIENT_REQUEST: the read is printed.")
    ] = None,
    justification: Annotated[str | None, typer.Option(help="Why emergency access (ETREAT) is needed.")] = None,
    config: Annotated[Path | None, typer.Option(help="A guard.toml, for its policies and table classes.")] = None,
    policies: Annotated[Path | None, typer.Option(help="A directory of Rego instead of the shipped policies.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="JSON laid over the policies' data; may be repeated.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the messages: en or sv.")] = "en",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",  # noqa: A002  its name on the line
) -> None:
    """Say whether a statement would be let through, and why not.

    Nothing is executed and nothing is logged. Exit status: 0 allowed, 1 denied, 2 usage error.

    Examples:
        readonly-guard check "SELECT 1; DELETE FROM person"
        readonly-guard check --user alind --purpose TREAT --data roster.json "SELECT * FROM person WHERE person_id = 1"
    """
    language = _one_of("--lang", lang, ("en", "sv"))
    _one_of("--format", format, ("text", "json"))
    if sql == "-":
        try:
            sql = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            fail(f"standard input is not UTF-8 text (byte {error.start})")
    with speaking_plainly():
        settings = load_settings(config) if config else None
        if user is None:
            analyzer = Analyzer(settings.reading) if settings else Analyzer()
            outcome = _Outcome.of_reading(analyzer.analyse(sql))
        else:
            overlays = tuple(map(str, data or ())) or (settings.policy.data if settings else ())
            source = str(policies) if policies else (settings.policy.source if settings else None)
            with Guard.open(
                journal=None, policies=source, data=overlays, reading=settings.reading if settings else None
            ) as guard:
                decision = guard.check(
                    sql,
                    subject=user,
                    purpose=purpose,
                    case_reference=case_reference,
                    print_reason=print_reason,
                    justification=justification,
                )
            outcome = _Outcome(
                analysis=decision.analysis,
                reasons=decision.reasons,
                warnings=decision.warnings,
                action=decision.action,
                asked_policy=True,
            )
    if format == "json":
        sys.stdout.write(msgspec.json.encode(outcome.document(language)).decode() + "\n")
    else:
        _show(outcome, sql, language)
    raise typer.Exit(DENIED if outcome.reasons else ALLOWED)


def _one_of(option: str, value: str, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        fail(f"{option} is {value!r}; it is {' or '.join(choices)}")
    return value


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    analysis: Analysis
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...] = ()
    action: str = ""
    asked_policy: bool = False

    @classmethod
    def of_reading(cls, analysis: Analysis) -> _Outcome:
        return cls(analysis=analysis, reasons=analysis.reasons)

    def document(self, language: Language) -> dict[str, Any]:
        """The verdict as JSON: stable keys, no literal from the statement."""
        return {
            "verdict": "denied" if self.reasons else "allowed",
            "codes": [reason.code for reason in self.reasons],
            "reasons": [
                {
                    "code": reason.code,
                    "rule": reason.rule,
                    "message": _message(reason, language),
                    "what": reason.what,
                    "hint": reason.hint_sv if language == "sv" else reason.hint_en,
                    "position": reason.position,
                }
                for reason in self.reasons
            ],
            "warnings": [{"code": item.code, "message": _message(item, language)} for item in self.warnings],
            "action": self.action,
            "policy": "asked" if self.asked_policy else "not asked",
            "statements": [
                {
                    "kind": reading.kind,
                    "effects": sorted(reading.effects),
                    "relations": [str(name) for name in reading.relations],
                    "functions": [str(name) for name in reading.functions],
                }
                for reading in self.analysis.readings
            ],
        }


def _message(reason: Reason, language: Language) -> str:
    return reason.sv if language == "sv" else reason.en


def _show(outcome: _Outcome, sql: str, language: Literal["sv", "en"]) -> None:
    words = _WORDS[language]
    if outcome.reasons:
        console.print(Text(words["denied"], style="bold red"))
    else:
        console.print(Text(words["allowed"], style="bold green"))
    for reason in outcome.reasons:
        line = Text(f"  {reason.code}", style="bold").append(f"  {_message(reason, language)}", style="not bold")
        if reason.what:
            line.append(f": {reason.what}", style="dim")
        console.print(line)
        if hint := reason.hint_sv if language == "sv" else reason.hint_en:
            console.print(Text(f"          {hint}", style="dim"))
        if reason.position is not None:
            console.print(_excerpt(sql, reason.position))
    for warning in outcome.warnings:
        console.print(Text(f"  {warning.code}", style="bold yellow").append(f"  {_message(warning, language)}"))
    if outcome.analysis.readings:
        table = Table(box=None, padding=(0, 2), header_style="dim")
        for heading in words["headings"]:
            table.add_column(heading)
        for reading in outcome.analysis.readings:
            table.add_row(
                reading.kind,
                ", ".join(sorted(reading.effects)),
                ", ".join(map(str, reading.relations)),
                ", ".join(map(str, reading.functions)),
            )
        console.print(table)
    if not outcome.asked_policy:
        console.print(Text(words["policy"], style="dim"))


def _excerpt(sql: str, position: int) -> Text:
    """The line of the statement with a caret under the character."""
    before = sql[: position - 1]
    start = before.rfind("\n") + 1
    line = sql[start:].splitlines()[0] if sql[start:] else ""
    column = len(before) - start
    window = max(column - 60, 0)
    return Text(f"          {line[window : window + 100]}\n          {' ' * (column - window)}^", style="cyan")


_WORDS: dict[str, Any] = {
    "en": {
        "allowed": "Allowed",
        "denied": "Denied",
        "policy": "The write lock only; give --user to ask the policy too.",
        "headings": ("statement", "effects", "relations", "functions"),
    },
    "sv": {
        "allowed": "Tillåten",
        "denied": "Nekad",
        "policy": "Bara skrivlåset; ange --user för att också fråga policyn.",
        "headings": ("sats", "verkan", "relationer", "funktioner"),
    },
}
