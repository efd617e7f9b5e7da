"""What the embedded engine's errors say, without their backtrace: `file:line:column: what`."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["explain", "place_of"]

# regorus writes the place, an excerpt of the source, the message, and a backtrace of its own code
_PLACE: Final = re.compile(r"^--> (?P<file>.+):(?P<line>\d+):(?P<column>\d+)$", re.MULTILINE)
_ERROR: Final = re.compile(r"^\s*(?:error|Compilation error): (?P<what>.+)$", re.MULTILINE)


def explain(error: BaseException) -> str:
    """The place and the message of an engine's error, on one line; for whoever writes the policies.

    The source excerpt is left out: it is in the file that is named. The message can quote values of the input.
    """
    text = _own_words(error)
    what = _ERROR.search(text)
    lines = text.splitlines()
    message = (what["what"] if what else lines[-1] if lines else type(error).__name__).strip().rstrip(":")
    return f"{place_of(error)}: {message}" if _PLACE.search(text) else message


def place_of(error: BaseException) -> str:
    """Where an engine's error arose; nothing of the input is in it."""
    place = _PLACE.search(_own_words(error))
    return "an unknown place" if place is None else f"{place['file']}:{place['line']}:{place['column']}"


def _own_words(error: BaseException) -> str:
    return str(error).partition("Stack backtrace:")[0].strip()
