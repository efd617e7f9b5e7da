"""The page *Loggutdrag*: a patient's extract of the log, made by those who look after the log.

What is asked for is sent by a form, so that no address, no history and no access log holds a personnummer. What is made
is held by the session for as long as that lasts, under a name that nobody can guess.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from starlette.responses import RedirectResponse, Response

from readonly_guard.moments import rfc3339
from readonly_guard.review import SWEDEN, Desk, Extract, NotPossible, in_sweden, make_extract, paper_pdf
from readonly_guard_web.page import Page, Shown, pdf_answer
from readonly_guard_web.sessions import Throttle

__all__ = ["ExtractViews"]

_MOST: Final = 30
_WITHIN_S: Final = 3600
_MOST_NAMES: Final = 20


class ExtractViews:
    """This page of one desk.

    Args:
        desk: the review.
        clock: gives seconds.
    """

    def __init__(self, desk: Desk, clock: Callable[[], float]) -> None:
        self._desk = desk
        self._made = Throttle(most=_MOST, within_s=_WITHIN_S, clock=clock)

    def ask(self, page: Page) -> Shown:
        """Whose extract, of which time."""
        self._desk.standing.check_officer(page.actor)
        today = in_sweden(self._desk.now_text()).date()
        return "extract.html", {"first": today.replace(day=1) - timedelta(days=365), "last": today, "problem": ""}

    def make(self, page: Page) -> Shown:
        """Make it; that it was asked for is recorded first."""
        desk = self._desk
        desk.standing.check_officer(page.actor)
        if self._made.is_too_often(page.actor.user):
            raise NotPossible(
                f"more than {_MOST} extracts in an hour; wait a while",
                f"Fler än {_MOST} loggutdrag på en timme. Vänta en stund.",
            )
        self._made.note(page.actor.user)
        desk.log.glance()  # an extract of a log that is known to be broken is none
        try:
            made = self._extract(page)
        except NotPossible as error:
            days = {name: page.said(name) for name in ("first", "last")}
            return "extract.html", {**days, "problem": page.told(error)}
        return RedirectResponse(f"/extract/{page.session.keep(made)}", 303)

    def _extract(self, page: Page) -> Extract:
        first, last = _day(page.said("first")), _day(page.said("last"))
        patients = [item for item in page.said("patient").split(",") if item.strip()]
        if first is None or last is None or last < first or not patients:
            raise NotPossible(
                "name a patient and two days, the first not after the last",
                "Ange en patient och två dagar, den första inte efter den sista.",
            )
        return make_extract(
            self._desk,
            page.actor,
            patients=patients[:_MOST_NAMES],
            since=_beginning(first),
            until=_beginning(last + timedelta(days=1)),
            language="en" if page.said("language") == "en" else "sv",
            with_names=page.said("names") == "yes",
        )

    def show(self, page: Page) -> Shown:
        """The paper."""
        name = page.path["name"]
        files = [(f"/extract.pdf/{name}", "PDF"), (f"/extract.csv/{name}", "Excel (CSV)")]
        return "paper.html", {"paper": self._kept(page).paper, "files": files, "is_printed": True}

    def pdf(self, page: Page) -> Response:
        """The same, to be handed over."""
        paper = self._kept(page).paper
        return pdf_answer(paper_pdf(paper), f"loggutdrag-{paper.made[:10]}")

    def csv(self, page: Page) -> Response:
        """The same, for Excel."""
        headers = {"content-disposition": 'attachment; filename="loggutdrag.csv"'}
        return Response(self._kept(page).csv, media_type="text/csv", headers=headers)

    def _kept(self, page: Page) -> Extract:
        self._desk.standing.check_officer(page.actor)
        found = page.session.kept(page.path["name"])
        if not isinstance(found, Extract):
            raise NotPossible(
                "the extract is not kept any more; make it again", "Utdraget finns inte kvar. Gör det på nytt."
            )
        return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _beginning(day: date) -> str:
    """A day's first moment in Sweden."""
    return rfc3339(datetime(day.year, day.month, day.day, tzinfo=SWEDEN))
