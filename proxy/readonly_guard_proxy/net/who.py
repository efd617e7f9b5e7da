"""Who is connected: what of a session goes into every question."""

from __future__ import annotations

import msgspec

from readonly_guard.domain import Declared, Language, Session, Subject

__all__ = ["Who"]


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Who is connected, from where, and what was declared at startup."""

    subject: Subject
    session: Session
    initial: Declared
    language: Language
