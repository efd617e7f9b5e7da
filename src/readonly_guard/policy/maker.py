"""The process that makes policies ready for a guard that is busy: ``python -m readonly_guard.policy.maker``.

To compile policies and try them on their cases takes seconds of processor time, much of it inside regorus, where no
other thread of the process comes in. No session may wait so long. On standard input comes what the settings say of the
policies, in MessagePack; on standard output ``+`` and the engine, or ``-`` and what is wrong with the policies.
"""

from __future__ import annotations

import sys
from typing import Final

import msgspec

from readonly_guard.apart import ask_apart
from readonly_guard.errors import ConfigurationError, PolicyError
from readonly_guard.policy.bundle import SHIPPED
from readonly_guard.policy.embedded import EmbeddedEngine
from readonly_guard.policy.port import PolicyDecisionPoint
from readonly_guard.policy.prepared import Prepared
from readonly_guard.policy.source import decision_point
from readonly_guard.settings import PolicySettings

__all__ = ["decision_point_apart"]

_COMMAND: Final = ("-P", "-m", "readonly_guard.policy.maker")
"""``-P``: nothing is imported from the directory that the guard happens to be started in."""

_READY_S: Final = 120.0
"""Policies of a region, with a million care relations, take some seconds, on a busy machine half a minute."""


async def decision_point_apart(settings: PolicySettings) -> PolicyDecisionPoint:
    """As :func:`readonly_guard.policy.decision_point` with ``tried``, while the event loop serves on.

    Raises:
        ConfigurationError: the settings cannot be used, or the process cannot be started.
        PolicyError: the policies do not load in time, are not signed as they must be, or fail a case.
    """
    if settings.opa is not None:
        return decision_point(settings)
    try:
        said = await ask_apart(_COMMAND, msgspec.msgpack.encode(settings), deadline_s=_READY_S)
    except TimeoutError:
        raise PolicyError(
            f"{settings.source or SHIPPED}: not ready within {_READY_S:.0f} s; a built-in function makes too much "
            "(numbers.range, net.cidr_expand), or the data is too large to be loaded in that time"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the policies cannot be loaded: {sys.executable}: {error.strerror}") from error
    try:
        if said[:1] == b"+":
            return EmbeddedEngine.of(msgspec.msgpack.decode(said[1:], type=Prepared))
    except (msgspec.MsgspecError, RecursionError):
        said = b""
    raise PolicyError(said[1:].decode("utf-8", "replace") or "the process that loaded the policies failed")


def _main() -> None:
    settings = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=PolicySettings)
    try:
        point = decision_point(settings, tried=True)
    except ConfigurationError as error:
        answer = b"-" + str(error).encode()
    else:
        assert isinstance(point, EmbeddedEngine)  # noqa: S101  a server is not asked for here
        answer = b"+" + msgspec.msgpack.encode(point.prepared)
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    _main()
