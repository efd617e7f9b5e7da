"""asyncpg with the guard inside: for tool builders who import the library instead of running the proxy.

``gate`` stands in place of asyncpg's protocol object and has every text decided by ``desk``; ``opening`` judges the
parameters and puts the gate in place; ``guarded``, ``statements`` and ``pool`` are what callers see, wrappers without a
way past it; ``denied`` are the denials as exceptions.
"""

from readonly_guard.connection.connecting import connect
from readonly_guard.connection.denied import (
    AccessDenied,
    ConnectionDenied,
    FeatureDenied,
    StatementDenied,
    TooComplexDenied,
    UndecidedDenied,
    UnidentifiedDenied,
    UnreadableDenied,
    WriteDenied,
)
from readonly_guard.connection.guarded import CopyOptions, GuardedConnection
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
    "StatementDenied",
    "TooComplexDenied",
    "UndecidedDenied",
    "UnidentifiedDenied",
    "UnreadableDenied",
    "WriteDenied",
    "connect",
    "create_pool",
]
