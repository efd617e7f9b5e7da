"""A request that has been let in, and what a view may answer with."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from readonly_guard.errors import GuardError
from readonly_guard.review import Actor, NotPossible
from readonly_guard_web.sessions import Session

__all__ = ["Page", "Shown", "pdf_answer"]

Shown = tuple[str, dict[str, Any]] | Response
"""A template and its values, or an answer as it is."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has been let in."""

    actor: Actor
    session: Session
    path: dict[str, str]
    query: dict[str, str]
    form: dict[str, list[str]]

    def said(self, name: str) -> str:
        """What a field of the form says."""
        return self.form.get(name, [""])[0]

    def told(self, error: GuardError) -> str:
        """Why something was not possible, in the session's language where it has it."""
        return error.sv if isinstance(error, NotPossible) and self.session.language == "sv" else str(error)

    def notice(self, sv: str, en: str) -> None:
        """Say something on the next page."""
        self.session.notice = sv if self.session.language == "sv" else en


def pdf_answer(data: bytes, name: str) -> Response:
    """A PDF to keep, under a name of our own."""
    headers = {"content-disposition": f'attachment; filename="{name}.pdf"'}
    return Response(data, media_type="application/pdf", headers=headers)
