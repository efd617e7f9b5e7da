"""Pages that stand by themselves: Jinja2 templates in Swedish and English, without anything from elsewhere.

Everything that comes from the log, a person or a file is escaped; a name that is not given is an error.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from readonly_guard.review.flags import FLAGS
from readonly_guard.review.periods import in_sweden
from readonly_guard.review.words import explain_code, word

__all__ = ["environment", "page"]


@cache
def environment() -> Environment:
    """What every template of the review is filled in with; treat it as constant, and take an overlay."""
    made = Environment(
        loader=PackageLoader("readonly_guard.review"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["local"] = lambda time: in_sweden(time).strftime("%Y-%m-%d %H:%M")
    made.filters["kind"] = lambda block: type(block).__name__.lower()
    made.globals.update(word=word, explain_code=explain_code, FLAGS=FLAGS)
    return made


def page(template: str, language: str, **values: Any) -> str:
    """A template filled in. ``t(sv, en)`` chooses between two texts."""

    def chosen(sv: str, en: str) -> str:
        return sv if language == "sv" else en

    return environment().get_template(template).render(language=language, t=chosen, **values)
