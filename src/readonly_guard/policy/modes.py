"""What becomes of a policy's denials: enforced, shown as a warning, or only recorded, by rule and by listener.

For beginning: a guard in front of a database that people work with is first run with ``dry_run``, and its log read. The
write lock, the log and plugins know no mode: what they deny is denied.
"""

from __future__ import annotations

from typing import NamedTuple

from readonly_guard.codes import is_write_lock
from readonly_guard.domain import Reason
from readonly_guard.settings import Mode, PolicySettings

__all__ = ["Judged", "Modes"]


class Judged(NamedTuple):
    """A policy's denials by what becomes of them."""

    enforced: tuple[Reason, ...]
    warned: tuple[Reason, ...]
    rehearsed: tuple[Reason, ...]

    @property
    def not_enforced(self) -> tuple[str, ...]:
        """The codes of denials that deny nothing."""
        return tuple(reason.code for reason in (*self.warned, *self.rehearsed))


class Modes:
    """The modes of the settings; a rule's own goes before its listener's, and that before the general one.

    Args:
        settings: of the policies.
    """

    def __init__(self, settings: PolicySettings) -> None:
        self._settings = settings
        self._is_plain = settings.mode == "enforce" and not settings.rules and not settings.listeners

    def judge(self, denials: tuple[Reason, ...], listener: str) -> Judged:
        """Part the denials of one answer."""
        if self._is_plain or not denials:
            return Judged(denials, (), ())
        modes = [self._mode(reason, listener) for reason in denials]
        by_mode = {
            wanted: tuple(reason for reason, mode in zip(denials, modes, strict=True) if mode == wanted)
            for wanted in ("enforce", "warn", "dry_run")
        }
        return Judged(by_mode["enforce"], by_mode["warn"], by_mode["dry_run"])

    def _mode(self, reason: Reason, listener: str) -> Mode:
        settings = self._settings
        if is_write_lock(reason.code):
            return "enforce"
        of_listener = settings.listeners.get(listener, settings.mode)
        return settings.rules.get(reason.code) or settings.rules.get(reason.rule) or of_listener
