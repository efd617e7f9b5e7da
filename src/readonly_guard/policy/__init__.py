"""Policy decisions: the Rego that is asked, the engines that answer, and the strict reading of an answer."""

from readonly_guard.policy.annotations import Annotation, annotations_of
from readonly_guard.policy.bundle import PolicySet, load_policies, shipped_files
from readonly_guard.policy.case_table import CaseTable, Expected, PolicyCase
from readonly_guard.policy.embedded import EmbeddedEngine
from readonly_guard.policy.lint import Finding, lint
from readonly_guard.policy.maker import decision_point_apart
from readonly_guard.policy.modes import Judged, Modes
from readonly_guard.policy.opa import OpaServer
from readonly_guard.policy.port import ENTRYPOINT, PartialDecisionPoint, PolicyDecisionPoint, SyncPolicyDecisionPoint
from readonly_guard.policy.rego_test import FileCoverage, RegoTest, TestReport, run_tests
from readonly_guard.policy.residual import Residual
from readonly_guard.policy.scaffold import new_rule
from readonly_guard.policy.schema import Violation, find_violation
from readonly_guard.policy.source import decision_point, state_of
from readonly_guard.policy.trial import CaseFailure, differences, run_cases

__all__ = [
    "ENTRYPOINT",
    "Annotation",
    "CaseFailure",
    "CaseTable",
    "EmbeddedEngine",
    "Expected",
    "FileCoverage",
    "Finding",
    "Judged",
    "Modes",
    "OpaServer",
    "PartialDecisionPoint",
    "PolicyCase",
    "PolicyDecisionPoint",
    "PolicySet",
    "RegoTest",
    "Residual",
    "SyncPolicyDecisionPoint",
    "TestReport",
    "Violation",
    "annotations_of",
    "decision_point",
    "decision_point_apart",
    "differences",
    "find_violation",
    "lint",
    "load_policies",
    "new_rule",
    "run_cases",
    "run_tests",
    "shipped_files",
    "state_of",
]
