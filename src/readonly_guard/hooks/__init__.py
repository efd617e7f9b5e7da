"""The places where plugins take part (pluggy): specifications and the manager that calls them safely."""

from readonly_guard.hooks.facts import gather, gather_now
from readonly_guard.hooks.manager import Hooks
from readonly_guard.hooks.specs import Announced, HookSpecs, PatientRegister, Receipt, Sink, hookimpl, hookspec

__all__ = [
    "Announced",
    "HookSpecs",
    "Hooks",
    "PatientRegister",
    "Receipt",
    "Sink",
    "gather",
    "gather_now",
    "hookimpl",
    "hookspec",
]
