"""The error tree: every exception this project raises on purpose.

The tree separates whose mistake it is, because each wants another answer::

    GuardError
    ├── ConfigurationError      the operator's: a setting, a policy or a file; the guard refuses to start
    │   └── PolicyError         a Rego module or a data document that does not load
    ├── PeerError               the other side's: bytes that are not the PostgreSQL protocol
    └── DecisionUnavailable     ours: no decision can be made now, so the answer is a denial
        ├── PolicyUnavailable   the policy engine gave no usable answer (RG-SYS-001)
        │   └── ConditionNotMet an answer on a condition that this guard does not carry out (RG-SYS-005)
        ├── LogUnavailable      the log cannot be written (RG-SYS-002)
        └── PluginFailed        a plugin raised or was late (RG-SYS-003)

StatementDenied with its kinds, and ConnectionDenied, are asyncpg's exceptions as well and stand in
`readonly_guard.connection.denied`.

Reason codes are values, not exceptions: `readonly_guard.codes`.
"""

from __future__ import annotations

__all__ = [
    "ConditionNotMet",
    "ConfigurationError",
    "DecisionUnavailable",
    "GuardError",
    "LogUnavailable",
    "PeerError",
    "PluginFailed",
    "PolicyError",
    "PolicyUnavailable",
]


class GuardError(Exception):
    """The root: every error this project raises on purpose."""


class ConfigurationError(GuardError):
    """A setting, file or argument is wrong; the text names it and says what to write instead."""


class PolicyError(ConfigurationError):
    """A policy or its data does not load; the text names file and line."""


class PeerError(GuardError):
    """The other side of a connection broke the protocol; the connection cannot go on."""


class DecisionUnavailable(GuardError):  # noqa: N818  a state of the world, not a defect of the call
    """No decision can be made now. Whoever catches this denies."""

    code: str = "RG-SYS-001"


class PolicyUnavailable(DecisionUnavailable):
    """The policy engine failed, was late, or answered something that is not an answer."""

    code = "RG-SYS-001"


class ConditionNotMet(PolicyUnavailable):
    """The policy answers on a condition that this guard does not carry out, so that nothing is released."""

    code = "RG-SYS-005"


class LogUnavailable(DecisionUnavailable):
    """The decision could not be made durable, so nothing may be released."""

    code = "RG-SYS-002"


class PluginFailed(DecisionUnavailable):
    """A plugin raised or exceeded its deadline; the text names the plugin."""

    code = "RG-SYS-003"
