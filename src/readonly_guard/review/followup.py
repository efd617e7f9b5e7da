"""The management report shown: as a table for Excel, a page, a paper; with charts that have their table beside them."""

from __future__ import annotations

from datetime import date
from typing import Final

from markupsafe import Markup

from readonly_guard.review import charts
from readonly_guard.review.listing import table_csv
from readonly_guard.review.management import Management
from readonly_guard.review.pages import page
from readonly_guard.review.papers import Chart, Paper, Section, Table
from readonly_guard.review.words import word

__all__ = ["management_csv", "management_html", "management_paper", "page_values"]

_GROUNDS: Final = ("emergency", "print", "write", "flag")
_ROOM: Final = 8  # so many whole months fit below a chart


def management_csv(report: Management) -> bytes:
    """A row for each unit and month, for Excel."""
    rows = [
        (
            *(cell.period, cell.unit, word("status", cell.status, "sv"), str(cell.population), str(cell.selected)),
            *(str(cell.answered), f"{cell.share} %", str(cell.overdue), str(cell.escalated)),
            *(cell.signed_at[:10], cell.signed_by, "" if cell.days is None else str(cell.days)),
        )
        for cell in report.cells.values()
    ]
    headings = (
        *("Månad", "Vårdenhet", "Läge", "Händelser", "Utvalda", "Bedömda", "Andel", "Förfallna"),
        *("Eskalerade", "Undertecknat", "Av", "Dagar till underskrift"),
    )
    return table_csv(headings, rows)


def management_html(report: Management, language: str) -> str:
    """A page to print, in Swedish or English."""
    return page("management.html", language, **page_values(report, language))


def management_paper(report: Management, language: str) -> Paper:
    """The report to be filed: its figures and charts, as a paper."""

    def t(swedish: str, english: str) -> str:
        return swedish if language == "sv" else english

    drawn = drawings(report, language)
    month = t("Månad", "Month")
    state = Table(
        headings=(
            *(month, t("Enhet", "Unit"), t("Läge", "Status"), t("Utvalda", "Selected"), t("Bedömda", "Answered")),
            *(t("Förfallna", "Overdue"), t("Eskalerade", "Escalated"), t("Undertecknat", "Signed")),
        ),
        rows=tuple(
            (
                *(cell.period, cell.unit, word("status", cell.status, language), str(cell.selected)),
                *(str(cell.answered), str(cell.overdue), str(cell.escalated)),
                f"{cell.signed_at[:10]} {cell.signed_by}",
            )
            for cell in report.cells.values()
        ),
        numbers=(3, 4, 5, 6),
    )
    answered = Table(
        headings=(month, t("Utvalda", "Selected"), t("Bedömda", "Answered"), "%"),
        rows=tuple((m.period, str(m.selected), str(m.answered), str(m.share)) for m in report.months),
        numbers=(1, 2, 3),
    )
    overdue = Table(
        headings=(month, t("Förfallna", "Overdue"), t("Inte utvalda enheter", "Units not selected")),
        rows=tuple((m.period, str(m.overdue), str(m.missing)) for m in report.months),
        numbers=(1, 2),
    )
    grounds = Table(
        headings=(month, *(word("grounds", name, language).capitalize() for name in _GROUNDS)),
        rows=tuple((m.period, *(str(m.grounds.get(name, 0)) for name in _GROUNDS)) for m in report.months),
        numbers=(1, 2, 3, 4),
    )
    charted = (
        (t("Bedömt av det utvalda", "Answered of the selected"), "share", answered),
        (t("Förfallet", "Overdue"), "overdue", overdue),
        (t("Vad som valdes ut", "What was selected"), "trend", grounds),
    )
    return Paper(
        language=language,
        title=t("Uppföljning av logggranskningen", "Follow-up of the log review"),
        about=", ".join(report.units) or "–",
        made=report.made,
        lead=", ".join(report.units) or t("inga enheter", "no units"),
        sections=(
            Section(heading=t("Täckning per enhet och månad", "Coverage by unit and month"), blocks=(state,)),
            *(
                Section(heading=heading, blocks=(Chart(svg=str(drawn[name]), label=heading), table))
                for heading, name, table in charted
                if name in drawn
            ),
        ),
    )


def page_values(report: Management, language: str) -> dict[str, object]:
    """What `management.html` is filled in with: the report and its charts."""
    return {"report": report, "drawn": drawings(report, language)}


def drawings(report: Management, language: str) -> dict[str, Markup]:
    """The charts ``share``, ``overdue`` and ``trend``; none where no month is known."""
    sv = language == "sv"
    if not report.periods:
        return {}
    days = [date.fromisoformat(f"{period}-01") for period in report.periods]
    names = [period[2:] if len(report.periods) > _ROOM else period for period in report.periods]
    return {
        "share": charts.columns(
            list(zip(names, (month.share for month in report.months), strict=True)),
            label="Bedömda händelser i procent av de utvalda, per månad"
            if sv
            else "Answered events in percent of the selected, by month",
            most=100,
        ),
        "overdue": charts.columns(
            list(zip(names, (month.overdue for month in report.months), strict=True)),
            label="Förfallna händelser per månad" if sv else "Overdue events by month",
        ),
        "trend": charts.lines(
            days,
            {word("grounds", name, language): [m.grounds.get(name, 0) for m in report.months] for name in _GROUNDS},
            label="Nödöppningar, utskrifter, nekade skrivförsök och flaggade händelser per månad"
            if sv
            else "Emergency accesses, prints, denied writes and flagged events by month",
        ),
    }
