"""What mypy is to say about a tool's mistakes: the code that it gives stands behind each. It is not run."""

from __future__ import annotations

import asyncpg

import readonly_guard
from readonly_guard import Guard, GuardedConnection, StatementDenied


async def mistakes(guard: Guard, connection: GuardedConnection) -> None:
    """One a line."""
    await readonly_guard.connect("postgresql://x")  # call-arg
    await readonly_guard.connect(guard=guard, connection_class=asyncpg.Connection)  # call-arg
    await readonly_guard.connect(guard=guard, subject=7)  # arg-type
    await readonly_guard.connect(guard=guard, language="de")  # arg-type
    readonly_guard.create_pool(guard=guard, connect=asyncpg.connect)  # call-arg
    await connection.declare(purpose=7)  # arg-type
    await connection.declare(purpos="TREAT")  # call-arg
    await connection.execute(7)  # arg-type
    await connection.copy_from_query("SELECT 1", output=7)  # arg-type
    connection.transaction(isolation="strict")  # arg-type
    connection.purpose  # attr-defined
    guard.check("SELECT 1")  # call-arg
    try:
        connection.cursor("SELECT 1")
    except StatementDenied as error:
        error.decision.action = "read"  # misc
