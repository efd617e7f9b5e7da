"""The page put together: routes, headers, and the one place where a request becomes an actor.

Every form is checked before anything it says is looked at; every answer carries headers under which a browser runs no
script but ours and shows nothing of it elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from readonly_guard.errors import GuardError
from readonly_guard.review import Actor, BrokenLog, Desk, NotPossible
from readonly_guard.review.pages import environment
from readonly_guard_web.accounts import Accounts
from readonly_guard_web.figures import FigureViews
from readonly_guard_web.page import Page
from readonly_guard_web.sessions import LONGEST_S, Session, Sessions, Throttle
from readonly_guard_web.views import Views

__all__ = ["make_app"]

COOKIE: Final = "readonly_guard_review"
_MOST_BODY: Final = 256 * 1024
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
_TRIES: Final = 5
_TRIES_WITHIN_S: Final = 15 * 60
_MOST_REQUESTS: Final = 600
_REQUESTS_WITHIN_S: Final = 60

Form = dict[str, list[str]]


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


class _House:
    """What the routes share."""

    def __init__(self, desk: Desk, *, is_secure: bool, clock: Callable[[], float]) -> None:
        self.accounts = Accounts(desk.directory)
        self.sessions = Sessions(clock)
        self.tries = Throttle(most=_TRIES, within_s=_TRIES_WITHIN_S, clock=clock)
        self.requests = Throttle(most=_MOST_REQUESTS, within_s=_REQUESTS_WITHIN_S, clock=clock)
        self.templates = _templates()
        self.is_secure = is_secure

    def page(
        self,
        template: str,
        language: str,
        session: Session | None = None,
        status: int = 200,
        /,
        here: str = "",
        **values: Any,
    ) -> Response:
        notice = ""
        if session is not None:
            notice, session.notice = session.notice, ""
        text = self.templates.get_template(template).render(
            language=language,
            t=lambda sv, en: sv if language == "sv" else en,
            session=session,
            notice=notice,
            here=here,
            is_printed=values.pop("is_printed", False),
            new_form="" if session is None else session.new_form,
            **values,
        )
        return HTMLResponse(text, status)

    def trouble(self, error: GuardError, session: Session) -> Response:
        status = 503 if isinstance(error, BrokenLog) else 409 if isinstance(error, NotPossible) else 500
        return self.page(
            "trouble.html", session.language, session, status, what=str(error), is_broken=isinstance(error, BrokenLog)
        )


def make_app(desk: Desk, *, is_secure: bool, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """The page for a review's desk.

    Args:
        desk: the review.
        is_secure: the page is reached over TLS, so that cookies can be kept to it.
        clock: gives seconds, for sessions and patience.
    """
    house = _House(desk, is_secure=is_secure, clock=clock)
    views, figures = Views(desk), FigureViews(desk)
    routes = [
        Route("/sign-in", _sign_in(house), methods=["GET", "POST"]),
        Route("/sign-out", _posted(house, views.leave), methods=["POST"]),
        Route("/language", _posted(house, views.choose_language), methods=["POST"]),
        Route("/", _shown(house, views.inbox)),
        Route("/list", _shown(house, views.listing)),
        Route("/list.csv", _shown(house, views.csv)),
        Route("/clear", _posted(house, views.clear), methods=["POST"]),
        Route("/event/{event}", _shown(house, views.event)),
        Route("/event/{event}", _posted(house, views.step), methods=["POST"]),
        Route("/management", _shown(house, figures.management)),
        Route("/management.pdf", _shown(house, figures.management_pdf)),
        Route("/management.csv", _shown(house, figures.management_csv)),
        Route("/late", _shown(house, figures.late)),
        Route("/late", _posted(house, figures.look), methods=["POST"]),
        Route("/routine", _shown(house, figures.routine)),
        Route("/routine", _posted(house, figures.confirm), methods=["POST"]),
        Route("/protocol.pdf/{period}/{unit:path}", _shown(house, views.protocol_pdf)),
        Route("/protocol/{period}/{unit:path}", _shown(house, views.protocol)),
        Route("/protocol/{period}/{unit:path}", _posted(house, views.sign), methods=["POST"]),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(_Headers)
    return app


def _templates() -> Environment:
    made = environment().overlay()
    made.loader = ChoiceLoader([PackageLoader("readonly_guard_web"), PackageLoader("readonly_guard.review")])
    return made


Endpoint = Callable[[Request], Awaitable[Response]]
View = Callable[[Page], Any]


def _shown(house: _House, view: View) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        session = house.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return RedirectResponse("/sign-in", 303)
        return await _answer(house, request, session, view, {})

    return endpoint


def _posted(house: _House, view: View) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        name = request.cookies.get(COOKIE)
        session = house.sessions.find(name)
        if session is None:
            return RedirectResponse("/sign-in", 303)
        form = await _form(request)
        if form is None or not session.take_form(_first(form, "form")):
            what = ("Formuläret är redan skickat eller för gammalt. Ladda om sidan och försök igen.",
                    "The form was sent already, or is too old. Load the page again.")  # fmt: skip
            return house.page(
                "trouble.html", session.language, session, 403, what=what[session.language != "sv"], is_broken=False
            )
        answer = await _answer(house, request, session, view, form)
        if request.url.path == "/sign-out":
            house.sessions.end(name)
            answer.delete_cookie(COOKIE)
        return answer

    return endpoint


async def _answer(house: _House, request: Request, session: Session, view: View, form: Form) -> Response:
    if house.requests.is_too_often(session.user):
        return Response("too many requests", 429, {"retry-after": str(_REQUESTS_WITHIN_S)})
    house.requests.note(session.user)
    if session.user not in house.accounts.names():
        return RedirectResponse("/sign-in", 303)
    page = Page(
        actor=Actor(user=session.user, via="web"),
        session=session,
        path=dict(request.path_params),
        query={name: value for name, value in request.query_params.items() if value},
        form=form,
    )

    def work() -> Response:
        try:
            found = view(page)
        except GuardError as error:
            return house.trouble(error, session)
        if isinstance(found, Response):
            return found
        name, values = found
        return house.page(name, session.language, session, here=request.url.path, **values)

    return await run_in_threadpool(work)


def _sign_in(house: _House) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        language = "en" if request.query_params.get("language") == "en" else "sv"
        if request.method == "GET":
            return house.page("sign_in.html", language, problem="")
        form = await _form(request) or {}
        user, password = _first(form, "user")[:64], _first(form, "password")
        names = (f"user {user}", f"from {request.client.host if request.client else ''}")
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return Response("signing in from another site", 403)
        if house.tries.is_too_often(*names):
            return house.page("sign_in.html", language, None, 429, problem="often")
        if not await run_in_threadpool(house.accounts.is_right, user, password):
            house.tries.note(*names)
            return house.page("sign_in.html", language, None, 403, problem="wrong")
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, house.sessions.begin(user, language), max_age=LONGEST_S, httponly=True, samesite="strict",
            secure=house.is_secure,
        )  # fmt: skip
        return answer

    return endpoint


async def _form(request: Request) -> Form | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            return None
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20_000, encoding="utf-8", errors="strict")
    except ValueError:
        return None


def _first(form: Form, name: str) -> str:
    return form.get(name, [""])[0]
