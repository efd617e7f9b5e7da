"""A check of the log in a process of its own, so that nobody else waits for it; it tells how far it is.

``python -m readonly_guard.review.checking`` is that process: it reads what to check as JSON on its standard input, and
writes lines of JSON: how far it is, now and then, and at last what it found.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit import Anchor, Progress, Verification
from readonly_guard.errors import ConfigurationError, GuardError
from readonly_guard.review.wholeness import BrokenLog, check_log

__all__ = ["check_apart"]

_COMMAND: Final = (sys.executable, "-P", "-m", "readonly_guard.review.checking")


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    journals: tuple[str, ...]
    public_keys: tuple[str, ...]
    anchors: tuple[Anchor, ...]


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line: progress, or the end with what was found, broken or wrong."""

    progress: tuple[int, int, int] | None = None
    found: dict[str, list[Verification]] | None = None
    broken: str = ""
    wrong: str = ""


def check_apart(
    journals: Sequence[str],
    *,
    public_keys: Sequence[str],
    anchors: Sequence[Anchor],
    progress: Callable[[Progress], None],
) -> dict[Path, list[Verification]]:
    """Check as `check_log` does, in a process of its own.

    Raises:
        BrokenLog: as `check_log`.
        ConfigurationError: as `check_log`; or the process could not be started, or ended without an answer.
    """
    question = _Question(journals=tuple(journals), public_keys=tuple(public_keys), anchors=tuple(anchors))
    said = _Said()
    try:
        with subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # the terminal's Ctrl-C is for the page
        ) as process:
            try:
                if process.stdin is not None and process.stdout is not None:
                    process.stdin.write(msgspec.json.encode(question))
                    process.stdin.close()
                    for line in process.stdout:
                        said = msgspec.json.decode(line, type=_Said)
                        if said.progress is not None:
                            progress(Progress(*said.progress))
            finally:
                process.kill()
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"the log could not be checked: {type(error).__name__}; try again") from error
    if said.broken:
        raise BrokenLog(said.broken)
    if said.found is None:
        raise ConfigurationError(said.wrong or "the check of the log ended without an answer; try again")
    return {Path(journal): found for journal, found in said.found.items()}


def main() -> None:
    """The process."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)

    def tell(progress: Progress) -> None:
        _say(_Said(progress=(progress.records, progress.bytes, progress.total_bytes)))

    try:
        found = check_log(question.journals, public_keys=question.public_keys, anchors=question.anchors, progress=tell)
    except BrokenLog as broken:
        _say(_Said(broken=str(broken)))
    except GuardError as error:
        _say(_Said(wrong=str(error)))
    else:
        _say(_Said(found={str(journal): verified for journal, verified in found.items()}))


def _say(said: _Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
