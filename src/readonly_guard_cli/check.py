"""`readonly-guard check`: a verdict on one text, for people or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from readonly_guard import Guard
from readonly_guard.domain import Analysis, Decision, Language, Reason
from readonly_guard.hooks import Hooks
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.settings import ReadingSettings, Settings, load_settings
from readonly_guard.sql import Analyzer, Bounds
from readonly_guard_cli.output import ALLOWED, DENIED, console, fail, speaking_plainly, visible
from readonly_guard_cli.resolving import resolver_of

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
    catalog: Annotated[
        Path | None,
        typer.Option(help="A database's catalog, from `catalog snapshot`: what its views and functions run."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", "-e", help="Show the place in the statement and what both parsers read.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of the messages: en or sv.")] = "en",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",  # noqa: A002  its name on the line
) -> None:
    """Say whether a statement would be let through, and why not.

    Nothing is executed and nothing is logged. With `--config` the bounds, table classes, catalog and policies are those
    of the proxy that runs with it; its plugins are not asked.

    Exit status: 0 allowed, 1 denied, 2 usage error.

    For example:

    - `readonly-guard check "SELECT 1; DELETE FROM person"`

    - `readonly-guard check --user alind --purpose TREAT --data roster.json "SELECT * FROM person"`

    - `readonly-guard check --explain "SELECT * FROM person FOR UPDATE"`

    - `readonly-guard check --lang sv --format json - < report.sql`
    """
    for option, value, choices in (("--lang", lang, _LANGUAGES), ("--format", format, _FORMATS)):
        if value not in choices:
            fail(f"{option} is {visible(value)!r}; it is {' or '.join(choices)}")
    language = _LANGUAGES[lang]
    if user is None:
        for option, given in (
            ("--purpose", purpose),
            ("--case-reference", case_reference),
            ("--print-reason", print_reason),
            ("--justification", justification),
            ("--policies", policies),
            ("--data", data),
        ):
            if given:
                fail(f"{option} is for the policy, which is asked about a user: give --user, too")
    if sql == "-":
        try:
            sql = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            fail(f"standard input is not UTF-8 text (byte {error.start})")
    with speaking_plainly():
        settings = load_settings(config) if config else None
        resolver = resolver_of(settings, catalog=catalog)
        analyzer = Analyzer(*_reading_of(settings), resolver)
        if user is None:
            outcome = _Outcome.of_reading(analyzer.analyse(sql))
        else:
            source = str(policies) if policies else settings.policy.source if settings else None
            overlays = tuple(map(str, data)) if data else settings.policy.data if settings else ()
            # not Guard.open: it has bounds of its own. Without a journal, because nothing is released on this decision.
            guard = Guard(analyzer=analyzer, pdp=EmbeddedEngine(load_policies(source, overlays)), hooks=Hooks())
            decision = guard.check(
                sql,
                subject=user,
                purpose=purpose,
                case_reference=case_reference,
                print_reason=print_reason,
                justification=justification,
            )
            outcome = _Outcome.of_decision(decision)
    if format == "json":
        sys.stdout.buffer.write(msgspec.json.encode(outcome.document(language)) + b"\n")
    else:
        _show(outcome, sql, language)
        if explain:
            from readonly_guard_cli.explain import show_explanation  # noqa: PLC0415  it brings sqlglot

            show_explanation(sql, language, *_reading_of(settings), resolver)
    raise typer.Exit(DENIED if outcome.reasons else ALLOWED)


_LANGUAGES: Final[dict[str, Language]] = {"en": "en", "sv": "sv"}
_FORMATS: Final = ("text", "json")


def _reading_of(settings: Settings | None) -> tuple[ReadingSettings, Bounds]:
    """How the proxy with these settings would read, bounds included."""
    if settings is None:
        return ReadingSettings(), Bounds()
    return settings.reading, Bounds.of(settings.limits)


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    analysis: Analysis
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...] = ()
    action: str = ""
    asked_policy: bool = False

    @classmethod
    def of_reading(cls, analysis: Analysis) -> _Outcome:
        return cls(analysis=analysis, reasons=analysis.reasons)

    @classmethod
    def of_decision(cls, decision: Decision) -> _Outcome:
        return cls(
            analysis=decision.analysis,
            reasons=decision.reasons,
            warnings=decision.warnings,
            action=decision.action,
            asked_policy=True,
        )

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


def _show(outcome: _Outcome, sql: str, language: Language) -> None:
    words = _WORDS[language]
    if outcome.reasons:
        console.print(Text(words["denied"], style="bold red"))
    else:
        console.print(Text(words["allowed"], style="bold green"))
    for reason in outcome.reasons:
        line = Text(f"  {reason.code}", style="bold").append(f"  {_message(reason, language)}", style="not bold")
        if reason.what:
            line.append(f": {visible(reason.what)}", style="dim")
        console.print(line)
        if hint := reason.hint_sv if language == "sv" else reason.hint_en:
            console.print(Text(f"{_INDENT}{hint}", style="dim"))
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
                visible(", ".join(map(str, reading.relations))),
                visible(", ".join(map(str, reading.functions))),
            )
        console.print(table)
    if not outcome.asked_policy:
        console.print(Text(words["policy"], style="dim"))


def _excerpt(sql: str, position: int) -> Text:
    """The line of the statement with a caret under the character (counted from 1); a long line is cut to fit."""
    at = position - 1
    start = sql.rfind("\n", 0, at) + 1
    end = sql.find("\n", at)
    line = visible(sql[start : end if end >= 0 else len(sql)].replace("\t", " ").rstrip("\r"))
    column = at - start
    first = max(column - 60, 0)
    caret = " " * cell_len(line[first:column])  # a character can be two columns wide
    return Text(f"{_INDENT}{line[first : first + 100]}\n{_INDENT}{caret}^", style="cyan", no_wrap=True)


_INDENT: Final = " " * 10

_WORDS: Final[dict[Language, Any]] = {
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
