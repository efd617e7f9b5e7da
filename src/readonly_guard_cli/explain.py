"""`readonly-guard check --explain`: the place in the statement, the rule, both readings, what to write instead."""

from __future__ import annotations

from typing import Any, Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from readonly_guard.domain import Language
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Bounds, Resolver
from readonly_guard.sql.explanation import Explanation, Span, explain
from readonly_guard_cli.output import console, visible

__all__ = ["show_explanation"]

_SHOWN_LINES: Final = 60
_SHOWN_WIDTH: Final = 110


def show_explanation(
    sql: str, language: Language, rules: ReadingSettings, bounds: Bounds, resolver: Resolver | None = None
) -> None:
    """Show why the write lock judged a text as it did."""
    words = _WORDS[language]
    found = explain(sql, rules, bounds, resolver)
    console.print()
    console.print(Text(words["statement"], style="bold"))
    for line in _underlined(sql, found.spans):
        console.print(line)
    for code in dict.fromkeys(reason.code for reason in found.analysis.reasons):
        if advice := _ADVICE.get(code, {}).get(language):
            console.print(Text(f"  {code}", style="bold").append(f"  {advice}", style="not bold"))
    console.print()
    console.print(_keys(found, words))
    if found.canonical is not None:
        console.print(Text(words["canonical"], style="bold"))
        console.print(Text(f"  {visible(found.canonical)}", style="dim"))


def _underlined(sql: str, spans: tuple[Span, ...]) -> list[Text]:
    """The statement with its lines numbered, and under each span a line with the code."""
    shown: list[Text] = []
    at = 0
    lines = sql.splitlines(keepends=True) or [""]
    for number, line in enumerate(lines[:_SHOWN_LINES], start=1):
        plain = visible(line.replace("\t", " ").rstrip("\r\n"))
        here = [span for span in spans if at <= span.start < at + len(line) or (span.start == at == len(sql))]
        first = max(min((span.start - at for span in here), default=0) - _SHOWN_WIDTH // 2, 0)
        shown.append(Text(f"{number:>4} │ ", style="dim").append(plain[first : first + _SHOWN_WIDTH], style="not dim"))
        for span in here:
            before = cell_len(plain[first : span.start - at])
            width = max(cell_len(plain[span.start - at : span.end - at]), 1)
            mark = Text("     │ ", style="dim").append(" " * before)
            shown.append(mark.append("^" * width + f" {span.reason.code}", style="bold red not dim"))
        at += len(line)
    if len(lines) > _SHOWN_LINES:
        shown.append(Text(f"     │ … {len(lines) - _SHOWN_LINES}", style="dim"))
    return shown


def _keys(found: Explanation, words: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for heading in ("", words["first"], words["second"]):
        table.add_column(heading, overflow="fold")
    first = found.postgres or ()
    for index in range(max(len(first), len(found.sqlglot), 1)):
        left, right = words["unread"], words["unread"] if found.postgres is None else words["unasked"]
        if index < len(first):
            reading = first[index]
            left = f"{reading.kind}: {', '.join(sorted(reading.effects))}"
            if reading.relations:
                left += f"\n{words['relations']} {', '.join(map(str, reading.relations))}"
            if reading.functions:
                left += f"\n{words['functions']} {', '.join(map(str, reading.functions))}"
        elif first:
            left = words["none"]
        if index < len(found.sqlglot):
            seen = found.sqlglot[index]
            right = words["unread"] if seen.unreadable else (seen.fault or seen.word)
            if seen.relations:
                right += f"\n{words['relations']} {', '.join(sorted(seen.relations))}"
        elif found.sqlglot:
            right = words["none"]
        table.add_row(str(index + 1), visible_lines(left), visible_lines(right))
    return table


def visible_lines(text: str) -> str:
    """As :func:`visible`, keeping line breaks, which are ours."""
    return "\n".join(visible(line) for line in text.split("\n"))


_WORDS: Final[dict[Language, dict[str, Any]]] = {
    "en": {
        "statement": "Where",
        "first": "PostgreSQL's grammar",
        "second": "sqlglot",
        "canonical": "What sqlglot was given",
        "relations": "reads",
        "functions": "calls",
        "unread": "cannot read it",
        "unasked": "not asked",
        "none": "no such statement",
    },
    "sv": {
        "statement": "Var",
        "first": "PostgreSQL:s grammatik",
        "second": "sqlglot",
        "canonical": "Vad sqlglot fick",
        "relations": "läser",
        "functions": "anropar",
        "unread": "kan inte läsa den",
        "unasked": "inte tillfrågad",
        "none": "ingen sådan sats",
    },
}

_ADVICE: Final[dict[str, dict[Language, str]]] = {
    "RG-W00": {
        "en": "Only queries, SHOW, EXPLAIN, COPY … TO STDOUT, cursors, transactions and allowed SETs are reads."
        " For rows that must not change while you read: BEGIN ISOLATION LEVEL REPEATABLE READ instead of FOR UPDATE.",
        "sv": "Bara frågor, SHOW, EXPLAIN, COPY … TO STDOUT, markörer, transaktioner och tillåtna SET är läsning."
        " För rader som inte får ändras under läsningen: BEGIN ISOLATION LEVEL REPEATABLE READ i stället för"
        " FOR UPDATE.",
    },
    "RG-F01": {
        "en": "Write it with built-in functions. If it is a field of a row, name it as table.column, or list it in"
        " reading.composite_fields.",
        "sv": "Skriv det med inbyggda funktioner. Är det ett fält i en rad, skriv tabell.kolumn, eller ta upp det i"
        " reading.composite_fields.",
    },
    "RG-F02": {
        "en": "Leave the call out. For a sequence's value read its last_value, for a setting current_setting.",
        "sv": "Utelämna anropet. För en sekvens värde läs last_value; för en serverinställning använd current_setting.",
    },
    "RG-F03": {
        "en": "Cast to a built-in type (text, int8, numeric …), or use a built-in operator.",
        "sv": "Omvandla till en inbyggd typ (text, int8, numeric …), eller använd en inbyggd operator.",
    },
    "RG-T01": {
        "en": "PostgreSQL reads it and sqlglot does not: a plainer spelling of the same usually passes both.",
        "sv": "PostgreSQL läser den men inte sqlglot: ett enklare skrivsätt brukar passera båda.",
    },
    "RG-T03": {
        "en": "Compare the two columns below: what one sees and the other does not is what to write more plainly.",
        "sv": "Jämför kolumnerna nedan: det den ena ser och inte den andra bör skrivas enklare.",
    },
    "RG-T06": {
        "en": "docs/reading.md lists the settings a session may change; reading.allowed_settings opens further ones.",
        "sv": "docs/reading.md räknar upp de tillåtna inställningarna; reading.allowed_settings öppnar fler.",
    },
}
