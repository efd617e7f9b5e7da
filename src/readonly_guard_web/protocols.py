"""The page of a protocol: what is missing before it can be signed, the signature, and what was signed."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from readonly_guard.audit import KeyRing
from readonly_guard.errors import ConfigurationError
from readonly_guard.review import BrokenLog, Desk, NotPossible, Period, protocol_paper, protocol_pdf
from readonly_guard_web.notary import Notary, Waiting
from readonly_guard_web.page import Page, Shown, pdf_answer
from readonly_guard_web.views import summary_of

__all__ = ["ProtocolViews"]


class ProtocolViews:
    """These pages of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._notary = Notary(desk)

    def show(self, page: Page) -> Shown:
        """The protocol, or what is missing before it can be signed."""
        desk, (period, unit) = self._desk, self._named(page)
        history = desk.ledger.history()
        signed = history.protocols.get((str(period), unit))
        if signed is not None:
            paper = protocol_paper(signed, KeyRing.beside(desk.ledger.path), page.session.language)
            link = f"/protocol.pdf/{period}/{quote(unit, safe='')}"
            return "paper.html", {"paper": paper, "files": [(link, "PDF")], "is_printed": True}
        last = self._notary.fault(period, unit)
        fault, reason, glance = str(last) if isinstance(last, BrokenLog) else "", "", None
        try:
            glance = None if fault else desk.log.glance()
            desk.protocol(history, page.actor, period, unit, () if glance is None else glance.chains)
        except BrokenLog as broken:
            fault, last = str(broken), None
        except (NotPossible, ConfigurationError) as error:
            reason = page.told(error)
        return "to_sign.html", {
            "summary": summary_of(desk, page, history, str(period), unit),
            "fault": fault,
            "glance": glance,
            "reason": reason,
            "percent": self._notary.percent(period, unit),
            "last": "" if last is None or fault else page.told(last),
            "may_sign": not reason and (not fault or last is not None),
            "outcomes": Counter(case.state for case in history.of(str(period), unit)),
        }

    def progress(self, page: Page) -> Shown:
        """How far the check has come that a signature waits for; when it is over, the page is to be loaded again."""
        period, unit = self._named(page)
        percent = self._notary.percent(period, unit)
        if percent is None:
            return Response(headers={"HX-Redirect": f"/protocol/{period}/{quote(unit, safe='')}"})
        return "signing.html", {"percent": percent}

    def pdf(self, page: Page) -> Response:
        """The signed protocol, to be kept."""
        desk, (period, unit) = self._desk, self._named(page)
        signed = desk.ledger.history().protocols.get((str(period), unit))
        if signed is None:
            raise NotPossible(
                "no signed protocol of that unit and month among yours",
                "Inget undertecknat protokoll för den enheten och månaden bland dina.",
            )
        data = protocol_pdf(signed, KeyRing.beside(desk.ledger.path), page.session.language)
        return pdf_answer(data, f"protokoll-{period}")

    def sign(self, page: Page) -> Response:
        """Sign it; where the log is large, when it has been checked."""
        desk, (period, unit) = self._desk, self._named(page)
        if desk.log.is_small:
            desk.sign(page.actor, period, unit)
        else:
            history = desk.ledger.history()
            desk.protocol(history, page.actor, period, unit, ())  # what forbids it is said at once
            seen = tuple(history.of(str(period), unit))
            self._notary.ask(period, unit, Waiting(actor=page.actor, seen=seen))
        return RedirectResponse(f"/protocol/{period}/{quote(unit, safe='')}", 303)

    def _named(self, page: Page) -> tuple[Period, str]:
        unit = page.path["unit"]
        try:
            period = Period.parse(page.path["period"])
        except ConfigurationError as error:
            raise NotPossible(str(error), "Månaden skrivs som 2026-10.") from None
        if unit not in self._desk.plan.units_of(page.actor.user):
            raise NotPossible("no protocol of that unit among yours", "Inget protokoll för den enheten bland dina.")
        return period, unit
