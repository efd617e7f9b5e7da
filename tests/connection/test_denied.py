"""Denials as exceptions: every SQLSTATE that a code carries has its class, and they survive pickling."""

from __future__ import annotations

import pickle

import asyncpg
import pytest

from readonly_guard.codes import CORE_CODES
from readonly_guard.connection import AccessDenied, ConnectionDenied, StatementDenied
from readonly_guard.connection.denied import denied
from readonly_guard.domain import Analysis, Decision, Reason, Verdict, core_reason


def decision(*reasons: Reason) -> Decision:
    return Decision(
        decision_id="d-1", verdict=Verdict.DENY, analysis=Analysis(reasons=reasons), action="write", reasons=reasons
    )


# who may log in is the proxy's to say, before there are statements
@pytest.mark.parametrize("code", sorted(code for code in CORE_CODES if not code.startswith("RG-A")))
def test_a_core_code_becomes_the_exception_of_its_sqlstate(code) -> None:
    error = denied(decision(core_reason(code, "table person", position=8)))
    assert error.sqlstate == CORE_CODES[code].sqlstate
    assert isinstance(error, StatementDenied)
    assert isinstance(error, asyncpg.PostgresError)
    assert type(error) is not StatementDenied
    assert str(error).startswith(f"readonly-guard: {CORE_CODES[code].en} ({code})")
    assert "DETAIL:  table person" in str(error)
    assert (error.position, error.codes) == ("8", (code,))


def test_a_policys_code_is_a_lack_of_privilege() -> None:
    error = denied(decision(Reason(code="RG-X99", rule="test", sv="nej", en="no")), "sv")
    assert type(error) is AccessDenied
    assert "nej" in str(error)


def test_they_survive_pickling() -> None:
    error = denied(decision(core_reason("RG-W05")), "sv")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert (type(again), str(again), again.decision) == (type(error), str(error), error.decision)
    refused = ConnectionDenied([core_reason("RG-T06", "role (pinned)"), core_reason("RG-T07")], "sv")
    assert str(pickle.loads(pickle.dumps(refused))) == str(refused)  # noqa: S301  our own
    assert refused.codes == ("RG-T06", "RG-T07")


def test_the_servers_own_errors_are_still_asyncpgs() -> None:
    # a subclass of an asyncpg exception must not take its place when the server raises one
    for kind in (
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.FeatureNotSupportedError,
    ):
        assert type(asyncpg.PostgresError.new({"C": kind.sqlstate, "M": "from the server"})) is kind
