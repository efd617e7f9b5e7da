"""The page put together: its routes, and the headers of every answer, under which a browser runs no script but ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from readonly_guard.review import Desk
from readonly_guard_web.doors import posted, shown, sign_in
from readonly_guard_web.extracts import ExtractViews
from readonly_guard_web.figures import FigureViews
from readonly_guard_web.house import House
from readonly_guard_web.protocols import ProtocolViews
from readonly_guard_web.running import RunViews
from readonly_guard_web.views import Views

__all__ = ["make_app"]

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class _Headers:
    """Puts the headers on every answer; what is no static file is kept nowhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if not scope["path"].startswith("/static/"):
                    headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, sending)


def make_app(desk: Desk, *, is_secure: bool, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """The page for a review's desk.

    Args:
        desk: the review.
        is_secure: the page is reached over TLS, so that cookies can be kept to it.
        clock: gives seconds, for sessions and patience.
    """
    house = House(desk, is_secure=is_secure, clock=clock)
    protocols = ProtocolViews(desk)
    views, figures, runs, extracts = Views(desk), FigureViews(desk), RunViews(desk), ExtractViews(desk, clock)
    routes = [
        Route("/sign-in", sign_in(house), methods=["GET", "POST"]),
        Route("/sign-out", posted(house, views.leave), methods=["POST"]),
        Route("/language", posted(house, views.choose_language), methods=["POST"]),
        Route("/", shown(house, views.inbox)),
        Route("/list", shown(house, views.listing)),
        Route("/list.csv", shown(house, views.csv)),
        Route("/clear", posted(house, views.clear), methods=["POST"]),
        Route("/event/{event}", shown(house, views.event)),
        Route("/event/{event}", posted(house, views.step), methods=["POST"]),
        Route("/management", shown(house, figures.management)),
        Route("/management.pdf", shown(house, figures.management_pdf)),
        Route("/management.csv", shown(house, figures.management_csv)),
        Route("/late", shown(house, figures.late)),
        Route("/late", posted(house, figures.look), methods=["POST"]),
        Route("/extract", shown(house, extracts.ask)),
        Route("/extract", posted(house, extracts.make), methods=["POST"]),
        Route("/extract/{name}", shown(house, extracts.show)),
        Route("/extract.pdf/{name}", shown(house, extracts.pdf)),
        Route("/extract.csv/{name}", shown(house, extracts.csv)),
        Route("/log", shown(house, runs.log)),
        Route("/log", posted(house, runs.run), methods=["POST"]),
        Route("/routine", shown(house, figures.routine)),
        Route("/routine", posted(house, figures.confirm), methods=["POST"]),
        Route("/protocol.pdf/{period}/{unit:path}", shown(house, protocols.pdf)),
        Route("/protocol/{period}/{unit:path}", shown(house, protocols.show)),
        Route("/protocol/{period}/{unit:path}", posted(house, protocols.sign), methods=["POST"]),
        Route("/signing/{period}/{unit:path}", shown(house, protocols.progress)),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(_Headers)
    return app
