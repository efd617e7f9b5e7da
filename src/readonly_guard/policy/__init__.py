"""Policy decisions: the Rego that is asked, the engines that answer, and the strict reading of an answer."""

from readonly_guard.policy.bundle import PolicySet, load_policies
from readonly_guard.policy.embedded import EmbeddedEngine
from readonly_guard.policy.opa import OpaServer
from readonly_guard.policy.port import ENTRYPOINT, PolicyDecisionPoint, SyncPolicyDecisionPoint
from readonly_guard.policy.rego_test import FileCoverage, RegoTest, TestReport, run_tests

__all__ = [
    "ENTRYPOINT",
    "EmbeddedEngine",
    "FileCoverage",
    "OpaServer",
    "PolicyDecisionPoint",
    "PolicySet",
    "RegoTest",
    "SyncPolicyDecisionPoint",
    "TestReport",
    "load_policies",
    "run_tests",
]
