"""The pages of figures: follow-up for management, information added in read mode, and who has confirmed the routine."""

from __future__ import annotations

from itertools import groupby

from starlette.responses import RedirectResponse, Response

from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339
from readonly_guard.review import (
    Desk,
    NotPossible,
    acknowledgements,
    figures_of,
    import_acknowledgements,
    in_sweden,
    late_total,
    look_for_late_writes,
    management_csv,
    management_paper,
    page_values,
    paper_pdf,
    read_acknowledgements,
)
from readonly_guard_web.page import Page, Shown, pdf_answer

__all__ = ["FigureViews"]


class FigureViews:
    """These pages of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def management(self, page: Page) -> Shown:
        """How far the review has come, what is overdue, what the trend is."""
        report = figures_of(self._desk, page.actor, self._desk.now())
        files = [("/management.pdf", "PDF"), ("/management.csv", "Excel (CSV)")]
        return "management.html", {**page_values(report, page.session.language), "files": files, "is_printed": True}

    def management_pdf(self, page: Page) -> Response:
        """The same, to be filed."""
        report = figures_of(self._desk, page.actor, self._desk.now())
        return pdf_answer(paper_pdf(management_paper(report, page.session.language)), f"uppfoljning-{report.made[:10]}")

    def management_csv(self, page: Page) -> Response:
        """The same, for Excel."""
        report = figures_of(self._desk, page.actor, self._desk.now())
        headers = {"content-disposition": 'attachment; filename="uppfoljning.csv"'}
        return Response(management_csv(report), media_type="text/csv", headers=headers)

    def late(self, page: Page) -> Shown:
        """What was added in read mode, as far as somebody looked."""
        found = self._desk.ledger.history().late
        return "late.html", {
            "found": found[-1] if found else None,
            "total": late_total(found[-1]) if found else 0,
            "earlier": [(record.time, late_total(record)) for record in found[-13:-1]][::-1],
            "is_officer": self._desk.standing.is_officer(page.actor.user),
            "is_set_up": self._desk.plan.late_writes is not None,
        }

    def look(self, page: Page) -> Response:
        """Look at the database now."""
        self._desk.standing.check_officer(page.actor)
        number = late_total(look_for_late_writes(self._desk, page.actor))
        page.notice(f"Kontrollerat: {number} rader.", f"Checked: {number} rows.")
        return RedirectResponse("/late", 303)

    def routine(self, page: Page) -> Shown:
        """Who has confirmed the routine, unit by unit."""
        now = in_sweden(rfc3339(self._desk.now())).date()
        people = acknowledgements(self._desk, self._desk.ledger.history(), page.actor, now)
        units = [(unit, list(members)) for unit, members in groupby(people, key=lambda one: one.unit)]
        return "routine.html", {"units": units, "is_officer": self._desk.standing.is_officer(page.actor.user)}

    def confirm(self, page: Page) -> Response:
        """Import a report of who has."""
        self._desk.standing.check_officer(page.actor)
        try:
            dates = read_acknowledgements(self._desk, page.said("report"))
            import_acknowledgements(self._desk, page.actor, dates, rfc3339(self._desk.now()))
        except ConfigurationError as error:
            raise NotPossible(str(error), f"Rapporten kan inte läsas in: {error}") from None
        number = len(dates)
        if number == 1:
            page.notice("1 bekräftelse inläst.", "1 confirmation imported.")
        else:
            page.notice(f"{number} bekräftelser inlästa.", f"{number} confirmations imported.")
        return RedirectResponse("/routine", 303)
