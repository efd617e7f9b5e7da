"""asyncpg with the guard inside: for tool builders who import the library instead of running the proxy.

``gate`` stands in place of asyncpg's protocol object; ``passage`` has every text decided before it goes on, by
``desk``, which knows on whose behalf; ``arguments`` are what the log is told of values. ``opening`` judges the
parameters and puts the gate in place. What callers see are wrappers without a way past it: ``guarded`` and ``pool``,
which share what is in ``asking``, and ``statements``. ``denied`` are the denials as exceptions.
"""

from readonly_guard.connection.asking import CopyOptions
from readonly_guard.connection.connecting import connect
from readonly_guard.connection.denied import (
    AccessDenied,
    ConnectionDenied,
    FeatureDenied,
    StatementDenied,
    TooComplexDenied,
    UndecidedDenied,
    UnreadableDenied,
    WriteDenied,
)
from readonly_guard.connection.guarded import GuardedConnection, ReportedSettings
from readonly_guard.connection.opening import ConnectOptions
from readonly_guard.connection.pool import Acquisition, GuardedPool, create_pool
from readonly_guard.connection.statements import (
    GuardedCursor,
    GuardedCursorFactory,
    GuardedPreparedStatement,
    GuardedTransaction,
)

__all__ = [
    "AccessDenied",
    "Acquisition",
    "ConnectOptions",
    "ConnectionDenied",
    "CopyOptions",
    "FeatureDenied",
    "GuardedConnection",
    "GuardedCursor",
    "GuardedCursorFactory",
    "GuardedPool",
    "GuardedPreparedStatement",
    "GuardedTransaction",
    "ReportedSettings",
    "StatementDenied",
    "TooComplexDenied",
    "UndecidedDenied",
    "UnreadableDenied",
    "WriteDenied",
    "connect",
    "create_pool",
]
