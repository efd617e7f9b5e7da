"""readonly-guard: the technical control behind read mode, as a library.

>>> from readonly_guard import Guard
>>> with Guard.open(journal="journal", data=["roster.json"]) as guard:
...     decision = guard.check("DELETE FROM person", subject="alind", purpose="TREAT")
>>> decision.allowed, decision.codes
(False, ('RG-W05',))

Here is what tool builders need; the floors below are in `readonly_guard.domain` (values), `readonly_guard.sql`
(readings), `readonly_guard.policy`, `readonly_guard.hooks`, `readonly_guard.audit`.

`Guard` and the connections come when they are first asked for: with them come a policy engine and a driver, and a
process that only reads texts needs neither.
"""

import importlib
import typing

from readonly_guard.domain import (
    Analysis,
    Decision,
    Declared,
    Effect,
    Reading,
    Reason,
    Session,
    StatementRequest,
    Subject,
    Verdict,
)
from readonly_guard.errors import ConfigurationError, GuardError
from readonly_guard.hooks import hookimpl
from readonly_guard.settings import Settings, load_settings
from readonly_guard.sql import Analyzer

if typing.TYPE_CHECKING:
    from readonly_guard.connection import (
        AccessDenied,
        ConnectionDenied,
        FeatureDenied,
        GuardedConnection,
        GuardedPool,
        StatementDenied,
        TooComplexDenied,
        UndecidedDenied,
        UnreadableDenied,
        WriteDenied,
        connect,
        create_pool,
    )
    from readonly_guard.guard import Guard

__all__ = [
    "AccessDenied",
    "Analysis",
    "Analyzer",
    "ConfigurationError",
    "ConnectionDenied",
    "Decision",
    "Declared",
    "Effect",
    "FeatureDenied",
    "Guard",
    "GuardError",
    "GuardedConnection",
    "GuardedPool",
    "Reading",
    "Reason",
    "Session",
    "Settings",
    "StatementDenied",
    "StatementRequest",
    "Subject",
    "TooComplexDenied",
    "UndecidedDenied",
    "UnreadableDenied",
    "Verdict",
    "WriteDenied",
    "connect",
    "create_pool",
    "hookimpl",
    "load_settings",
]


def __getattr__(name: str) -> object:  # PEP 562
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module("readonly_guard.guard" if name == "Guard" else "readonly_guard.connection")
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
